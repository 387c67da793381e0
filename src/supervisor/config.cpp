#include "supervisor/config.h"

namespace tl::supervisor {

using namespace std::chrono_literals;
using manifest::duration;
using manifest::integer;
using manifest::list_of;
using manifest::map_of;
using manifest::Object;
using manifest::text;

namespace {

// What execve and every shell can carry as a variable's name.
std::optional<std::string> variable_name(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    for (const char c : name) {
        if (!fits(c)) return "may hold letters, digits and _ only";
    }
    if (name.front() >= '0' && name.front() <= '9') return "must not begin with a digit";
    return std::nullopt;
}

manifest::Text variable() {
    return text("a variable's name").check(variable_name).pattern("^[A-Za-z_][A-Za-z0-9_]*$").at_most(256);
}

void check_restart(const RestartConfig& restart, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (restart.first > restart.most) {
        diagnostics.error(at, "\"first\" is longer than \"most\"", "make first the shorter one");
    }
}

void check_ports(const PortsConfig& ports, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (ports.first > ports.last) diagnostics.error(at, "\"first\" is greater than \"last\"", "swap them");
}

const Object<RestartConfig>& restart_schema() {
    static const auto schema =
        Object<RestartConfig>("a restart rule")
            .field("first", &RestartConfig::first, duration().range(1ms, 1h))
            .doc("longest wait before the first restart; doubled for each further one, cut at random")
            .field("most", &RestartConfig::most, duration().range(1ms, 1h))
            .doc("longest wait of all, and the wait in a crash loop")
            .field("reset_after", &RestartConfig::reset_after, duration().range(1ms, 24h))
            .doc("an instance that ran for so long starts counting anew")
            .field("crash_loop_after", &RestartConfig::crash_loop_after, integer().range(1, 1000))
            .doc("failures in a row until it is shown as a crash loop")
            .validate(check_restart);
    return schema;
}

const Object<LimitsConfig>& limits_schema() {
    static const auto schema = Object<LimitsConfig>("a service's limits")
                                   .field("cpu", &LimitsConfig::cpu, manifest::number().range(0.01, 1024))
                                   .doc("cores that each instance may use")
                                   .example("1.5")
                                   .default_is("no limit")
                                   .field("memory", &LimitsConfig::memory, manifest::size().range(1 << 20, INT64_MAX))
                                   .doc("memory of each instance; more, and the kernel ends it")
                                   .example("256MB")
                                   .default_is("no limit");
    return schema;
}

}  // namespace

const Object<RunConfig>& run_schema() {
    static const auto schema =
        Object<RunConfig>("a service's process")
            .field("run", &RunConfig::run, text("a command").at_most(16 * 1024))
            .doc("the command, for /bin/sh; it listens on $PORT")
            .example("python3 services/orders.py")
            .default_is("others run it, at its address")
            .field("dir", &RunConfig::dir, text("a folder").allow_empty())
            .doc("where it runs, from the manifest's folder")
            .default_is("the manifest's folder")
            .field("env", &RunConfig::env,
                   map_of(text().any_scalar().allow_empty().at_most(64 * 1024)).names(variable()).at_most(1000))
            .doc("variables of its environment")
            .example("{ LOG_LEVEL: debug }")
            .field("env_files", &RunConfig::env_files, list_of(text("a file")).at_most(50))
            .doc("files of NAME=value lines; later ones win, env wins over them, secrets over env")
            .field("secrets", &RunConfig::secrets, map_of(text("a file")).names(variable()).at_most(1000))
            .doc("variables whose values are the contents of files; never shown")
            .example("{ API_KEY: secrets/api_key }")
            .field("replicas", &RunConfig::replicas, integer().range(1, 64))
            .doc("instances of it")
            .field("version", &RunConfig::version, text("a version").at_most(100).any_scalar())
            .doc("given as VERSION, and shown")
            .field("database", &RunConfig::database, text("a file").allow_empty())
            .doc("its own database file, given as DATABASE; the folder is made")
            .default_is("none")
            .field("grace", &RunConfig::grace, duration().range(0s, 1h))
            .doc("when stopping: for requests in flight to end, and again between SIGTERM and SIGKILL")
            .field("start_deadline", &RunConfig::start_deadline, duration().range(1ms, 1h))
            .doc("within which it should be healthy; then its callers no longer wait, and a replacement is given up")
            .field("restart", &RunConfig::restart, restart_schema())
            .doc("when it ends by itself")
            .field("limits", &RunConfig::limits, limits_schema())
            .doc("by cgroup, where we may");
    return schema;
}

const Object<PortsConfig>& ports_schema() {
    static const auto schema = Object<PortsConfig>("the instances' ports")
                                   .field("first", &PortsConfig::first, integer().range(1024, 65535))
                                   .field("last", &PortsConfig::last, integer().range(1024, 65535))
                                   .validate(check_ports);
    return schema;
}

}  // namespace tl::supervisor
