// The answers of the admin API that come line by line (NDJSON): apply, restart and logs; and plan, which reads a
// manifest as apply does.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/units.h"
#include "console/admin_api.h"
#include "console/admin_reply.h"
#include "http/server.h"

namespace tl::console {

using namespace std::chrono_literals;

namespace {

// An empty line now and then shows whether the reader is still there; readers of NDJSON skip it.
constexpr base::Duration kHeartbeat = 15s;
constexpr size_t kProgressBytes = 1U << 20;

// An apply or a restart: runs by itself, told about by a feed that one request reads.
struct Operation final : ProgressSink {
    Feed feed{kProgressBytes};
    bool spoke = false;  // a line was sent: the status can no longer say how it ended
    std::optional<base::Error> failure;
    uint16_t status = 500;          // of a failure
    Json details = Json::object();  // of the last line, or of the problem

    void on_progress(std::string text) override {
        spoke = true;
        feed.put(dump(to_json(ProgressLine{.text = std::move(text)})));
    }
    void finish(std::string text) {
        Json last = to_json(ProgressLine{.text = std::move(text), .done = !failure, .failed = failure.has_value()});
        last.update(details);
        if (spoke || !failure) feed.put(dump(last));
        feed.close();
    }
};

Json refusal_details(const ManifestRefused& refused) {
    Json details = Json::object();
    if (!refused.text.empty()) details["diagnostics_text"] = refused.text;
    if (!refused.diagnostics.is_null()) details["diagnostics"] = refused.diagnostics;
    details["cause"] = refused.diagnostics.is_null() ? base::to_string(refused.error.code) : "bad_manifest";
    return details;
}

// 422: the request is fine, the manifest in it is not.
uint16_t refusal_status(const ManifestRefused& refused) {
    return refused.diagnostics.is_null() ? status_of(refused.error.code) : 422;
}

rt::Task<void> run_apply(System& system, std::string text, std::string file, std::shared_ptr<Operation> operation) {
    PlanResult plan = co_await system.apply(std::move(text), std::move(file), *operation);
    if (plan) {
        operation->details["plan"] = to_json(*plan);
        operation->finish("applied");
        co_return;
    }
    operation->details = refusal_details(plan.error());
    operation->status = refusal_status(plan.error());
    operation->failure = std::move(plan.error().error);
    operation->finish(operation->failure->message());
}

rt::Task<void> run_restart(System& system, std::string service, std::shared_ptr<Operation> operation) {
    auto done = co_await system.restart(service, *operation);
    if (!done) {
        operation->details["cause"] = base::to_string(done.error().code);
        operation->status = status_of(done.error().code);
        operation->failure = std::move(done.error());
    }
    operation->finish(done ? fmt::format("{} is restarted", service) : operation->failure->message());
}

// Ends only when it was not done: otherwise this process is another program by then.
rt::Task<void> run_upgrade(System& system, std::string binary, std::shared_ptr<Operation> operation) {
    auto done = co_await system.upgrade(std::move(binary), *operation);
    operation->failure = done ? base::Error{.context = "it came back without a reason"} : std::move(done.error());
    operation->details["cause"] = base::to_string(operation->failure->code);
    operation->status = status_of(operation->failure->code);
    operation->finish(operation->failure->message());
}

std::string gap_line(size_t dropped) {
    return dump(to_json(LogLine{.time = base::wall_now(),
                                .service = "trunkline",
                                .stream = "trunkline",
                                .text = fmt::format("{} lines are left out here: the reader was too slow", dropped)})) +
           "\n";
}

// All of `feed` until it is closed or the client has gone.
rt::Task<void> stream_lines(http::ServerExchange& exchange, std::shared_ptr<Feed> feed) {
    codec::HeaderTable headers;
    headers.add(codec::Field::content_type, kLinesType);
    headers.add(codec::Field::cache_control, "no-store");
    const http::OutgoingResponse response{.headers = &headers, .length = {http::BodyLength::Kind::unknown}};
    auto sent = co_await exchange.send(response, {});
    while (sent && !(feed->empty() && feed->closed())) {
        const rt::Wake wake = co_await feed->wait(rt::this_loop().within(kHeartbeat, &exchange.cancel()));
        if (wake == rt::Wake::cancelled) co_return exchange.abort();
        std::string lines = wake == rt::Wake::timeout ? "\n" : feed->take();
        const size_t dropped = feed->take_dropped();
        if (dropped > 0) lines += gap_line(dropped);
        if (lines.empty()) continue;
        sent = co_await exchange.send_body({lines, false}, nullptr);
    }
    if (sent) sent = co_await exchange.send_body({{}, true}, nullptr);
}

// Answers with the operation's lines; with a problem if it failed before the first.
rt::Task<void> answer(http::ServerExchange& exchange, std::shared_ptr<Operation> operation) {
    const rt::Wake wake = co_await operation->feed.wait({base::kNever, &exchange.cancel()});
    if (wake != rt::Wake::ready) co_return exchange.abort();
    if (operation->failure && !operation->spoke) {
        co_await send_problem(exchange, operation->status, operation->details.value("cause", "internal"),
                              operation->failure->message(), operation->details);
        co_return;
    }
    co_await stream_lines(exchange, std::shared_ptr<Feed>{operation, &operation->feed});
}

// Lines of the system's logs into a feed. Detaches by dying, before its feed's reader ends.
class FeedingSink final : public LogSink {
  public:
    explicit FeedingSink(std::shared_ptr<Feed> feed) : feed_(std::move(feed)) {}
    void on_line(const LogLine& line) override { feed_->put(dump(to_json(line))); }

  private:
    std::shared_ptr<Feed> feed_;
};

rt::Task<void> send_too_large(http::ServerExchange& exchange) {
    co_await send_problem(exchange, 413, "too_large",
                          fmt::format("a manifest has at most {}", base::format_size(AdminApi::kMostManifest)));
}

// The manifest in the body, or nullopt when the request has been answered.
rt::Task<std::optional<std::string>> read_manifest(http::ServerExchange& exchange) {
    const http::BodyLength length = exchange.request_length();
    if (length.kind == http::BodyLength::Kind::known && length.bytes > AdminApi::kMostManifest) {
        co_await send_too_large(exchange);
        co_return std::nullopt;
    }
    auto text = co_await http::read_all(exchange, AdminApi::kMostManifest);
    if (!text) {
        if (text.error().code == base::Code::too_large) {
            co_await send_too_large(exchange);
        } else {
            co_await send_problem(exchange, std::move(text.error()));
        }
        co_return std::nullopt;
    }
    if (text->empty()) {
        co_await send_problem(exchange, 400, "invalid", "the body is empty: send the text of a manifest");
        co_return std::nullopt;
    }
    co_return std::move(*text);
}

// "there is no service "ordres"; did you mean "orders"?", or "" when all of `names` are there.
std::string unknown_service(const std::vector<std::string>& names, const std::vector<ServiceView>& there) {
    std::vector<std::string> known;
    for (const ServiceView& service : there) known.push_back(service.name);
    for (const std::string& name : names) {
        if (std::ranges::find(known, name) != known.end()) continue;
        const std::string_view near = base::nearest(name, known);
        return fmt::format("there is no service \"{}\"; {}", base::printable(name, 64),
                           near.empty() ? (known.empty() ? "there are none" : "there is " + base::join(known, ", "))
                                        : fmt::format("did you mean \"{}\"?", near));
    }
    return {};
}

std::string file_of(const RequestTarget& target) { return std::string{target.find("file").value_or("")}; }

}  // namespace

rt::Task<void> AdminApi::plan(http::ServerExchange& exchange, const RequestTarget& target) {
    auto text = co_await read_manifest(exchange);
    if (!text) co_return;
    PlanResult plan = co_await system_->plan(std::move(*text), file_of(target));
    if (plan) {
        co_await send_json(exchange, to_json(*plan));
        co_return;
    }
    Json details = refusal_details(plan.error());
    co_await send_problem(exchange, refusal_status(plan.error()), details.value("cause", "internal"),
                          plan.error().error.message(), details);
}

rt::Task<void> AdminApi::apply(http::ServerExchange& exchange, const RequestTarget& target) {
    auto text = co_await read_manifest(exchange);
    if (!text) co_return;
    auto operation = std::make_shared<Operation>();
    if (!operations_.spawn("admin apply", run_apply(*system_, std::move(*text), file_of(target), operation))) {
        co_await send_problem(exchange, 503, "unavailable", "Trunkline is stopping");
        co_return;
    }
    co_await answer(exchange, operation);
}

rt::Task<void> AdminApi::restart(http::ServerExchange& exchange, const RequestTarget& target) {
    const std::vector<ServiceView> there = co_await system_->services();
    std::string unknown = unknown_service({target.segments[2]}, there);
    if (!unknown.empty()) {
        co_await send_problem(exchange, 404, "not_found", std::move(unknown));
        co_return;
    }
    auto operation = std::make_shared<Operation>();
    if (!operations_.spawn("admin restart", run_restart(*system_, target.segments[2], operation))) {
        co_await send_problem(exchange, 503, "unavailable", "Trunkline is stopping");
        co_return;
    }
    co_await answer(exchange, operation);
}

rt::Task<void> AdminApi::upgrade(http::ServerExchange& exchange, const RequestTarget& target) {
    const std::string binary{target.find("binary").value_or("")};
    if (!binary.starts_with('/')) {
        co_await send_problem(exchange, 400, "invalid", "binary must be the absolute path of a program");
        co_return;
    }
    auto operation = std::make_shared<Operation>();
    if (!operations_.spawn("admin upgrade", run_upgrade(*system_, binary, operation))) {
        co_await send_problem(exchange, 503, "unavailable", "Trunkline is stopping");
        co_return;
    }
    co_await answer(exchange, operation);
}

rt::Task<void> AdminApi::logs(http::ServerExchange& exchange, const RequestTarget& target) {
    auto tail = target.number("tail", 100, kMostTail);
    auto follow = target.flag("follow");
    if (!tail || !follow) {
        co_await send_problem(exchange, std::move(tail ? follow.error() : tail.error()));
        co_return;
    }
    LogQuery query{.tail = *tail, .follow = *follow && !stopping_};
    for (const auto& [key, value] : target.query) {
        if (key == "service" && !value.empty()) query.services.push_back(value);
    }
    const std::vector<ServiceView> there = co_await system_->services();
    std::string unknown = unknown_service(query.services, there);
    if (!unknown.empty()) {
        co_await send_problem(exchange, 404, "not_found", std::move(unknown));
        co_return;
    }
    if (query.follow && followed_.size() >= kMostFollowers) {
        co_await send_problem(exchange, 503, "unavailable",
                              fmt::format("{} readers follow the logs already; end one of them", kMostFollowers));
        co_return;
    }
    const bool goes_on = query.follow;
    auto feed = std::make_shared<Feed>(kFeedBytes);
    FeedingSink sink{feed};
    auto subscription = system_->subscribe(std::move(query), sink);
    if (!subscription) {
        co_await send_problem(exchange, std::move(subscription.error()));
        co_return;
    }
    if (goes_on) {
        followed_.push_back(feed);
    } else {
        feed->close();
    }
    co_await stream_lines(exchange, feed);
    std::erase(followed_, feed);
}

void AdminApi::end_streams() {
    stopping_ = true;
    for (const auto& feed : followed_) feed->close();
}

rt::Task<void> AdminApi::stop(rt::Wait wait) {
    end_streams();
    [[maybe_unused]] const rt::Wake ended = co_await operations_.closed(wait);
}

}  // namespace tl::console
