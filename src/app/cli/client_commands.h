// The commands that ask a running Trunkline: one coroutine each, run to its end on a loop of their own, answering with
// an exit code. They print to `terminal` and say themselves what went wrong.
#pragma once

#include <string>
#include <vector>

#include "app/cli/client.h"
#include "app/cli/terminal.h"

namespace tl::app {

// What every command needs; outlives its task.
struct Session {
    Client client;
    Terminal terminal;
    bool json = false;
};

[[nodiscard]] rt::Task<int> services_command(Session& session, std::vector<std::string> only);
[[nodiscard]] rt::Task<int> routes_command(Session& session);
[[nodiscard]] rt::Task<int> why_command(Session& session, std::string trace);
[[nodiscard]] rt::Task<int> plan_command(Session& session);
[[nodiscard]] rt::Task<int> apply_command(Session& session);
[[nodiscard]] rt::Task<int> restart_command(Session& session, std::string service);
// `binary` "": the program that this command is.
[[nodiscard]] rt::Task<int> upgrade_command(Session& session, std::string binary);
[[nodiscard]] rt::Task<int> stop_command(Session& session, base::Duration patience);

// `live`: drawn again every `every` until Ctrl-C.
struct StatusChoice {
    bool live = false;
    base::Duration every = std::chrono::seconds{1};
};
[[nodiscard]] rt::Task<int> status_command(Session& session, StatusChoice choice);

struct LogsChoice {
    std::vector<std::string> services;  // empty: all
    size_t tail = 100;
    bool follow = false;
};
[[nodiscard]] rt::Task<int> logs_command(Session& session, LogsChoice choice);

struct KeysChoice {
    std::string action;  // create, list, rotate, revoke
    std::string name;    // not of list
    std::string plan;
    std::vector<std::string> scopes;
    std::vector<std::string> roles;
    std::string grace = "24h";
};
[[nodiscard]] rt::Task<int> keys_command(Session& session, KeysChoice choice);

// The progress of an operation, line by line; keeps the last one.
struct ProgressPrinter final : Client::LineSink {
    explicit ProgressPrinter(const Session& from) : session(&from) {}
    void on_line(std::string_view line) override;

    const Session* session;
    console::Json last = console::Json::object();
};

// Says what went wrong, as JSON on `out` or in a sentence on `err`; returns the exit code.
int report(const Session& session, const Failure& failure);
// The JSON of an answer; a failure when it is none.
[[nodiscard]] Answer<console::Json> parse_answer(const std::string& body);

}  // namespace tl::app
