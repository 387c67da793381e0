// json.encode, json.decode, json.null and json.array. Bounded in depth, and what is written in size: tables may name
// each other many times. What is under way lies in objects of the thread, not of a frame that an error of Lua would
// leave.
#include <fmt/format.h>

#include <cmath>

#include "gateway/lua/machine.h"
#include "gateway/policies/documents.h"

namespace tl::gateway {

namespace {

constexpr const char* kArray = "tl.array";
constexpr size_t kMostText = 4 << 20;

thread_local Document t_document;
thread_local std::string t_text;

void push_value(lua_State* state, const Document& value) {
    luaL_checkstack(state, 4, "the document is too deep");
    switch (value.type()) {
        case Document::value_t::boolean: return lua_pushboolean(state, static_cast<int>(value.get<bool>()));
        case Document::value_t::number_integer:
        case Document::value_t::number_unsigned:
        case Document::value_t::number_float: return lua_pushnumber(state, value.get<double>());
        case Document::value_t::string: {
            const auto& text = value.get_ref<const std::string&>();
            lua_pushlstring(state, text.data(), text.size());
            return;
        }
        case Document::value_t::array:
            lua_createtable(state, static_cast<int>(value.size()), 0);
            for (size_t i = 0; i < value.size(); ++i) {
                push_value(state, value[i]);
                lua_rawseti(state, -2, static_cast<int>(i + 1));
            }
            luaL_getmetatable(state, kArray);
            lua_setmetatable(state, -2);
            return;
        case Document::value_t::object:
            lua_createtable(state, 0, static_cast<int>(value.size()));
            for (const auto& [name, member] : value.items()) {
                lua_pushlstring(state, name.data(), name.size());
                push_value(state, member);
                lua_rawset(state, -3);
            }
            return;
        default: return lua_pushlightuserdata(state, nullptr);
    }
}

int decode(lua_State* state) {
    size_t length = 0;
    const char* const bytes = luaL_checklstring(state, 1, &length);
    if (length > kMostText) return luaL_error(state, "json.decode: the text is larger than 4 MB");
    {
        auto read = read_json({bytes, length});
        if (read) t_document = std::move(*read);
        t_text = read ? std::string{} : read.error().message();
    }
    if (!t_text.empty()) {  // as Lua's own functions say that something did not work
        lua_pushnil(state);
        lua_pushlstring(state, t_text.data(), t_text.size());
        return 2;
    }
    push_value(state, t_document);
    t_document = nullptr;
    return 1;
}

void append_text(std::string_view text) {
    t_text += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_array(lua_State* state) {
    if (lua_getmetatable(state, -1) != 0) {
        luaL_getmetatable(state, kArray);
        const bool same = lua_rawequal(state, -1, -2) != 0;
        lua_pop(state, 2);
        if (same) return true;
    }
    return lua_objlen(state, -1) > 0;
}

void append_value(lua_State* state, size_t depth);

void append_array(lua_State* state, size_t depth) {
    t_text += '[';
    const size_t count = lua_objlen(state, -1);
    for (size_t i = 1; i <= count; ++i) {
        if (i > 1) t_text += ',';
        lua_rawgeti(state, -1, static_cast<int>(i));
        append_value(state, depth);
        lua_pop(state, 1);
    }
    t_text += ']';
}

void append_object(lua_State* state, size_t depth) {
    t_text += '{';
    bool first = true;
    for (lua_pushnil(state); lua_next(state, -2) != 0; lua_pop(state, 1)) {
        if (lua_type(state, -2) != LUA_TSTRING) luaL_error(state, "json.encode: names of members must be texts");
        if (!first) t_text += ',';
        first = false;
        size_t length = 0;
        const char* const name = lua_tolstring(state, -2, &length);
        append_text({name, length});
        t_text += ':';
        append_value(state, depth);
    }
    t_text += '}';
}

// The value on top.
void append_value(lua_State* state, size_t depth) {
    if (depth > kMostDepth)
        luaL_error(state, "json.encode: the tables are nested deeper than %d", static_cast<int>(kMostDepth));
    if (t_text.size() > kMostText) luaL_error(state, "json.encode: the document is larger than 4 MB");
    luaL_checkstack(state, 6, "the tables are too deep");
    switch (lua_type(state, -1)) {
        case LUA_TNIL: t_text += "null"; return;
        case LUA_TLIGHTUSERDATA: t_text += "null"; return;
        case LUA_TBOOLEAN: t_text += lua_toboolean(state, -1) != 0 ? "true" : "false"; return;
        case LUA_TNUMBER: {
            const double number = lua_tonumber(state, -1);
            if (!std::isfinite(number)) luaL_error(state, "json.encode: JSON has no such number");
            const bool whole = std::abs(number) < 9007199254740992.0 && number == std::floor(number);
            t_text += whole ? fmt::to_string(static_cast<int64_t>(number)) : fmt::to_string(number);
            return;
        }
        case LUA_TSTRING: {
            size_t length = 0;
            const char* const bytes = lua_tolstring(state, -1, &length);
            return append_text({bytes, length});
        }
        case LUA_TTABLE: return is_array(state) ? append_array(state, depth + 1) : append_object(state, depth + 1);
        default: luaL_error(state, "json.encode: a %s is nothing for JSON", luaL_typename(state, -1));
    }
}

int encode(lua_State* state) {
    luaL_checkany(state, 1);
    lua_settop(state, 1);
    t_text.clear();
    append_value(state, 0);
    lua_pushlstring(state, t_text.data(), t_text.size());
    return 1;
}

// A table that is written as a list also when it is empty.
int array(lua_State* state) {
    if (lua_gettop(state) == 0) lua_newtable(state);
    luaL_checktype(state, 1, LUA_TTABLE);
    luaL_getmetatable(state, kArray);
    lua_setmetatable(state, 1);
    lua_settop(state, 1);
    return 1;
}

}  // namespace

void open_json(lua_State* state) {
    luaL_newmetatable(state, kArray);
    lua_pop(state, 1);
    lua_newtable(state);
    lua_pushcfunction(state, encode);
    lua_setfield(state, -2, "encode");
    lua_pushcfunction(state, decode);
    lua_setfield(state, -2, "decode");
    lua_pushcfunction(state, array);
    lua_setfield(state, -2, "array");
    lua_pushlightuserdata(state, nullptr);
    lua_setfield(state, -2, "null");
    lua_setglobal(state, "json");
}

}  // namespace tl::gateway
