// `request` and `response` as scripts see them, and call(). What a script writes is data: values are coded so that none
// can end a header, and what frames a message is not to be touched. Nothing here holds an object of C++ where Lua may
// raise an error.
#include <fmt/format.h>

#include <array>
#include <cstring>

#include "base/text.h"
#include "gateway/client_ip.h"
#include "gateway/lua/run.h"
#include "gateway/policies/headers.h"
#include "proxy/client.h"

namespace tl::gateway {

namespace {

constexpr const char* kRequest = "tl.request";
constexpr const char* kResponse = "tl.response";
constexpr size_t kMostValue = 8192;
constexpr size_t kMostTarget = 8192;

LuaRun& run_of(lua_State* state) {
    auto* const run = static_cast<LuaRun**>(lua_touserdata(state, 1));
    if (run == nullptr || lua_getmetatable(state, 1) == 0) luaL_error(state, "use request:name(...), with a colon");
    lua_pop(state, 1);
    if (*run == nullptr) luaL_error(state, "this request is over");
    return **run;
}

// Before bytes go into the request's arena.
proxy::RequestContext& room_of(lua_State* state, size_t bytes) {
    LuaRun& run = run_of(state);
    if (!run.may_keep(bytes)) luaL_error(state, "one function may write 256 KB of headers, notes and values");
    return *run.subject().context;
}

std::string_view text_at(lua_State* state, int index) {
    size_t length = 0;
    const char* const bytes = luaL_checklstring(state, index, &length);
    return {bytes, length};
}

void push(lua_State* state, std::string_view text) { lua_pushlstring(state, text.data(), text.size()); }

// In the request's arena, so that nothing of C++ is in the way when Lua raises it.
const char* kept(proxy::RequestContext& context, std::string_view text) {
    return context.arena.concat(text, std::string_view{"\0", 1}).data();
}

int get_header(lua_State* state) {
    const codec::Header* const found = run_of(state).subject().headers->find(text_at(state, 2));
    if (found == nullptr) return 0;
    push(state, found->value);
    return 1;
}

// All of them: names in lower case, several lines of one name joined (RFC 9110 5.3).
int get_headers(lua_State* state) {
    LuaRun& run = run_of(state);
    lua_newtable(state);
    for (const codec::Header& header : *run.subject().headers) {
        char* const low = room_of(state, header.name.size()).arena.allocate(header.name.size());
        for (size_t i = 0; i < header.name.size(); ++i) low[i] = base::to_lower(header.name[i]);
        const std::string_view name{low, header.name.size()};
        push(state, name);
        push(state, name);
        lua_rawget(state, -3);
        if (lua_isnil(state, -1)) {
            lua_pop(state, 1);
            push(state, header.value);
        } else {
            lua_pushliteral(state, ", ");
            push(state, header.value);
            lua_concat(state, 3);
        }
        lua_rawset(state, -3);
    }
    return 1;
}

// A field that no script may write: why, in the arena; nullptr: it may.
const char* fault_of(proxy::RequestContext& context, std::string_view name) {
    const auto why = header_fault(name);
    return why ? kept(context, *why) : nullptr;
}

int set_header(lua_State* state) {
    LuaRun& run = run_of(state);
    const std::string_view name = text_at(state, 2);
    proxy::RequestContext& context =
        room_of(state, name.size() + (lua_type(state, 3) == LUA_TSTRING ? lua_objlen(state, 3) : 0));
    if (const char* const why = fault_of(context, name)) return luaL_error(state, "header %s %s", name.data(), why);
    run.subject().headers->remove(name);
    if (lua_isnoneornil(state, 3)) return 0;
    const std::string_view value = text_at(state, 3);
    if (value.size() > kMostValue) return luaL_error(state, "the value of %s is longer than 8 KB", name.data());
    std::string_view coded;
    {
        std::string text;
        Template::append_coded(text, value, Template::Target::header);
        coded = context.arena.copy(text);
    }
    run.subject().headers->add(context.arena.copy(name), coded);
    return 0;
}

int remove_header(lua_State* state) {
    lua_settop(state, 2);
    return set_header(state);
}

// What {NAME} is in other policies: "claim.sub", "path.id", "query.page".
int get_value(lua_State* state) {
    const std::string_view name = text_at(state, 2);
    proxy::RequestContext& context = room_of(state, name.size());
    const char* wrong = nullptr;
    std::string_view value;
    {
        const auto made = Template::parse(fmt::format("{{{}}}", name));
        if (made) value = made->expand(context, Template::Target::document);
        if (!made) wrong = kept(context, made.error());
    }
    if (wrong != nullptr) return luaL_error(state, "%s", wrong);
    if (value.empty()) return 0;
    room_of(state, value.size());
    push(state, value);
    return 1;
}

int note(lua_State* state) {
    const std::string_view text = text_at(state, 2);
    proxy::RequestContext& context = room_of(state, 64);
    context.note("lua", context.arena.copy(base::printable(text, 64)));
    return 0;
}

int set_target(lua_State* state) {
    const std::string_view target = text_at(state, 2);
    proxy::RequestContext& context = room_of(state, target.size());
    const bool plain = target.starts_with('/') && target.size() <= kMostTarget;
    for (const char c : target) {
        if (plain && c > ' ' && c < '\x7f' && c != '#') continue;
        return luaL_error(state, "a target must begin with / and be ASCII without white space and #, 8 KB at most");
    }
    if (!plain) return luaL_error(state, "a target must begin with /");
    context.upstream_target = context.arena.copy(target);
    return 0;
}

bool has_body(int status) { return status != 204 && status != 205 && status != 304; }

int set_status(lua_State* state) {
    LuaRun& run = run_of(state);
    const auto status = static_cast<int>(luaL_checkinteger(state, 2));
    const bool fits = status >= 200 && status <= 599 && has_body(status) == has_body(*run.subject().status);
    if (!fits)
        return luaL_error(state, "an answer of %d cannot become one of %d", static_cast<int>(*run.subject().status),
                          status);
    *run.subject().status = static_cast<uint16_t>(status);
    return 0;
}

struct Property {
    const char* name;
    std::string_view (*get)(proxy::RequestContext&);
};

constexpr std::array<Property, 8> kProperties{{
    {"method", [](proxy::RequestContext& context) -> std::string_view { return context.head().method_text; }},
    {"path", [](proxy::RequestContext& context) { return context.path; }},
    {"query", [](proxy::RequestContext& context) -> std::string_view { return context.head().query; }},
    {"host", [](proxy::RequestContext& context) -> std::string_view { return context.head().authority; }},
    {"scheme",
     [](proxy::RequestContext& context) -> std::string_view { return proxy::is_secure(context) ? "https" : "http"; }},
    {"client_ip", [](proxy::RequestContext& context) { return ip_text(context.client_address(), context.arena); }},
    {"route", [](proxy::RequestContext& context) -> std::string_view { return context.route->rule.name; }},
    {"service", [](proxy::RequestContext& context) -> std::string_view { return context.route->service; }},
}};

// A method of the class (the upvalue), or a property of the request.
int index(lua_State* state) {
    LuaRun& run = run_of(state);
    lua_pushvalue(state, 2);
    lua_rawget(state, lua_upvalueindex(1));
    if (!lua_isnil(state, -1)) return 1;
    if (lua_type(state, 2) == LUA_TSTRING) {
        const char* const name = lua_tostring(state, 2);
        if (run.subject().status != nullptr && std::strcmp(name, "status") == 0) {
            lua_pushinteger(state, *run.subject().status);
            return 1;
        }
        for (const Property& property : kProperties) {
            if (std::strcmp(name, property.name) != 0) continue;
            push(state, property.get(room_of(state, 0)));
            return 1;
        }
        return luaL_error(state, "there is no \"%s\" here", name);
    }
    return 0;
}

int new_index(lua_State* state) {
    return luaL_error(state, "this cannot be written; use set_header, set_target or set_status");
}

int call(lua_State* state) {
    LuaRun* const run = LuaMachine::of(state).running();
    luaL_checkstring(state, 1);
    if (!lua_isnoneornil(state, 2)) luaL_checktype(state, 2, LUA_TTABLE);
    if (run == nullptr || !run->subject().may_call)
        return luaL_error(state, "call() is for on_request, of a policy that names the services (calls: [...])");
    run->note_call();
    lua_settop(state, lua_isnoneornil(state, 2) ? 1 : 2);
    return lua_yield(state, lua_gettop(state));
}

void make_class(lua_State* state, const char* name, std::initializer_list<luaL_Reg> methods) {
    luaL_newmetatable(state, name);
    lua_newtable(state);
    for (const luaL_Reg& method : methods) {
        lua_pushcfunction(state, method.func);
        lua_setfield(state, -2, method.name);
    }
    lua_pushcclosure(state, index, 1);
    lua_setfield(state, -2, "__index");
    lua_pushcfunction(state, new_index);
    lua_setfield(state, -2, "__newindex");
    lua_pushboolean(state, 0);
    lua_setfield(state, -2, "__metatable");
    lua_pop(state, 1);
}

}  // namespace

void open_objects(lua_State* state) {
    make_class(state, kRequest,
               {{"header", get_header},
                {"headers", get_headers},
                {"set_header", set_header},
                {"remove_header", remove_header},
                {"set_target", set_target},
                {"value", get_value},
                {"note", note}});
    make_class(state, kResponse,
               {{"header", get_header},
                {"headers", get_headers},
                {"set_header", set_header},
                {"remove_header", remove_header},
                {"set_status", set_status},
                {"value", get_value},
                {"note", note}});
    lua_pushcfunction(state, call);
    lua_setglobal(state, "call");
}

LuaRun** push_object(lua_State* state, bool response) {
    auto* const object = static_cast<LuaRun**>(lua_newuserdata(state, sizeof(LuaRun*)));
    *object = nullptr;
    luaL_getmetatable(state, response ? kResponse : kRequest);
    lua_setmetatable(state, -2);
    return object;
}

}  // namespace tl::gateway
