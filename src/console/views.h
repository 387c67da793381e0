// What can be seen of a running system, as plain values: made by app/ from the rooms, sent as JSON by the admin API,
// read back and drawn by the commands. Text fields that stand for a state hold the word that people read. A number that
// is not known is 0, a text "". One copy a request; nothing here points into a room.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace tl::console {

using Json = nlohmann::ordered_json;

// What was measured of a service or a route, over the last seconds (the maker chooses how many, 10 to 60).
struct Traffic {
    double per_second = 0;   // requests
    double error_share = 0;  // 0 to 1: answers of 5xx and broken ones, of all
    base::Duration p50{};    // 0 without requests
    base::Duration p99{};
    uint64_t total = 0;  // requests since start
    // Of TCP, where connections are counted instead of requests, and the percentiles are not known.
    uint64_t open = 0;     // connections, now
    double bytes_in = 0;   // a second, from clients
    double bytes_out = 0;  // a second, to clients
};

struct InstanceView {
    std::string id;  // "orders-1"
    std::string service;
    std::string address;  // without the port
    uint16_t port = 0;
    int pid = 0;  // 0: run by others
    // The registry's: starting, healthy, draining, unhealthy, gone. The supervisor's: waiting, backoff, crash loop.
    std::string state;
    std::string reason;      // one sentence: "waits for products", "probe answered 503", ...
    base::WallTime since{};  // of the state
    uint32_t restarts = 0;
    std::string last_exit;  // "exit code 1 at 12:00:01", "killed by SIGKILL"
    std::string version;
    uint64_t rss = 0;        // bytes
    double cpu_share = 0;    // 1 is one core
    uint32_t in_flight = 0;  // requests
    std::string last_probe;  // what its health check has said; "" before the first, and without one
    std::string ejected;     // why balancers leave it out for a while; "" when they do not
};

struct ServiceView {
    std::string name;
    std::string context;  // its bounded context
    std::string version;
    std::string protocol;      // tcp where it takes connections instead of requests; "" otherwise
    std::string state;         // one word: healthy, degraded, starting, waiting, down, stopped
    std::string reason;        // why it is not healthy
    std::string panic;         // why balancers use instances that are not healthy; "" when they do not
    std::string breaker;       // one word of its circuit breaker: closed, open, half open; "" when not known
    std::string acceleration;  // whether its connections skip TCP, in words; "" when that is not asked for
    uint32_t replicas_wanted = 0;
    uint32_t replicas_healthy = 0;
    std::vector<std::string> calls;
    std::vector<InstanceView> instances;
    Traffic traffic;
};

struct RouteView {
    std::string name;
    std::string host;  // "" is any
    std::string path;
    std::string listen;                   // of a port of TCP, "tcp://127.0.0.1:5432": it has no path; "" otherwise
    std::vector<std::string> methods;     // empty: any
    std::vector<std::string> conditions;  // in words: "header x-canary is 1", "query debug is there"
    std::string to;                       // the service
    std::vector<std::string> shaping;     // versions, mirror, fault, in words: "split v1 90, v2 10"
    std::string rewrite;
    base::Duration timeout{};
    uint32_t retries = 0;  // further attempts
    int priority = 0;
    std::string shadowed_by;  // the route that takes all its requests, or ""
    Traffic traffic;
};

// A certificate that is shown to clients or services.
struct CertificateView {
    std::string used_by;  // "gateway", "to payments"
    std::string file;
    std::string subject;
    std::string issuer;
    std::vector<std::string> names;
    std::string key;  // "EC P-256"
    base::WallTime from{};
    base::WallTime until{};
    std::string problem;  // its time is over, or why a newer file is not used; "" if all is well
};

struct StatusView {
    std::string system;
    std::string version;  // of Trunkline
    int pid = 0;
    base::WallTime started{};
    base::Duration uptime{};
    std::string state_dir;
    std::string manifest;              // path
    uint64_t revision = 0;             // manifests taken since start, the first included
    uint32_t cores = 0;                // that serve requests
    std::vector<std::string> gateway;  // addresses: "http://127.0.0.1:8080"
    std::vector<CertificateView> certificates;
    std::string acceleration;    // whether clients' connections skip TCP, in words; "" when that is not asked for
    std::string admin;           // "http://127.0.0.1:9090", or "" without
    uint64_t rss = 0;            // bytes, Trunkline itself
    std::string guard;           // what ends the children should Trunkline be killed: in words
    uint32_t upgrades = 0;       // of the program, since the start
    std::string upgraded;        // from what, and what is not over of it: in words; "" without
    std::string upgrade_failed;  // why the last one was taken back, or ""
    std::string stopping;        // why and how far, while it stops; "" otherwise
    std::vector<ServiceView> services;
    std::vector<std::string> warnings;
};

struct PlanChange {
    std::string kind;  // service, route, gateway
    std::string name;
    std::string action;  // add, remove, change, restart, scale, keep
    std::string why;     // "replicas 1 -> 2", "run changed"
};

struct PlanView {
    std::vector<PlanChange> changes;
    std::vector<std::string> warnings;
    std::vector<std::string> shadows;  // "route b never gets a request: route a takes them all"
};

// One line of a service's output, or Trunkline's own word about it.
struct LogLine {
    base::WallTime time{};
    std::string service;
    std::string instance;
    std::string stream;  // stdout, stderr, trunkline
    std::string text;    // without the line's end; as it came: whoever prints it makes it safe
};

// A step of something that takes time. The last one of a row has `done` or `failed`.
struct ProgressLine {
    std::string text;
    bool done = false;
    bool failed = false;
};

[[nodiscard]] Json to_json(const Traffic& view);
[[nodiscard]] Json to_json(const InstanceView& view);
[[nodiscard]] Json to_json(const ServiceView& view);
[[nodiscard]] Json to_json(const RouteView& view);
[[nodiscard]] Json to_json(const CertificateView& view);
[[nodiscard]] Json to_json(const StatusView& view);
[[nodiscard]] Json to_json(const PlanChange& view);
[[nodiscard]] Json to_json(const PlanView& view);
[[nodiscard]] Json to_json(const LogLine& view);
[[nodiscard]] Json to_json(const ProgressLine& view);

// The way back, for the commands. Keys that are missing or of another type leave the default: the other end may be of
// another version. Defined for every view above.
template <class View>
[[nodiscard]] View read_view(const Json& json);

}  // namespace tl::console
