#include "registry/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace tl::registry {

namespace {

using manifest::duration;
using manifest::integer;
using manifest::Object;
using manifest::text;

std::optional<std::string> path_complaint(std::string_view path) {
    if (!path.starts_with('/')) return "must be a path that starts with \"/\", such as /healthz";
    for (const char c : path) {
        if (c <= ' ' || c == 0x7f || c == '#') return "must be a path without spaces, control characters and \"#\"";
    }
    return std::nullopt;
}

// A full name as in a .proto file.
std::optional<std::string> service_complaint(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    };
    if (name == "false" || !std::ranges::all_of(name, allowed)) {
        return "must be the full name of a gRPC service, such as shop.Catalog, or true for the server as a whole";
    }
    return std::nullopt;
}

std::optional<uint16_t> parse_status(std::string_view digits) {
    uint16_t status = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), status);
    if (error != std::errc{} || end != digits.data() + digits.size() || status < 200 || status > 599)
        return std::nullopt;
    return status;
}

std::expected<StatusRange, std::string> parse_range(std::string_view written) {
    const size_t dash = written.find('-');
    const auto least = parse_status(written.substr(0, dash));
    const auto most = dash == std::string_view::npos ? least : parse_status(written.substr(dash + 1));
    if (!least || !most) return std::unexpected("must be a status or a range of them, such as 200 or 200-399");
    if (*least > *most) return std::unexpected("must have its smaller status first, such as 200-399");
    return StatusRange{*least, *most};
}

std::string format_range(const StatusRange& range) {
    return range.least == range.most ? fmt::format("{}", range.least) : fmt::format("{}-{}", range.least, range.most);
}

void one_kind(const HealthConfig& health, manifest::Position at, manifest::Diagnostics& diagnostics) {
    const int kinds = int{health.http.has_value()} + int{health.grpc.has_value()} + int{health.tcp} +
                      int{health.command.has_value()} + int{health.none};
    if (kinds > 1) {
        diagnostics.error(
            at, "a health check has one of \"http\", \"grpc\", \"tcp\", \"command\" and \"none\", not several",
            "keep the one that says best whether the service can answer");
    }
}

const Object<HealthConfig>& health_schema() {
    static const auto schema =
        Object<HealthConfig>("a health check")
            .validate(one_kind)
            .field("http", &HealthConfig::http, text("a path such as /healthz").check(path_complaint).pattern("^/"))
            .doc("the path to GET; an answer within \"status\" is healthy")
            .example("/healthz")
            .field("grpc", &HealthConfig::grpc,
                   text("a service's name, or true").check(service_complaint).any_scalar().allow_empty().at_most(256))
            .doc("asks grpc.health.v1.Health about this service, or with true about the server; SERVING is healthy")
            .example("true")
            .field("tcp", &HealthConfig::tcp, manifest::boolean())
            .doc("a connection that opens is healthy")
            .field("command", &HealthConfig::command, text("a command").at_most(4096))
            .doc("run with SERVICE, INSTANCE, HOST and PORT in its environment; exit code 0 is healthy")
            .example("./check.sh")
            .field("none", &HealthConfig::none, manifest::boolean())
            .doc("no probes: healthy from its start, judged by what callers see")
            .field("interval", &HealthConfig::interval, duration().range(10ms, 1h))
            .doc("between two probes, give or take a tenth")
            .field("timeout", &HealthConfig::timeout, duration().range(1ms, 1min))
            .doc("of one probe")
            .field("starting", &HealthConfig::starting, duration().range(1ms, 1h))
            .doc("between the first probes of a new instance, growing to \"interval\"")
            .field("healthy_after", &HealthConfig::healthy_after, integer().range(1, 100))
            .doc("successes in a row that make an instance healthy")
            .field("unhealthy_after", &HealthConfig::unhealthy_after, integer().range(1, 100))
            .doc("failures in a row that make it unhealthy")
            .field("status", &HealthConfig::status,
                   manifest::custom<StatusRange>("a status or a range such as 200-399", parse_range, format_range))
            .doc("what \"http\" must answer");
    return schema;
}

const Object<PassiveConfig>& passive_schema() {
    static const auto schema =
        Object<PassiveConfig>("the rule for what callers see")
            .field("failures", &PassiveConfig::failures, integer().range(0, 100))
            .doc("connections refused or reset in a row that make an instance unhealthy; 0 turns this off")
            .field("window", &PassiveConfig::window, duration().range(10ms, 1h))
            .doc("in which they must fall")
            .field("retry_after", &PassiveConfig::retry_after, duration().range(10ms, 1h))
            .doc("until an instance without probes is tried again");
    return schema;
}

}  // namespace

std::string_view to_string(ProbeKind kind) {
    switch (kind) {
        case ProbeKind::automatic: return "automatic";
        case ProbeKind::http: return "http";
        case ProbeKind::grpc: return "grpc";
        case ProbeKind::tcp: return "tcp";
        case ProbeKind::command: return "command";
        case ProbeKind::none: return "none";
    }
    return "";
}

ProbeKind HealthConfig::kind() const {
    if (http) return ProbeKind::http;
    if (grpc) return ProbeKind::grpc;
    if (command) return ProbeKind::command;
    if (tcp) return ProbeKind::tcp;
    return none ? ProbeKind::none : ProbeKind::automatic;
}

const manifest::Object<ServiceHealthConfig>& service_health_schema() {
    static const auto schema =
        Object<ServiceHealthConfig>("a service's health")
            .field("health", &ServiceHealthConfig::health, health_schema().or_scalar("http"))
            .doc("how instances are probed; nothing said: by a TCP connection, with \"address\" not at all")
            .example("/healthz")
            .field("panic_threshold", &ServiceHealthConfig::panic_threshold, manifest::percent())
            .doc("share of healthy instances below which all are used; 0% is never")
            .field("passive", &ServiceHealthConfig::passive, passive_schema())
            .doc("when what callers see makes an instance unhealthy");
    return schema;
}

}  // namespace tl::registry
