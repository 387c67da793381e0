// `trunkline upgrade`: asks the program that runs to go on as another one, and looks whether it did. The connection
// ends with the former program, so how it went is asked of whoever answers next.
#include <fmt/format.h>

#include <filesystem>

#include "app/cli/cli.h"
#include "app/cli/client_commands.h"
#include "app/cli/words.h"
#include "console/request_target.h"

namespace tl::app {

using namespace std::chrono_literals;
using console::Json;

namespace {

constexpr base::Duration kPatience = 45s;  // longer than a program may take to fail and give everything back
constexpr base::Duration kLook = 50ms;

Failure failed(std::string sentence) {
    Failure failure{.exit_code = kFailed, .sentence = std::move(sentence)};
    failure.problem = {{"cause", "upgrade_failed"}, {"detail", failure.sentence}};
    return failure;
}

rt::Task<Answer<console::StatusView>> status_of(Session& session) {
    const auto body = co_await session.client.get("/v1/status");
    if (!body) co_return std::unexpected(body.error());
    const auto json = parse_answer(*body);
    if (!json) co_return std::unexpected(json.error());
    co_return console::read_view<console::StatusView>(*json);
}

// The next program's status, or the former one's when that has come back.
rt::Task<Answer<console::StatusView>> status_after(Session& session, uint32_t upgrades) {
    const base::TimePoint deadline = rt::this_loop().now() + kPatience;
    for (;;) {
        auto status = co_await status_of(session);
        if (status && (status->upgrades > upgrades || !status->upgrade_failed.empty())) co_return status;
        if (!status && status.error().exit_code == kNotRunning) {
            co_return std::unexpected(failed("Trunkline ended during the upgrade; 'trunkline up' starts it again"));
        }
        if (rt::this_loop().now() >= deadline) {
            co_return std::unexpected(
                failed(fmt::format("no answer of the next program within {}; look at 'trunkline "
                                   "status'",
                                   words_of_age(kPatience))));
        }
        co_await rt::sleep(kLook);
    }
}

void tell(const Session& session, const console::StatusView& before, const console::StatusView& now) {
    if (session.json) {
        session.terminal.print(Json{{"upgraded", true},
                                    {"from", before.version},
                                    {"to", now.version},
                                    {"pid", now.pid},
                                    {"unfinished", now.upgraded}}
                                   .dump() +
                               "\n");
        return;
    }
    std::string text =
        fmt::format("{} runs version {} now (was {}), process {}; {} went on\n", harmless(now.system),
                    harmless(now.version), harmless(before.version), now.pid, count_of(now.services.size(), "service"));
    const size_t unfinished = now.upgraded.find("; ");
    if (unfinished != std::string::npos) text += harmless(now.upgraded.substr(unfinished + 2)) + "\n";
    session.terminal.print(toned("upgraded", Tone::good, session.terminal.colour) + ": " + text);
}

}  // namespace

rt::Task<int> upgrade_command(Session& session, std::string binary) {
    std::error_code wrong;
    const std::filesystem::path program = binary.empty() ? std::filesystem::read_symlink("/proc/self/exe", wrong)
                                                         : std::filesystem::absolute(binary, wrong);
    const auto before = co_await status_of(session);
    if (!before) co_return report(session, before.error());
    ProgressPrinter printer{session};
    const auto ended = co_await session.client.stream(
        "POST", "/v1/upgrade?binary=" + console::percent_encode(program.string()), {}, printer, nullptr);
    const auto last = console::read_view<console::ProgressLine>(printer.last);
    if (last.failed) {
        if (!session.json) session.terminal.complain(harmless_lines(last.text));
        co_return kFailed;
    }
    // Before the first line it was refused; after it, the connection ends with the program.
    if (!ended && printer.last.empty()) co_return report(session, ended.error());
    const auto now = co_await status_after(session, before->upgrades);
    if (!now) co_return report(session, now.error());
    if (now->upgrades <= before->upgrades) {
        co_return report(session, failed(fmt::format("{}; version {} goes on", now->upgrade_failed, now->version)));
    }
    tell(session, *before, *now);
    co_return kOk;
}

}  // namespace tl::app
