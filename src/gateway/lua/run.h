// One function of a script at work for one request: it is begun, calls services as often as it likes (the caller makes
// the calls and resumes it), and ends with what it wants. One core; lives in the caller's frame.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "codec/headers.h"
#include "gateway/lua/machine.h"
#include "proxy/request_context.h"
#include "proxy/subrequest.h"

namespace tl::gateway {

// What the objects of a script stand for; everything outlives the run.
struct LuaSubject {
    proxy::RequestContext* context = nullptr;
    codec::HeaderTable* headers = nullptr;  // of the request, or of the answer
    uint16_t* status = nullptr;             // of the answer; nullptr: this is the request
    bool may_call = false;
};

// What a script has asked for by call().
struct LuaCall {
    std::string service;
    proxy::Subrequest request;
};

class LuaRun {
  public:
    enum class Step : uint8_t { done, calls, failed };

    LuaRun(std::shared_ptr<LuaMachine> machine, LuaSubject subject, int64_t instructions);
    ~LuaRun();
    LuaRun(const LuaRun&) = delete;
    LuaRun& operator=(const LuaRun&) = delete;

    // With the object, and with `body` where there is one.
    [[nodiscard]] Step start(const char* function, std::optional<std::string_view> body = std::nullopt);
    // After `calls`: the call's answer.
    [[nodiscard]] Step resume(const proxy::SubResponse& answer);

    [[nodiscard]] const LuaSubject& subject() const { return subject_; }
    // Room in the request's arena for what a script writes, which is there until the request ends; false: it has had
    // its share.
    [[nodiscard]] bool may_keep(size_t bytes) { return (kept_ += bytes + kEach) <= kMostKept; }
    // By call(), before it leaves the script.
    void note_call() { calls_ = true; }
    LuaCall call;                            // of `calls`
    std::string error;                       // of `failed`
    std::unique_ptr<proxy::OwnReply> reply;  // of `done`: it answers in the service's place
    std::optional<std::string> body;         // of `done`: the new body

  private:
    static constexpr size_t kMostKept = 256 << 10;
    static constexpr size_t kEach = 64;

    [[nodiscard]] Step go_on(int arguments);
    [[nodiscard]] Step fail(std::string why);
    void take_result(lua_State* state);
    [[nodiscard]] Step take_call(int arguments);

    std::shared_ptr<LuaMachine> machine_;
    LuaSubject subject_;
    int64_t left_;
    bool calls_ = false;
    size_t kept_ = 0;
    lua_State* thread_ = nullptr;
    int thread_ref_ = LUA_NOREF;
    int object_ref_ = LUA_NOREF;
    LuaRun** object_ = nullptr;  // in Lua: set to nullptr at the end, for a script may keep it
};

// Pushes the object of a request or of an answer, which says nothing until it is pointed to a run.
[[nodiscard]] LuaRun** push_object(lua_State* state, bool response);

}  // namespace tl::gateway
