#include "gateway/lua/machine.h"

#include <cstdlib>

namespace tl::gateway {

namespace {

constexpr int kStep = 1000;  // instructions between two looks at the budget

bool has_function(lua_State* state, const char* name) {
    lua_getglobal(state, name);
    const bool found = lua_isfunction(state, -1);
    lua_pop(state, 1);
    return found;
}

}  // namespace

LuaMachine& LuaMachine::of(lua_State* state) {
    void* self = nullptr;
    lua_getallocf(state, &self);
    return *static_cast<LuaMachine*>(self);
}

void* LuaMachine::allocate(void* self, void* memory, size_t before, size_t wanted) {
    auto& machine = *static_cast<LuaMachine*>(self);
    if (wanted == 0) {
        machine.used_ -= before;
        std::free(memory);
        return nullptr;
    }
    if (wanted > before && machine.used_ - before + wanted > machine.budget_.memory) {
        machine.spent_ = true;
        return nullptr;
    }
    void* const moved = std::realloc(memory, wanted);
    if (moved != nullptr) machine.used_ += wanted - before;
    return moved;
}

// What has used up its budget is ended at every instruction from there on: it cannot catch that and go on.
void LuaMachine::count(lua_State* state, lua_Debug* /*what*/) {
    LuaMachine& machine = of(state);
    if (machine.left_ == nullptr) return;
    *machine.left_ -= kStep;
    if (*machine.left_ > 0) return;
    lua_sethook(state, &LuaMachine::count, LUA_MASKCOUNT, 1);
    luaL_where(state, 0);
    lua_pushfstring(state, "it takes more than %d instructions", static_cast<int>(machine.budget_.instructions));
    lua_concat(state, 2);
    lua_error(state);
}

void LuaMachine::begin(int64_t& left, LuaRun* run) {
    left_ = &left;
    running_ = run;
    lua_sethook(state_, &LuaMachine::count, LUA_MASKCOUNT, kStep);
}

void LuaMachine::end() {
    left_ = nullptr;
    running_ = nullptr;
    lua_sethook(state_, nullptr, 0, 0);
    // Garbage of requests that are over is no reason to refuse memory to the next one.
    if (used_ > budget_.memory / 2) lua_gc(state_, LUA_GCCOLLECT, 0);
}

std::string LuaMachine::take_error(lua_State* thread, int status) {
    if (status == LUA_ERRMEM) spent_ = true;
    size_t length = 0;
    const bool told = lua_type(thread, -1) == LUA_TSTRING;
    const char* const text = told ? lua_tolstring(thread, -1, &length) : nullptr;
    std::string error = told ? std::string{text, length} : "it raised an error that is no text";
    lua_pop(thread, 1);
    return error.substr(0, 500);
}

std::string LuaMachine::load(const LuaScript& script) {
    luaJIT_setmode(state_, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    // Where memory is short it is collected early: a refusal of it is an error at once, without a last collection.
    lua_gc(state_, LUA_GCSETPAUSE, 110);
    lua_gc(state_, LUA_GCSETSTEPMUL, 1000);
    const std::string name = "@" + script.name;
    auto open = [&](lua_State* state) {
        open_sandbox(state);
        open_objects(state);
        open_json(state);
        // Text only ("t"): bytecode is not checked by anybody.
        if (luaL_loadbufferx(state, script.text.data(), script.text.size(), name.c_str(), "t") != 0) lua_error(state);
        lua_call(state, 0, 0);
        phases_ = {.request = has_function(state, "on_request"),
                   .request_body = has_function(state, "on_request_body"),
                   .response = has_function(state, "on_response"),
                   .response_body = has_function(state, "on_response_body")};
    };
    int64_t left = budget_.instructions;
    begin(left, nullptr);
    std::string error = guarded(open);
    end();
    return error;
}

std::expected<std::shared_ptr<LuaMachine>, std::string> LuaMachine::make(const LuaScript& script,
                                                                         const LuaBudget& budget) {
    const std::shared_ptr<LuaMachine> machine{new LuaMachine(budget)};
    machine->state_ = lua_newstate(&LuaMachine::allocate, machine.get());
    if (machine->state_ == nullptr) return std::unexpected("there is no memory for a Lua state");
    std::string error = machine->load(script);
    if (!error.empty()) return std::unexpected(std::move(error));
    return machine;
}

LuaMachine::~LuaMachine() {
    if (state_ != nullptr) lua_close(state_);
}

}  // namespace tl::gateway
