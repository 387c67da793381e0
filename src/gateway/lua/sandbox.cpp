// What scripts may use of Lua's own library. Left out: files, processes, modules, foreign functions, loading of code,
// coroutines (a run is one), garbage collection, and bytecode.
#include <array>
#include <string_view>

#include "gateway/lua/machine.h"

namespace tl::gateway {

namespace {

constexpr size_t kMostSubject = 64 << 10;
constexpr size_t kMostCompared = 256 << 20;  // bytes of a text times those that are looked for in it

// Patterns are matched by C code that counts no instructions, and take the square of the subject's length and more: so
// that length has a bound. The original is the first upvalue.
int matched(lua_State* state) {
    size_t length = 0;
    luaL_checklstring(state, 1, &length);
    const bool plain = lua_toboolean(state, lua_upvalueindex(2)) != 0 && lua_toboolean(state, 4) != 0;
    if (length > kMostSubject && !plain)
        return luaL_error(state, "patterns are for texts of up to 64 KB; this has %d", static_cast<int>(length));
    if (plain && length * lua_objlen(state, 2) > kMostCompared)
        return luaL_error(state, "these texts are too long for find");
    const int given = lua_gettop(state);
    lua_pushvalue(state, lua_upvalueindex(1));
    lua_insert(state, 1);
    lua_call(state, given, LUA_MULTRET);
    return lua_gettop(state);
}

void remove_global(lua_State* state, const char* name) {
    lua_pushnil(state);
    lua_setglobal(state, name);
}

void open_library(lua_State* state, lua_CFunction open, const char* name) {
    lua_pushcfunction(state, open);
    lua_pushstring(state, name);
    lua_call(state, 1, 0);
}

// Of a library: only these stay.
template <size_t N>
void keep_only(lua_State* state, const char* library, const std::array<const char*, N>& names) {
    lua_newtable(state);
    lua_getglobal(state, library);
    for (const char* const name : names) {
        lua_getfield(state, -1, name);
        lua_setfield(state, -3, name);
    }
    lua_pop(state, 1);
    lua_setglobal(state, library);
}

}  // namespace

void open_sandbox(lua_State* state) {
    open_library(state, luaopen_base, "");
    open_library(state, luaopen_string, LUA_STRLIBNAME);
    open_library(state, luaopen_table, LUA_TABLIBNAME);
    open_library(state, luaopen_math, LUA_MATHLIBNAME);
    open_library(state, luaopen_os, LUA_OSLIBNAME);
    open_library(state, luaopen_bit, LUA_BITLIBNAME);
    for (const char* const name :
         {"dofile", "loadfile", "load", "loadstring", "require", "module", "newproxy", "print", "collectgarbage",
          "coroutine", "getfenv", "setfenv", "gcinfo", "package", "_VERSION"}) {
        remove_global(state, name);
    }
    keep_only(state, "os", std::array{"time", "date", "clock", "difftime"});
    lua_getglobal(state, "string");
    lua_pushnil(state);
    lua_setfield(state, -2, "dump");
    for (const std::string_view name : {"find", "match", "gmatch", "gsub"}) {
        lua_getfield(state, -1, name.data());
        lua_pushboolean(state, static_cast<int>(name == "find"));
        lua_pushcclosure(state, matched, 2);
        lua_setfield(state, -2, name.data());
    }
    // Methods of texts: s:find(...) finds the same functions, and the metatable itself is nobody's.
    lua_pushliteral(state, "");
    lua_getmetatable(state, -1);
    lua_pushvalue(state, -3);
    lua_setfield(state, -2, "__index");
    lua_pushboolean(state, 0);
    lua_setfield(state, -2, "__metatable");
    lua_pop(state, 3);
}

}  // namespace tl::gateway
