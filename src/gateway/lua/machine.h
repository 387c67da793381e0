// A Lua state of one core with its budgets: memory by its allocator, instructions by a hook. Scripts see a sandbox: no
// files, no processes, no foreign functions, no bytecode (that of LuaJIT is not checked and could do anything).
// LuaJIT's interpreter alone runs them, for code that it compiles does not count its instructions. One core; shared by
// the runs that are under way, so that it outlives a reload.
#pragma once

#include <cstddef>
#include <expected>
#include <lua.hpp>
#include <memory>
#include <string>

#include "gateway/lua/script.h"

namespace tl::gateway {

class LuaRun;

class LuaMachine {
  public:
    // Runs the script once, which defines its functions. The error is Lua's, with file and line.
    [[nodiscard]] static std::expected<std::shared_ptr<LuaMachine>, std::string> make(const LuaScript& script,
                                                                                      const LuaBudget& budget);
    ~LuaMachine();
    LuaMachine(const LuaMachine&) = delete;
    LuaMachine& operator=(const LuaMachine&) = delete;

    [[nodiscard]] lua_State* state() const { return state_; }
    [[nodiscard]] const LuaPhases& phases() const { return phases_; }
    // It has been out of memory: what comes next takes a new one.
    [[nodiscard]] bool spent() const { return spent_; }
    [[nodiscard]] size_t used() const { return used_; }

    // Before and after each stretch of a run, and of the script itself (nullptr); `left` is what it may still do, and
    // is counted down.
    void begin(int64_t& left, LuaRun* run);
    void end();
    // The run that is under way; for functions that the script calls.
    [[nodiscard]] LuaRun* running() const { return running_; }
    // Calls `work(lua_State*)` so that an error of Lua in it is returned; "" when it went well.
    template <class Work>
    [[nodiscard]] std::string guarded(Work& work) {
        const int failed = lua_cpcall(
            state_,
            [](lua_State* state) {
                (*static_cast<Work*>(lua_touserdata(state, 1)))(state);
                return 0;
            },
            &work);
        return failed == 0 ? std::string{} : take_error(state_, failed);
    }
    // The error on top of `thread`, as text.
    [[nodiscard]] std::string take_error(lua_State* thread, int status);

    // The machine that a state belongs to.
    [[nodiscard]] static LuaMachine& of(lua_State* state);

  private:
    explicit LuaMachine(const LuaBudget& budget) : budget_(budget) {}
    static void* allocate(void* self, void* memory, size_t before, size_t wanted);
    static void count(lua_State* state, lua_Debug* what);
    [[nodiscard]] std::string load(const LuaScript& script);

    LuaBudget budget_;
    lua_State* state_ = nullptr;
    LuaPhases phases_;
    size_t used_ = 0;
    bool spent_ = false;
    int64_t* left_ = nullptr;  // of the run that is under way
    LuaRun* running_ = nullptr;
};

// The sandbox (sandbox.cpp): what scripts may use, as globals.
void open_sandbox(lua_State* state);
// The classes of `request` and `response`, and `call` (objects.cpp).
void open_objects(lua_State* state);
// json.encode and json.decode (lua_json.cpp).
void open_json(lua_State* state);

}  // namespace tl::gateway
