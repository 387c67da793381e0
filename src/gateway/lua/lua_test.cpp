// The sandbox and its budgets. What scripts do to requests: tests/conformance/test_policy_lua.py.
#include <gtest/gtest.h>

#include "gateway/lua/machine.h"

namespace tl::gateway {
namespace {

std::string error_of(const std::string& text, LuaBudget budget = {}) {
    const auto made = LuaMachine::make({"test.lua", text}, budget);
    return made ? "" : made.error();
}

TEST(Lua, a_script_says_which_functions_it_has) {
    const auto made =
        LuaMachine::make({"a.lua", "function on_request(r) end on_response = function() end on_x = 1"}, {});
    ASSERT_TRUE(made.has_value()) << made.error();
    EXPECT_TRUE((*made)->phases().request);
    EXPECT_TRUE((*made)->phases().response);
    EXPECT_FALSE((*made)->phases().request_body);
    EXPECT_FALSE((*made)->phases().response_body);
    EXPECT_EQ(error_of("x = = 1"), "test.lua:1: unexpected symbol near '='");
    EXPECT_EQ(error_of("\n\nerror('no')"), "test.lua:3: no");
}

TEST(Lua, nothing_of_the_machine_is_in_reach) {
    for (const char* const name :
         {"io",        "ffi",       "jit",        "debug",       "package",        "require", "dofile",
          "loadfile",  "load",      "loadstring", "coroutine",   "collectgarbage", "setfenv", "getfenv",
          "module",    "newproxy",  "print",      "string.dump", "os.execute",     "os.exit", "os.getenv",
          "os.remove", "os.rename", "os.tmpname", "os.setlocale"}) {
        EXPECT_EQ(error_of(std::string{"assert("} + name + " == nil)"), "") << name;
    }
    EXPECT_EQ(error_of("assert(getmetatable('') == false)"), "");
    EXPECT_EQ(error_of("assert(('x'):rep(3) == 'xxx' and ('abc'):find('c') == 3)"), "");
    EXPECT_NE(error_of("\x1bLJ\x02"), "") << "bytecode";
}

TEST(Lua, no_script_takes_more_than_its_budgets) {
    const LuaBudget small{.memory = 1 << 20, .instructions = 50'000};
    EXPECT_EQ(error_of("while true do end", small), "test.lua:1: it takes more than 50000 instructions");
    // It cannot be caught.
    EXPECT_NE(error_of("while true do pcall(function() while true do end end) end", small), "");
    EXPECT_NE(error_of("local function again() return pcall(again) end while true do again() end", small), "");
    EXPECT_NE(error_of("local function f() return f() end f()", small), "");
    EXPECT_NE(error_of("local function f() return 1 + f() end f()", small), "") << "the stack";
    EXPECT_EQ(error_of("local t = {} for i = 1, 1e4 do t[i] = ('x'):rep(1000) .. i end", small), "not enough memory");
    EXPECT_EQ(error_of("return ('x'):rep(1e9)", small), "not enough memory");
    EXPECT_NE(error_of("return ('a'):rep(70000):find('.-.-.-b')", small).find("patterns are for texts"),
              std::string::npos);
    EXPECT_EQ(error_of("assert(('a'):rep(70000):find('b', 1, true) == nil)", small), "");
    EXPECT_NE(error_of("return ('a'):rep(1e6):find(('a'):rep(1e5) .. 'b', 1, true)").find("too long for find"),
              std::string::npos);
    EXPECT_NE(error_of("json.decode(('1'):rep(5e6))", {.memory = 64 << 20}).find("larger than 4 MB"),
              std::string::npos);
    EXPECT_EQ(error_of("for i = 1, 1000 do local t = ('x'):rep(100000) .. i end", {.memory = 1 << 20}), "")
        << "garbage is collected";
}

TEST(Lua, json_goes_both_ways) {
    EXPECT_EQ(error_of(R"(
        local t = json.decode('{"a":[1,2.5,"x",null,true],"b":{},"c":[],"d":"\\u00e4"}')
        assert(t.a[1] == 1 and t.a[2] == 2.5 and t.a[3] == 'x' and t.a[4] == json.null and t.a[5] == true)
        assert(json.encode(t.a) == '[1,2.5,"x",null,true]')
        assert(json.encode(t.b) == '{}' and json.encode(t.c) == '[]' and json.encode(json.array()) == '[]')
        assert(json.encode({ k = 'a"\n' }) == '{"k":"a\\"\\n"}' and json.encode(3) == '3' and json.encode(-0.5) == '-0.5')
        assert(json.encode(t.d) == '"ä"' and json.encode('\255') == '"\239\191\189"')
        local none, why = json.decode('{')
        assert(none == nil and type(why) == 'string')
    )"),
              "");
    EXPECT_NE(error_of("json.encode(function() end)"), "");
    EXPECT_NE(error_of("json.encode(0/0)"), "");
    EXPECT_NE(error_of("json.encode({ [1.5] = 2 })"), "");
    EXPECT_NE(error_of("local t = {} t.t = t json.encode(t)").find("nested deeper"), std::string::npos);
    EXPECT_NE(error_of("local t = {1} for i = 1, 40 do t = {t, t} end json.encode(t)").find("larger than 4 MB"),
              std::string::npos);
    EXPECT_NE(error_of("assert(json.decode(('['):rep(1000)) == nil) error('deep')").find("deep"), std::string::npos);
}

TEST(Lua, call_is_no_function_of_the_script_itself) {
    EXPECT_NE(error_of("call('users')").find("call() is for on_request"), std::string::npos);
}

}  // namespace
}  // namespace tl::gateway
