// What the admin API needs of everything else: the one door between the console and the rooms that it must not know.
// Implemented by app/, on the control core; all calls and callbacks are on that core. Arguments come by value, because
// what was asked goes on when the one who asked is gone.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "console/keys.h"
#include "console/views.h"
#include "rt/task.h"

namespace tl::console {

// Why a plan or an apply was not done.
struct ManifestRefused {
    base::Error error;  // Code::invalid: the manifest is at fault, and only then the two below are filled
    std::string text;   // Diagnostics::to_text()
    Json diagnostics;   // Diagnostics::to_json()
};
using PlanResult = std::expected<PlanView, ManifestRefused>;

// Receives the steps of an operation. Outlives the operation's task. Do not send the last line (done or failed): the
// admin API makes it from what the task returns.
class ProgressSink {
  public:
    virtual ~ProgressSink() = default;
    virtual void on_progress(std::string text) = 0;
};

class LogSink {
  public:
    virtual ~LogSink() = default;
    // Never waits and never calls back into the logs; what is too much for it, it drops and counts.
    virtual void on_line(const LogLine& line) = 0;
};

struct LogQuery {
    std::vector<std::string> services;  // empty: all
    size_t tail = 0;                    // of the lines kept, at most so many, oldest first
    bool follow = false;                // and all that come after
};

// Ends the subscription by dying. Must be destroyed before its sink.
class LogSubscription {
  public:
    virtual ~LogSubscription() = default;
};

struct Why {
    std::string json;  // telemetry::trace_json
    std::string text;  // telemetry::print_trace
};

class System {
  public:
    virtual ~System() = default;

    [[nodiscard]] virtual rt::Task<StatusView> status() = 0;
    [[nodiscard]] virtual rt::Task<std::vector<ServiceView>> services() = 0;
    [[nodiscard]] virtual rt::Task<std::vector<RouteView>> routes() = 0;
    // `trace` is a trace id or its first digits (checked: hex, 8 to 32). Code::not_found when no record is left.
    [[nodiscard]] virtual rt::Task<base::Result<Why>> why(std::string trace, bool colour) = 0;

    // `text` is a manifest, `file` its name for messages and the folder that its paths are relative to; "" for the one
    // that runs. Not more than one apply or restart of a service at a time: Code::conflict.
    [[nodiscard]] virtual rt::Task<PlanResult> plan(std::string text, std::string file) = 0;
    [[nodiscard]] virtual rt::Task<PlanResult> apply(std::string text, std::string file, ProgressSink& sink) = 0;
    // Rolling. Code::not_found when there is no such service (the admin API has looked already, and named the nearest),
    // Code::conflict when it is run by others.
    [[nodiscard]] virtual rt::Task<base::Result<void>> restart(std::string service, ProgressSink& sink) = 0;
    // Goes on as the program in the file `binary`, in this process: returns only when that was not done, with the
    // reason; everything is then as it was. Code::conflict while a change is made or an upgrade is not over.
    [[nodiscard]] virtual rt::Task<base::Result<void>> upgrade(std::string binary, ProgressSink& sink) = 0;
    // Begins the same end as Ctrl-C and returns at once; later, because the answer must still go out: from Loop::post
    // or a task. The admin socket is closed last. Apply and restart that still run end soon, with Code::cancelled: the
    // admin server waits for them.
    virtual void stop() = 0;

    // API keys of the gateway. A change is on the disk, and known to all cores, when these return. The keys themselves
    // are told once, by these answers. Code::conflict for a name that is taken, Code::not_found for one that is none.
    [[nodiscard]] virtual std::vector<KeyView> keys() = 0;
    [[nodiscard]] virtual base::Result<std::string> create_key(NewKey key) = 0;
    [[nodiscard]] virtual base::Result<std::string> rotate_key(std::string name, base::Duration grace) = 0;
    [[nodiscard]] virtual base::Result<void> revoke_key(std::string name) = 0;

    // Prometheus text, version 0.0.4.
    [[nodiscard]] virtual rt::Task<std::string> metrics() = 0;
    // Who waits for whom, on every core.
    [[nodiscard]] virtual rt::Task<std::string> dump_tasks() = 0;

    // The kept lines arrive inside this call, the others later. Code::not_found for a service that there is not.
    // Without `follow` the answer may be destroyed at once.
    [[nodiscard]] virtual base::Result<std::unique_ptr<LogSubscription>> subscribe(LogQuery query, LogSink& sink) = 0;
};

}  // namespace tl::console
