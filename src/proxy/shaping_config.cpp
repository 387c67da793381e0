#include "proxy/shaping_config.h"

#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "base/units.h"
#include "codec/http1.h"
#include "proxy/request_key.h"

namespace tl::proxy {

using namespace std::chrono_literals;
using manifest::map_of;
using manifest::Object;
using manifest::text;

namespace {

constexpr size_t kMostVersions = 16;

std::optional<std::string> check_header_name(std::string_view name) {
    if (codec::is_token(name)) return std::nullopt;
    return "is no header name";
}

auto headers_kind() {
    return map_of(text("a header's value").any_scalar()).names(text("a header's name").check(check_header_name));
}

const Object<MatchConfig>& match_schema() {
    static const auto schema = Object<MatchConfig>("a rule for a version")
                                   .field("headers", &MatchConfig::headers, headers_kind().at_least(1))
                                   .required()
                                   .doc("Requests with these headers; \"*\" for any value.")
                                   .field("version", &MatchConfig::version, text("a version").any_scalar())
                                   .required()
                                   .doc("The version that gets them, and no other.");
    return schema;
}

const Object<MirrorConfig>& mirror_schema() {
    static const auto schema = Object<MirrorConfig>("a mirror")
                                   .field("to", &MirrorConfig::to, manifest::dns_label("a service's name"))
                                   .required()
                                   .doc("The service that gets a copy; what it answers is ignored.")
                                   .field("version", &MirrorConfig::version, text("a version").any_scalar())
                                   .doc("Only this version of it.")
                                   .default_is("any version")
                                   .field("share", &MirrorConfig::share, manifest::percent())
                                   .doc("Of all requests.");
    return schema;
}

const Object<DelayConfig>& delay_schema() {
    static const auto schema = Object<DelayConfig>("a delay")
                                   .field("time", &DelayConfig::time, manifest::duration().range(1ms, 5min))
                                   .required()
                                   .doc("How long a request waits before it is sent; part of its timeout.")
                                   .field("share", &DelayConfig::share, manifest::percent())
                                   .required()
                                   .doc("Of the requests.");
    return schema;
}

const Object<AbortConfig>& abort_schema() {
    static const auto schema = Object<AbortConfig>("an abort")
                                   .field("status", &AbortConfig::status, manifest::integer().range(400, 599))
                                   .doc("What is answered in place of the service.")
                                   .field("share", &AbortConfig::share, manifest::percent())
                                   .required()
                                   .doc("Of the requests.");
    return schema;
}

void check_fault(const FaultConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (config.delay || config.abort) return;
    diagnostics.error(at, "a fault has a \"delay\" or an \"abort\", or both");
}

const Object<FaultConfig>& fault_schema() {
    static const auto schema = Object<FaultConfig>("a fault")
                                   .position(&FaultConfig::at)
                                   .validate(check_fault)
                                   .field("delay", &FaultConfig::delay, delay_schema())
                                   .doc("Requests that wait.")
                                   .field("abort", &FaultConfig::abort, abort_schema())
                                   .doc("Requests that are refused.")
                                   .field("headers", &FaultConfig::headers, headers_kind())
                                   .doc("Only requests with these headers; \"*\" for any value.");
    return schema;
}

void check_split(const ShapingConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    double sum = 0;
    for (const auto& [version, share] : config.split) sum += share;
    if (!config.split.empty() && std::abs(sum - 100) > 1e-9) {
        diagnostics.error(config.split.begin()->name.at,
                          fmt::format("the shares of this split add up to {:.6g}, not to 100", sum),
                          "write what each version gets of 100 requests, such as { v1: 90, v2: 10 }");
    }
    if (config.split_by && config.split.empty()) {
        diagnostics.error(at, "\"split_by\" says by whom to split, but there is no \"split\"",
                          "add \"split\", such as { v1: 90, v2: 10 }");
    }
}

std::vector<FieldMatch> fields_of(const manifest::OrderedMap<std::string>& headers) {
    std::vector<FieldMatch> fields;
    for (const auto& [name, value] : headers) {
        fields.push_back({name.value, value == "*" ? std::nullopt : std::optional{value}});
    }
    return fields;
}

FaultRule make_fault(const FaultConfig& config) {
    FaultRule rule{.headers = fields_of(config.headers)};
    if (config.delay) rule.delay = config.delay->time, rule.delay_share = config.delay->share;
    if (config.abort) rule.abort_status = config.abort->status, rule.abort_share = config.abort->share;
    return rule;
}

MirrorRule make_mirror(const MirrorConfig& config, telemetry::NameTable& names) {
    return {.service = config.to.value,
            .service_id = names.intern(config.to.value),
            .version = config.version ? names.intern(config.version->value) : telemetry::kNoName,
            .share = config.share};
}

}  // namespace

const Object<ShapingConfig>& shaping_schema() {
    static const auto schema =
        Object<ShapingConfig>("what is done to traffic")
            .validate(check_split)
            .field(
                "split", &ShapingConfig::split,
                map_of(manifest::number().range(0, 100)).names(text("a version").any_scalar()).at_most(kMostVersions))
            .doc("What each version gets of 100 requests.")
            .example("{ v1: 90, v2: 10 }")
            .default_is("every instance alike, whatever its version")
            .field(
                "split_by", &ShapingConfig::split_by,
                manifest::custom<RequestKey>("client, path, header NAME or cookie NAME", parse_request_key, to_string))
            .doc("Who is the same here gets the same version; without it each request draws anew.")
            .default_is("each request by itself")
            .example("header x-user")
            .field("match", &ShapingConfig::match, manifest::list_of(match_schema()).at_most(64))
            .doc("Requests that go to one version whatever the split says; the first that fits decides.")
            .field("mirror", &ShapingConfig::mirror, mirror_schema().or_scalar("to"))
            .doc("A copy of requests goes to another service; it never holds up or changes the answer.")
            .default_is("none")
            .field("fault", &ShapingConfig::fault, fault_schema())
            .doc("Delays or refuses a share of the requests on purpose, to see what happens then.")
            .default_is("none");
    return schema;
}

namespace {

// What the route says, else what the service says.
template <class M>
const M& chosen(const ShapingConfig& service, const ShapingConfig& route, M ShapingConfig::* member) {
    const M& own = route.*member;
    const bool said = [&] {
        if constexpr (requires { own.empty(); }) {
            return !own.empty();
        } else {
            return own.has_value();
        }
    }();
    return said ? own : service.*member;
}

std::string words_of(const FaultConfig& fault) {
    std::string words = "fault";
    if (fault.delay) {
        words +=
            fmt::format(" delay {} for {:.4g}%", base::format_duration(fault.delay->time), fault.delay->share * 100);
    }
    if (fault.abort) words += fmt::format(" abort {} for {:.4g}%", fault.abort->status, fault.abort->share * 100);
    for (const auto& [name, value] : fault.headers) {
        words += fmt::format(", if header {} is {}", name.value, value == "*" ? "there" : value);
    }
    return words;
}

}  // namespace

std::vector<std::string> describe_shaping(const ShapingConfig& service, const ShapingConfig& route,
                                          const std::string& version) {
    std::vector<std::string> lines;
    for (const MatchConfig& match : chosen(service, route, &ShapingConfig::match)) {
        std::vector<std::string> conditions;
        for (const auto& [name, value] : match.headers) {
            conditions.push_back(fmt::format("header {} is {}", name.value, value == "*" ? "there" : value));
        }
        lines.push_back(fmt::format("{}: version {}", base::join(conditions, " and "), match.version.value));
    }
    if (!version.empty()) lines.push_back("version " + version);
    const auto& split = chosen(service, route, &ShapingConfig::split);
    if (version.empty() && !split.empty()) {
        std::vector<std::string> parts;
        for (const auto& [name, share] : split) parts.push_back(fmt::format("{} {:.6g}", name.value, share));
        const auto& by = chosen(service, route, &ShapingConfig::split_by);
        lines.push_back(fmt::format("split {}{}", base::join(parts, ", "), by ? " by " + to_string(*by) : ""));
    }
    if (const auto& mirror = chosen(service, route, &ShapingConfig::mirror)) {
        lines.push_back(fmt::format("mirror {}{} for {:.4g}%", mirror->to.value,
                                    mirror->version ? " version " + mirror->version->value : "", mirror->share * 100));
    }
    if (const auto& fault = chosen(service, route, &ShapingConfig::fault)) lines.push_back(words_of(*fault));
    return lines;
}

ShapingPtr make_shaping(const ShapingConfig& service, const ShapingConfig& route, const std::string& version,
                        telemetry::NameTable& names) {
    auto shaping = std::make_shared<Shaping>();
    if (!version.empty()) shaping->version = names.intern(version);
    for (const MatchConfig& match : chosen(service, route, &ShapingConfig::match)) {
        shaping->matches.push_back({fields_of(match.headers), names.intern(match.version.value)});
    }
    const auto& split = chosen(service, route, &ShapingConfig::split);
    for (const auto& [name, share] : split) {
        if (version.empty()) shaping->split.push_back({names.intern(name.value), share / 100});
    }
    shaping->split_by = chosen(service, route, &ShapingConfig::split_by);
    if (const auto& fault = chosen(service, route, &ShapingConfig::fault)) shaping->fault = make_fault(*fault);
    if (const auto& mirror = chosen(service, route, &ShapingConfig::mirror))
        shaping->mirror = make_mirror(*mirror, names);
    const bool nothing =
        version.empty() && shaping->matches.empty() && shaping->split.empty() && !shaping->fault && !shaping->mirror;
    return nothing ? nullptr : shaping;
}

}  // namespace tl::proxy
