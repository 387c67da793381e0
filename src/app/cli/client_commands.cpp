#include "app/cli/client_commands.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "app/cli/cli.h"
#include "app/cli/show.h"
#include "app/cli/words.h"
#include "base/text.h"
#include "console/request_target.h"

namespace tl::app {

using console::Json;

namespace {

template <class View>
std::vector<View> views_of(const Json& json, const char* key) {
    std::vector<View> views;
    const auto found = json.find(key);
    if (found == json.end() || !found->is_array()) return views;
    for (const Json& each : *found) views.push_back(console::read_view<View>(each));
    return views;
}

Answer<std::string> read_manifest(const Project& project) {
    std::ifstream file{project.manifest, std::ios::binary};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    if (file.good() || file.eof()) return text;
    return std::unexpected(Failure{.exit_code = kBadInput,
                                   .sentence = fmt::format("{} cannot be read", project.manifest),
                                   .problem = {{"cause", "unreadable"}, {"detail", project.manifest}}});
}

// A descriptor that becomes readable when the process ends; -1 if the kernel or its owner does not allow it.
int watch_process(int pid) { return pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1; }

// True once process and socket are gone. Blocks: nothing else runs in a command.
bool wait_for_end(int pidfd, base::Duration patience) {
    pollfd ended{.fd = pidfd, .events = POLLIN, .revents = 0};
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
    return ::poll(&ended, 1, static_cast<int>(std::min<int64_t>(millis, INT32_MAX))) == 1;
}

std::string file_query(const Project& project) { return "?file=" + console::percent_encode(project.manifest); }

// How an operation ended, by its last line.
int finish(const Session& session, const ProgressPrinter& printer, std::string_view what) {
    const auto last = console::read_view<console::ProgressLine>(printer.last);
    if (last.done) return kOk;
    if (last.failed) {
        if (!session.json) session.terminal.complain(harmless_lines(last.text));
        return kFailed;
    }
    session.terminal.complain(
        fmt::format("Trunkline ended before it said how the {} went; look at 'trunkline status'", what));
    return kFailed;
}

}  // namespace

void ProgressPrinter::on_line(std::string_view line) {
    last = Json::parse(line, nullptr, false);
    if (session->json) {
        session->terminal.print(std::string{line} + "\n");
        return;
    }
    const auto progress = console::read_view<console::ProgressLine>(last);
    if (!progress.failed) session->terminal.print(show_progress(progress, session->terminal.colour));
}

int report(const Session& session, const Failure& failure) {
    if (session.json) {
        session.terminal.print(failure.problem.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
        return failure.exit_code;
    }
    if (!failure.diagnostics.empty()) {
        std::fwrite(failure.diagnostics.data(), 1, failure.diagnostics.size(), session.terminal.err);
    }
    session.terminal.complain(harmless_lines(failure.sentence));
    return failure.exit_code;
}

Answer<Json> parse_answer(const std::string& body) {
    Json json = Json::parse(body, nullptr, false);
    if (json.is_object()) return json;
    return std::unexpected(Failure{.exit_code = kFailed,
                                   .sentence = "the answer of Trunkline is no JSON; is it of another version?",
                                   .problem = {{"cause", "bad_answer"}}});
}

rt::Task<int> services_command(Session& session, std::vector<std::string> only) {
    const auto body = co_await session.client.get("/v1/services");
    if (!body) co_return report(session, body.error());
    const auto json = parse_answer(*body);
    if (!json) co_return report(session, json.error());
    auto services = views_of<console::ServiceView>(*json, "services");
    std::vector<std::string> names;
    for (const auto& service : services) names.push_back(service.name);
    for (const std::string& name : only) {
        if (std::ranges::find(names, name) != names.end()) continue;
        const std::string sentence = no_such("service", name, names);
        co_return report(session, {kFailed, sentence, {}, Json{{"cause", "not_found"}, {"detail", sentence}}});
    }
    if (!only.empty()) {
        std::erase_if(services,
                      [&](const auto& service) { return std::ranges::find(only, service.name) == only.end(); });
    }
    if (session.json) {
        Json list = Json::array();
        for (const auto& service : services) list.push_back(to_json(service));
        session.terminal.print(Json{{"services", std::move(list)}}.dump(2) + "\n");
    } else {
        session.terminal.print(show_services(services, base::wall_now(), session.terminal.colour));
    }
    co_return kOk;
}

rt::Task<int> routes_command(Session& session) {
    const auto body = co_await session.client.get("/v1/routes");
    if (!body) co_return report(session, body.error());
    const auto json = parse_answer(*body);
    if (!json) co_return report(session, json.error());
    if (session.json) {
        session.terminal.print(*body);
    } else {
        session.terminal.print(show_routes(views_of<console::RouteView>(*json, "routes"), session.terminal.colour));
    }
    co_return kOk;
}

rt::Task<int> why_command(Session& session, std::string trace) {
    std::string target = "/v1/why/" + console::percent_encode(trace);
    if (!session.json && session.terminal.colour) target += "?colour=1";
    const auto body = co_await session.client.get(std::move(target), session.json ? "" : "text/plain");
    if (!body) co_return report(session, body.error());
    session.terminal.print(body->ends_with('\n') ? *body : *body + "\n");
    co_return kOk;
}

rt::Task<int> plan_command(Session& session) {
    auto text = read_manifest(session.client.project());
    if (!text) co_return report(session, text.error());
    const auto body = co_await session.client.post("/v1/plan" + file_query(session.client.project()), std::move(*text));
    if (!body) co_return report(session, body.error());
    const auto json = parse_answer(*body);
    if (!json) co_return report(session, json.error());
    if (session.json) {
        session.terminal.print(*body);
    } else {
        session.terminal.print(show_plan(console::read_view<console::PlanView>(*json), false, session.terminal.colour));
    }
    co_return kOk;
}

rt::Task<int> apply_command(Session& session) {
    auto text = read_manifest(session.client.project());
    if (!text) co_return report(session, text.error());
    ProgressPrinter printer{session};
    const auto ended = co_await session.client.stream("POST", "/v1/apply" + file_query(session.client.project()),
                                                      std::move(*text), printer, nullptr);
    if (!ended) co_return report(session, ended.error());
    const int code = finish(session, printer, "apply");
    const auto plan = printer.last.is_object() ? printer.last.find("plan") : printer.last.end();
    if (code == kOk && !session.json && plan != printer.last.end()) {
        session.terminal.print(show_plan(console::read_view<console::PlanView>(*plan), true, session.terminal.colour));
    }
    co_return code;
}

rt::Task<int> restart_command(Session& session, std::string service) {
    ProgressPrinter printer{session};
    const auto ended = co_await session.client.stream(
        "POST", fmt::format("/v1/services/{}/restart", console::percent_encode(service)), {}, printer, nullptr);
    if (!ended) co_return report(session, ended.error());
    co_return finish(session, printer, "restart");
}

// Watches the process before it is told, so that another one with the same number later cannot be mistaken for it.
rt::Task<int> stop_command(Session& session, base::Duration patience) {
    const auto status = co_await session.client.get("/v1/status");
    if (!status) co_return report(session, status.error());
    const auto json = parse_answer(*status);
    if (!json) co_return report(session, json.error());
    const auto view = console::read_view<console::StatusView>(*json);
    const int pidfd = watch_process(view.pid);
    const auto told = co_await session.client.post("/v1/stop");
    if (!told) {
        if (pidfd >= 0) ::close(pidfd);
        co_return report(session, told.error());
    }
    if (!session.json)
        session.terminal.print(fmt::format("stopping {} (process {})\n", harmless(view.system), view.pid));
    const bool ended = pidfd >= 0 && wait_for_end(pidfd, patience);
    if (pidfd >= 0) ::close(pidfd);
    if (session.json) {
        session.terminal.print(Json{{"stopped", ended}, {"pid", view.pid}, {"system", view.system}}.dump() + "\n");
    } else if (ended) {
        session.terminal.print(toned("stopped", Tone::good, session.terminal.colour) + "\n");
    } else {
        session.terminal.complain(pidfd < 0 ? "it was told to stop, but its end cannot be watched from here"
                                            : fmt::format("it has not ended after {}; 'trunkline status' tells how far "
                                                          "it is",
                                                          words_of_age(patience)));
    }
    co_return ended ? kOk : kFailed;
}

}  // namespace tl::app
