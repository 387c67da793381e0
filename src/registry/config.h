// What the manifest says of a service's health: the keys `health`, `panic_threshold` and `passive` of a service, with
// their defaults. Plain values; app/ includes service_health_schema() in its own declaration of a service.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "manifest/schema.h"

namespace tl::registry {

using namespace std::chrono_literals;

// "200-399" or "204".
struct StatusRange {
    uint16_t least = 200;
    uint16_t most = 399;
    [[nodiscard]] bool contains(uint16_t status) const { return status >= least && status <= most; }
    bool operator==(const StatusRange&) const = default;
};

// How an instance is asked whether it is well.
enum class ProbeKind : uint8_t {
    automatic,  // nothing was said: tcp for what we run, none for `address:` services
    http,
    tcp,
    command,
    grpc,
    none,  // only what callers see of it
};
[[nodiscard]] std::string_view to_string(ProbeKind kind);

// `health: /healthz`, or a map of these. At most one of http, grpc, tcp, command, none.
struct HealthConfig {
    std::optional<std::string> http;  // the path to GET
    std::optional<std::string> grpc;  // the service to ask about; "true" for the server as a whole
    bool tcp = false;
    std::optional<std::string> command;
    bool none = false;
    base::Duration interval = 1s;    // between two probes, give or take a tenth so that they do not align
    base::Duration timeout = 1s;     // of one probe
    base::Duration starting = 50ms;  // between the first probes of a new instance, growing to `interval`
    uint32_t healthy_after = 1;      // successes in a row
    uint32_t unhealthy_after = 3;    // failures in a row
    StatusRange status;              // what http must answer
    bool http2 = false;              // the service's `protocol`, said there and not here

    [[nodiscard]] ProbeKind kind() const;
    bool operator==(const HealthConfig&) const = default;
};

// What callers see of an instance, between and without probes.
struct PassiveConfig {
    uint32_t failures = 3;            // connections refused or reset in a row; 0: callers are not asked
    base::Duration window = 10s;      // in which they must fall
    base::Duration retry_after = 2s;  // until an instance without probes is tried again
    bool operator==(const PassiveConfig&) const = default;
};

struct ServiceHealthConfig {
    HealthConfig health;
    double panic_threshold = 0.5;  // share of healthy instances below which all are used; 0: never
    PassiveConfig passive;
    bool operator==(const ServiceHealthConfig&) const = default;
};

[[nodiscard]] const manifest::Object<ServiceHealthConfig>& service_health_schema();

}  // namespace tl::registry
