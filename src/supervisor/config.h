// What a manifest says about running a service, and its declaration. Plain values, made when a manifest is read and
// shared unchanged from then on. Which services call which, and those given by address, are declared in app/, which
// includes RunConfig into its service and hands ServiceSpec to the supervisor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "manifest/schema.h"

namespace tl::supervisor {

struct RestartConfig {
    base::Duration first = std::chrono::milliseconds{200};  // longest wait before the first restart; then doubled
    base::Duration most = std::chrono::seconds{30};
    base::Duration reset_after = std::chrono::seconds{30};  // ran that long: its failures are forgotten
    uint32_t crash_loop_after = 5;                          // failures in a row
};

struct LimitsConfig {
    std::optional<double> cpu;       // cores
    std::optional<uint64_t> memory;  // bytes

    [[nodiscard]] bool any() const { return cpu.has_value() || memory.has_value(); }
};

struct RunConfig {
    std::optional<std::string> run;  // for /bin/sh -c; nothing: others run this service
    std::string dir;                 // relative to the manifest's folder; "": that folder
    manifest::OrderedMap<std::string> env;
    std::vector<std::string> env_files;
    manifest::OrderedMap<std::string> secrets;  // variable to file
    uint32_t replicas = 1;
    std::string version = "1";
    std::string database;  // a file; given as DATABASE
    base::Duration grace = std::chrono::seconds{10};
    base::Duration start_deadline = std::chrono::seconds{30};
    RestartConfig restart;
    LimitsConfig limits;
};

// The range that instances get their ports from.
struct PortsConfig {
    uint16_t first = 20000;
    uint16_t last = 29999;
};

[[nodiscard]] const manifest::Object<RunConfig>& run_schema();
[[nodiscard]] const manifest::Object<PortsConfig>& ports_schema();

// One service to run: what the supervisor is given.
struct ServiceSpec {
    std::string name;
    RunConfig run;                   // run.run is set
    std::vector<std::string> calls;  // names of services, ours or others'
    std::vector<std::string> tcp;    // those of `calls` that speak TCP
    std::string version_of;          // the service whose instances its own are; "" for one of its own
    std::string folder;              // absolute: the manifest's
    std::string fingerprint;         // of the contents of env_files and secrets (environment.h); "" is "not known"
};

}  // namespace tl::supervisor
