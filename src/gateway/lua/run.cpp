#include "gateway/lua/run.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "codec/http1.h"
#include "gateway/policies/headers.h"

namespace tl::gateway {

namespace {

constexpr size_t kMostHeaders = 64;

// A table {status, headers, body} and what else the caller asks for. Raw access alone: no function of the script runs.
struct Message {
    lua_State* state;
    int table;

    [[nodiscard]] bool get(const char* name) const {  // pushes it
        lua_pushstring(state, name);
        lua_rawget(state, table);
        return !lua_isnil(state, -1);
    }
    // A text or a number; what is neither is an error of the script.
    [[nodiscard]] std::string text(const char* name) const {
        std::string found;
        if (get(name)) {
            if (lua_isstring(state, -1) == 0) luaL_error(state, "%s must be a text", name);
            size_t length = 0;
            const char* const bytes = lua_tolstring(state, -1, &length);
            found.assign(bytes, length);
        }
        lua_pop(state, 1);
        return found;
    }
    [[nodiscard]] int status() const {
        int found = 0;
        if (get("status")) {
            if (lua_isnumber(state, -1) == 0) luaL_error(state, "status must be a number");
            found = static_cast<int>(lua_tointeger(state, -1));
        }
        lua_pop(state, 1);
        return found;
    }
    void headers(std::vector<std::pair<std::string, std::string>>& into) const {
        if (get("headers")) {
            if (!lua_istable(state, -1)) luaL_error(state, "headers must be a table of names and texts");
            for (lua_pushnil(state); lua_next(state, -2) != 0; lua_pop(state, 1)) {
                if (lua_type(state, -2) != LUA_TSTRING || lua_isstring(state, -1) == 0)
                    luaL_error(state, "headers must be a table of names and texts");
                if (into.size() == kMostHeaders) luaL_error(state, "there are more than 64 headers");
                const std::string_view name = lua_tostring(state, -2);
                if (const auto why = header_fault(name)) luaL_error(state, "header %s %s", name.data(), why->c_str());
                size_t length = 0;
                const char* const bytes = lua_tolstring(state, -1, &length);
                std::string value;
                Template::append_coded(value, {bytes, length}, Template::Target::header);
                into.emplace_back(name, std::move(value));
            }
        }
        lua_pop(state, 1);
    }
};

}  // namespace

LuaRun::LuaRun(std::shared_ptr<LuaMachine> machine, LuaSubject subject, int64_t instructions)
    : machine_(std::move(machine)), subject_(subject), left_(instructions) {}

LuaRun::~LuaRun() {
    if (object_ != nullptr) *object_ = nullptr;
    lua_State* const state = machine_->state();
    luaL_unref(state, LUA_REGISTRYINDEX, object_ref_);
    luaL_unref(state, LUA_REGISTRYINDEX, thread_ref_);
}

LuaRun::Step LuaRun::start(const char* function, std::optional<std::string_view> body_shown) {
    auto prepare = [&](lua_State* state) {
        thread_ = lua_newthread(state);
        thread_ref_ = luaL_ref(state, LUA_REGISTRYINDEX);
        lua_getglobal(state, function);
        object_ = push_object(state, subject_.status != nullptr);
        lua_pushvalue(state, -1);
        object_ref_ = luaL_ref(state, LUA_REGISTRYINDEX);
        if (body_shown) lua_pushlstring(state, body_shown->data(), body_shown->size());
        lua_xmove(state, thread_, body_shown ? 3 : 2);
    };
    std::string failed = machine_->guarded(prepare);
    if (!failed.empty()) return fail(std::move(failed));
    *object_ = this;
    return go_on(body_shown ? 2 : 1);
}

LuaRun::Step LuaRun::resume(const proxy::SubResponse& answer) {
    auto push = [&](lua_State* state) {
        lua_createtable(state, 0, 4);
        lua_pushinteger(state, answer.status);
        lua_setfield(state, -2, "status");
        lua_pushlstring(state, answer.body.data(), answer.body.size());
        lua_setfield(state, -2, "body");
        lua_createtable(state, 0, static_cast<int>(answer.headers.size()));
        for (const auto& [name, value] : answer.headers) {
            const std::string low = base::lower(name);
            lua_pushlstring(state, value.data(), value.size());
            lua_setfield(state, -2, low.c_str());
        }
        lua_setfield(state, -2, "headers");
        if (answer.cause != proxy::Cause::none) {
            lua_pushlstring(state, proxy::info(answer.cause).code.data(), proxy::info(answer.cause).code.size());
            lua_setfield(state, -2, "cause");
        }
        lua_xmove(state, thread_, 1);
    };
    std::string failed = machine_->guarded(push);
    if (!failed.empty()) return fail(std::move(failed));
    return go_on(1);
}

LuaRun::Step LuaRun::fail(std::string why) {
    error = base::printable(why);
    return Step::failed;
}

LuaRun::Step LuaRun::go_on(int arguments) {
    calls_ = false;
    machine_->begin(left_, this);
    const int ended = lua_resume(thread_, arguments);
    const int results = lua_gettop(thread_);
    std::string failed = ended == 0 || ended == LUA_YIELD ? std::string{} : machine_->take_error(thread_, ended);
    Step step = Step::done;
    if (ended == LUA_YIELD) {
        step = take_call(results);
    } else if (failed.empty()) {
        auto take = [&](lua_State* state) {
            if (results == 0) return;
            lua_settop(thread_, 1);
            lua_xmove(thread_, state, 1);
            take_result(state);
        };
        failed = machine_->guarded(take);
    }
    machine_->end();
    if (!failed.empty()) return fail(std::move(failed));
    return step;
}

// call(service, {method, path, headers, body}).
LuaRun::Step LuaRun::take_call(int arguments) {
    call = {};
    auto take = [&](lua_State* state) {
        lua_xmove(thread_, state, arguments);
        const int first = lua_gettop(state) - arguments + 1;
        if (!calls_) luaL_error(state, "only call() may wait");
        call.service = lua_tostring(state, first);
        if (arguments < 2) return;
        const Message message{state, first + 1};
        if (const std::string method = message.text("method"); !method.empty()) call.request.method = method;
        if (const std::string path = message.text("path"); !path.empty()) call.request.target = path;
        if (!codec::is_token(call.request.method)) luaL_error(state, "method must be a word such as POST");
        const bool target = call.request.target.starts_with('/') &&
                            call.request.target.find_first_of(std::string_view{" \t\r\n\0#", 6}) == std::string::npos &&
                            call.request.target.size() <= 8192;
        if (!target) luaL_error(state, "path must begin with / and have no white space");
        message.headers(call.request.headers);
        call.request.body = message.text("body");
    };
    std::string failed = machine_->guarded(take);
    if (!failed.empty()) return fail(std::move(failed));
    return Step::calls;
}

void LuaRun::take_result(lua_State* state) {
    if (lua_isnil(state, -1)) return;
    if (lua_type(state, -1) == LUA_TSTRING) {
        size_t length = 0;
        const char* const bytes = lua_tolstring(state, -1, &length);
        body.emplace(bytes, length);
        return;
    }
    if (!lua_istable(state, -1) || subject_.status != nullptr) {
        luaL_error(state, "it must return nothing, the new body%s",
                   subject_.status != nullptr ? "" : ", or an answer such as { status = 403 }");
    }
    const Message message{state, lua_gettop(state)};
    const int status = message.status();
    if (status < 200 || status > 599) luaL_error(state, "an answer needs a status from 200 to 599");
    reply = std::make_unique<proxy::OwnReply>();
    reply->status = static_cast<uint16_t>(status);
    message.headers(reply->headers);
    reply->body = message.text("body");
}

}  // namespace tl::gateway
