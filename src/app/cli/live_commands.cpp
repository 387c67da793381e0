// The commands that go on until Ctrl-C: status, drawn again and again, and logs -f. Ctrl-C is their ordinary end.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <map>

#include "app/cli/cli.h"
#include "app/cli/client_commands.h"
#include "app/cli/show.h"
#include "console/request_target.h"
#include "rt/gate.h"
#include "rt/signals.h"

namespace tl::app {

using console::Json;

namespace {

// Requests `end` at SIGINT, SIGTERM or SIGHUP. They are taken by this object from its making to its stop().
class Interrupts {
  public:
    explicit Interrupts(rt::Cancel& end) {
        rt::block_signals({SIGINT, SIGTERM, SIGHUP});
        if (reader_.open({SIGINT, SIGTERM, SIGHUP})) gate_.spawn("interrupts", watch(reader_, end, watching_));
    }
    rt::Task<void> stop() {
        watching_.request();
        co_await gate_.closed();
        rt::unblock_all_signals();
    }

  private:
    static rt::Task<void> watch(rt::SignalReader& reader, rt::Cancel& end, rt::Cancel& watching) {
        const auto signal = co_await reader.next({base::kNever, &watching});
        if (signal) end.request();
    }

    rt::SignalReader reader_;
    rt::Cancel watching_;
    rt::Gate gate_;
};

// The screen below the prompt stays as it was: live drawing uses the terminal's second screen.
constexpr std::string_view kEnterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr std::string_view kLeaveScreen = "\x1b[?25h\x1b[?1049l";

// One drawing: from the top, each line cleared behind its end, what is left below cleared.
std::string frame_of(const std::string& text, Terminal::Size size) {
    std::string frame = "\x1b[H";
    size_t row = 0;
    for (size_t begin = 0; begin < text.size() && row + 1 < size.rows; ++row) {
        const size_t end = std::min(text.find('\n', begin), text.size());
        frame += cut_line(std::string_view{text}.substr(begin, end - begin), size.columns) + "\x1b[K\n";
        begin = end + 1;
    }
    return frame + "\x1b[J";
}

rt::Task<Answer<Json>> fetch_status(Session& session) {
    const auto body = co_await session.client.get("/v1/status");
    if (!body) co_return std::unexpected(body.error());
    co_return parse_answer(*body);
}

std::string draw(const Session& session, const Json& json) {
    if (session.json) return json.dump(session.terminal.interactive ? 2 : -1) + "\n";
    return show_status(console::read_view<console::StatusView>(json), base::wall_now(), session.terminal.colour);
}

rt::Task<int> live_status(Session& session, base::Duration every, Json json) {
    rt::Cancel end;
    Interrupts interrupts{end};
    int code = kOk;
    session.terminal.print(kEnterScreen);
    std::optional<Failure> failure;
    while (!end.requested()) {
        std::string text = draw(session, json);
        text += toned("\nCtrl-C ends this view; the system goes on.\n", Tone::dim, session.terminal.colour);
        session.terminal.print(frame_of(text, session.terminal.size()));
        const rt::Wake wake = co_await rt::sleep(every, &end);
        if (wake == rt::Wake::cancelled) break;
        auto next = co_await fetch_status(session);
        if (!next) {
            failure = std::move(next.error());
            break;
        }
        json = std::move(*next);
    }
    session.terminal.print(kLeaveScreen);
    session.terminal.print(draw(session, json));
    if (failure) code = report(session, *failure);
    co_await interrupts.stop();
    co_return code;
}

struct LogPrinter final : Client::LineSink {
    explicit LogPrinter(const Session& from) : session(&from) {}

    void on_line(std::string_view line) override {
        if (session->json) {
            session->terminal.print(std::string{line} + "\n");
            return;
        }
        const Json json = Json::parse(line, nullptr, false);
        if (!json.is_object()) return;
        const auto log = console::read_view<console::LogLine>(json);
        // Names line up with the widest so far; a very long one does not push all others aside.
        constexpr size_t kWidest = 24;
        width = std::min(std::max(width, columns_of(log.instance.empty() ? log.service : log.instance)), kWidest);
        session->terminal.print(show_log_line(log, width, session->terminal.colour));
    }

    const Session* session;
    size_t width = 0;
};

}  // namespace

rt::Task<int> status_command(Session& session, StatusChoice choice) {
    auto json = co_await fetch_status(session);
    if (!json) co_return report(session, json.error());
    if (!choice.live) {
        session.terminal.print(draw(session, *json));
        co_return kOk;
    }
    const int code = co_await live_status(session, choice.every, std::move(*json));
    co_return code;
}

rt::Task<int> logs_command(Session& session, LogsChoice choice) {
    std::string target = fmt::format("/v1/logs?tail={}", choice.tail);
    if (choice.follow) target += "&follow=1";
    for (const std::string& service : choice.services) target += "&service=" + console::percent_encode(service);
    LogPrinter printer{session};
    if (!choice.follow) {
        const auto ended = co_await session.client.stream("GET", std::move(target), {}, printer, nullptr);
        co_return ended ? kOk : report(session, ended.error());
    }
    rt::Cancel end;
    Interrupts interrupts{end};
    const auto ended = co_await session.client.stream("GET", std::move(target), {}, printer, &end);
    co_await interrupts.stop();
    if (!ended) co_return report(session, ended.error());
    if (*ended && !session.json) session.terminal.complain("the logs end here: Trunkline is stopping");
    co_return kOk;
}

}  // namespace tl::app
