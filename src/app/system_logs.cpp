// The log of a running system for one reader: what there was, and what comes.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/system.h"
#include "base/text.h"

namespace tl::app {

console::LogLine view_of(const supervisor::LogLine& line) {
    return {line.time, line.service, line.instance, std::string{supervisor::to_string(line.stream)}, line.text};
}

namespace {

// Follows the supervisor's log for one reader. Its task runs in the system's gate: it may outlive the follower by the
// turn in which it ends, and ends with the system's life.
class LogFollower final : public console::LogSubscription {
  public:
    LogFollower(supervisor::LogStore& logs, std::vector<std::string> services, console::LogSink& sink, rt::Gate& gate,
                rt::Cancel& life)
        : state_(std::make_shared<State>(std::move(services), sink, logs, life)) {
        gate.spawn("follow logs", follow(state_));
    }
    ~LogFollower() override {
        state_->sink = nullptr;
        state_->cancel.request();
    }
    LogFollower(const LogFollower&) = delete;
    LogFollower& operator=(const LogFollower&) = delete;

  private:
    struct State {
        State(std::vector<std::string> of, console::LogSink& to, supervisor::LogStore& logs, rt::Cancel& life)
            : services(std::move(of)), sink(&to), lines(logs.subscribe()), cancel(&life) {}
        std::vector<std::string> services;
        console::LogSink* sink;  // nullptr once the follower is gone
        std::unique_ptr<supervisor::LogSubscription> lines;
        rt::Cancel cancel;
    };
    static rt::Task<void> follow(std::shared_ptr<State> state) {
        for (;;) {
            const auto batch = co_await state->lines->next({base::kNever, &state->cancel});
            if (!batch || state->sink == nullptr) co_return;
            for (const auto& line : *batch) {
                const bool wanted = state->services.empty() || line->service.empty() ||
                                    std::ranges::find(state->services, line->service) != state->services.end();
                if (wanted) state->sink->on_line(view_of(*line));
            }
        }
    }
    std::shared_ptr<State> state_;
};

class NoMore final : public console::LogSubscription {};

}  // namespace

base::Result<std::unique_ptr<console::LogSubscription>> System::subscribe(console::LogQuery query,
                                                                          console::LogSink& sink) {
    std::vector<std::string> names;
    for (const NamedService& service : services_of(loaded_->manifest)) names.push_back(service.name->value);
    for (const std::string& wanted : query.services) {
        if (std::ranges::find(names, wanted) != names.end()) continue;
        const std::string_view near = base::nearest(wanted, names);
        return base::fail(base::Code::not_found,
                          fmt::format("there is no service \"{}\"{}{}{}", base::printable(wanted),
                                      near.empty() ? "" : "; did you mean \"", near, near.empty() ? "" : "\"?"));
    }
    std::multimap<base::WallTime, supervisor::LogLinePtr> past;  // lines of the same moment keep their order
    for (const std::string& service : query.services.empty() ? names : query.services) {
        for (const auto& line : supervisor_.logs().of_service(service, query.tail)) past.emplace(line->time, line);
    }
    auto line = past.begin();
    if (past.size() > query.tail) std::advance(line, past.size() - query.tail);
    for (; line != past.end(); ++line) sink.on_line(view_of(*line->second));
    if (!query.follow) return std::make_unique<NoMore>();
    return std::make_unique<LogFollower>(supervisor_.logs(), std::move(query.services), sink, gate_, life_);
}

}  // namespace tl::app
