#include "app/import/krakend_policies.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "app/import/fields.h"
#include "app/import/rates.h"
#include "base/text.h"
#include "base/units.h"

namespace tl::app {

using manifest::Node;

namespace {

double seconds_of(const std::string& text, double otherwise) {
    const auto time = base::parse_duration(text);
    if (!time || *time <= base::Duration::zero()) return otherwise;
    return std::chrono::duration<double>(*time).count();
}

// ---- limits

void translate_rates(const Node& settings, PolicyDraft& out, const KrakendContext& context,
                     std::string_view everybody) {
    Report& report = *context.report;
    Fields fields{settings, "a rate limit", report};
    const double every = seconds_of(fields.text("every"), 1);
    const double client_every = seconds_of(fields.text("client_every"), every);
    std::vector<ForeignRate> rates;
    const double capacity = fields.number("capacity").value_or(0);
    const double client_capacity = fields.number("client_capacity").value_or(0);
    const std::string strategy = fields.text("strategy", "ip");
    const std::string key = fields.text("key");
    if (const auto most = fields.number("max_rate"); most && *most > 0)
        rates.push_back({.requests = *most, .seconds = every, .by = std::string{everybody}, .burst = capacity});
    if (const auto most = fields.number("client_max_rate"); most && *most > 0) {
        std::string by = "client";
        if (strategy == "header" && !key.empty()) by = "header " + key;
        if (strategy != "header" && strategy != "ip")
            report.differs(fields.at("strategy"), fmt::format("the rate limit's \"strategy: {}\"", strategy),
                           "it counts by client here");
        rates.push_back({.requests = *most, .seconds = client_every, .by = by, .burst = client_capacity});
    }
    fields.ignore({"cleanup_period", "cleanup_threads", "num_shards"});
    fields.finish();
    add_rates(out, rates, settings.at, report);
}

void translate_endpoint_rates(const Node& settings, PolicyDraft& out, const KrakendContext& context) {
    translate_rates(settings, out, context, "route");
}

void translate_file_rates(const Node& settings, PolicyDraft& out, const KrakendContext& context) {
    translate_rates(settings, out, context, "all");
}

// ---- browsers

void translate_cors(const Node& settings, PolicyDraft& out, const KrakendContext& context) {
    Report& report = *context.report;
    Fields fields{settings, "\"security/cors\"", report};
    std::vector<std::string> origins = fields.list("allow_origins");
    if (origins.empty()) origins = {"*"};
    Node cors = map_node(settings.at);
    put(cors, "origins", list_node(origins, settings.at));
    for (const auto& [mine, theirs] :
         {std::pair{"methods", "allow_methods"}, {"headers", "allow_headers"}, {"expose", "expose_headers"}}) {
        std::vector<std::string> names = fields.list(theirs);
        if (!names.empty() && names.front() != "*") put(cors, mine, list_node(names, settings.at));
    }
    const bool everybody = std::ranges::find(origins, "*") != origins.end();
    if (fields.flag("allow_credentials", false)) {
        if (everybody) {
            report.missing(fields.at("allow_credentials"), "\"allow_credentials\" together with the origin \"*\"",
                           "name the origins");
        } else {
            put(cors, "credentials", word_node("true", settings.at));
        }
    }
    const std::string age = fields.text("max_age");
    if (!age.empty()) put(cors, "max_age", word_node(seconds_text(std::min(seconds_of(age, 0), 86400.0)), settings.at));
    fields.ignore({"debug", "options_passthrough", "options_success_status"});
    fields.tell("allow_private_network", "there is no word for it");
    fields.finish();
    put(out.policies, "cors", std::move(cors));
}

void translate_security(const Node& settings, PolicyDraft& out, const KrakendContext& context) {
    Fields fields{settings, "\"security/http\"", *context.report};
    Node made = map_node(settings.at);
    const auto seconds = fields.number("sts_seconds");
    if (seconds && *seconds >= 1) {
        Node& hsts = child(made, "hsts", settings.at);
        put(hsts, "max_age", word_node(seconds_text(std::min(*seconds, 315360000.0))));
        if (fields.flag("sts_include_subdomains", false)) put(hsts, "subdomains", word_node("true"));
        if (fields.flag("sts_preload", false)) put(hsts, "preload", word_node("true"));
    }
    const std::string frame = base::lower(fields.text("custom_frame_options_value"));
    const bool deny = fields.flag("frame_deny", false);
    put(made, "frame", word_node(frame == "sameorigin" ? "same_origin" : deny || frame == "deny" ? "deny" : "any"));
    put(made, "nosniff", word_node(fields.flag("content_type_nosniff", false) ? "true" : "false"));
    for (const char* const name : {"content_security_policy", "referrer_policy"}) {
        const std::string value = fields.text(name);
        if (!value.empty())
            put(made, std::string_view{name} == "referrer_policy" ? "referrer" : name, text_node(value));
    }
    fields.tell("allowed_hosts", "`host` of each route");
    fields.tell("ssl_redirect", "gateway.tls.redirect: true");
    fields.tell("ssl_host", "gateway.tls.redirect sends to the host that was asked for");
    fields.ignore({"browser_xss_filter", "is_development", "host_proxy_headers", "sts_include_subdomains",
                   "sts_preload", "ssl_proxy_headers"});
    fields.finish();
    put(out.policies, "security_headers", std::move(made));
}

void translate_bots(const Node& settings, PolicyDraft& out, const KrakendContext& context) {
    Fields fields{settings, "\"security/bot-detector\"", *context.report};
    std::vector<std::string> rules = fields.list("deny");
    for (const std::string& pattern : fields.list("patterns")) rules.push_back("/" + pattern + "/");
    Node agents = map_node(settings.at);
    if (!rules.empty()) put(agents, "deny", list_node(rules, settings.at));
    if (fields.flag("empty_user_agent_is_bot", false)) put(agents, "need", word_node("true"));
    fields.tell("allow", "take what they deny out of agents.deny");
    fields.ignore({"cache_size"});
    fields.finish();
    if (!agents.entries.empty()) put(out.policies, "agents", std::move(agents));
}

// ---- all of them

enum class Otherwise : uint8_t { report, close };

struct Rule {
    std::string_view name;
    KrakendTranslate translate = nullptr;
    std::string_view instead;
    Otherwise otherwise = Otherwise::report;
};

constexpr std::string_view kObserved =
    "trunkline why, GET /metrics and telemetry.access_log are there without being asked";
constexpr std::string_view kScript = "a script can do it: policies: { lua: FILE }";

constexpr std::array kRules{
    Rule{"qos/ratelimit/router", translate_endpoint_rates, ""},
    Rule{"qos/ratelimit/proxy", translate_endpoint_rates, ""},
    Rule{"qos/ratelimit/service", translate_file_rates, ""},
    Rule{"auth/validator", translate_validator, ""},
    Rule{"auth/api-keys", translate_api_keys, ""},
    Rule{"auth/basic", nullptr, "write users into a file with htpasswd -B: policies: { auth: { basic: FILE } }",
         Otherwise::close},
    Rule{"auth/signer", nullptr, "let an issuer make tokens", Otherwise::close},
    Rule{"auth/revoker", nullptr, "tokens of a short life, or a service that is asked: policies: { ask: SERVICE }"},
    Rule{"auth/client-credentials", nullptr, "a service of yours gets the token; policies.headers can set one"},
    Rule{"auth/gcp", nullptr, "a service of yours gets the token"},
    Rule{"auth/mtls", nullptr, "gateway.tls.client_auth, and policies: { auth: mtls }", Otherwise::close},
    Rule{"security/policies", nullptr, "policies: { allow: ... } asks for roles, scopes and claims", Otherwise::close},
    Rule{"validation/cel", nullptr, "policies: { allow: ... }, or a script: policies: { lua: FILE }", Otherwise::close},
    Rule{"validation/json-schema", nullptr, "an OpenAPI document with the schema: policies: { openapi: FILE }",
         Otherwise::close},
    Rule{"security/cors", translate_cors, ""},
    Rule{"security/http", translate_security, ""},
    Rule{"security/bot-detector", translate_bots, ""},
    Rule{"modifier/martian", translate_martian, ""},
    Rule{"modifier/lua-endpoint", nullptr, kScript, Otherwise::close},
    Rule{"modifier/lua-proxy", nullptr, kScript},
    Rule{"modifier/lua-backend", nullptr, kScript},
    Rule{"modifier/jmespath", nullptr, kScript},
    Rule{"modifier/request-body-generator", nullptr, kScript},
    Rule{"modifier/response-body-generator", nullptr, kScript},
    Rule{"modifier/response-body", nullptr, kScript},
    Rule{"modifier/response-headers", nullptr, "policies: { headers: { response: ... } }"},
    Rule{"plugin/http-server", nullptr, kScript, Otherwise::close},
    Rule{"plugin/http-client", nullptr, kScript},
    Rule{"plugin/req-resp-modifier", nullptr, kScript, Otherwise::close},
    Rule{"qos/http-cache", nullptr, "Trunkline keeps no answers: let the service say Cache-Control, and caches obey"},
    Rule{"backend/http", nullptr, "statuses and bodies of a service go on as they are on a route with `to`"},
    Rule{"backend/http/client", nullptr,
         "tls of the service says whose certificates count; redirects go on to clients"},
    Rule{"telemetry/logging", nullptr, kObserved},
    Rule{"telemetry/metrics", nullptr, kObserved},
    Rule{"telemetry/gelf", nullptr, kObserved},
    Rule{"telemetry/logstash", nullptr, kObserved},
    Rule{"telemetry/influx", nullptr, kObserved},
    Rule{"telemetry/opencensus", nullptr, kObserved},
    Rule{"telemetry/opentelemetry", nullptr, kObserved},
    Rule{"router", nullptr, "the gateway has no such switches; gateway.limits and gateway.timeouts are its own"},
    Rule{"documentation/openapi", nullptr, "it has no effect on requests"},
    Rule{"server/static-filesystem", nullptr, "put a file server behind a route"},
    Rule{"server/virtualhost", nullptr, "`host` of a route"},
    Rule{"websocket", nullptr, "a route to a service with HTTP passes upgrades on by itself"},
    Rule{"grpc", nullptr, "a route with grpc: { descriptors: FILE }"},
    // Read by those who own them.
    Rule{"qos/circuit-breaker", nullptr, "-"},
    Rule{"proxy", nullptr, "-"},
};

// Whoever does not know a namespace cannot say whether it protects.
constexpr Rule kUnknown{"", nullptr, "it is not known here and may protect this", Otherwise::close};

}  // namespace

void translate_extra(const Node* extra, PolicyDraft& out, const KrakendContext& context) {
    if (extra == nullptr) return;
    for (const manifest::Entry& entry : extra->entries) {
        const auto found = std::ranges::find(kRules, entry.key, &Rule::name);
        const Rule& rule = found == kRules.end() ? kUnknown : *found;
        if (rule.instead == "-" || entry.value.is_null()) continue;
        if (rule.translate != nullptr) {
            rule.translate(entry.value, out, context);
            continue;
        }
        const std::string what = fmt::format("\"{}\"", entry.key);
        if (rule.otherwise == Otherwise::report) {
            context.report->missing(entry.at, what, std::string{rule.instead});
            continue;
        }
        out.closed = true;
        context.report->closed(entry.at, what,
                               fmt::format("{}; then remove the scope {}", rule.instead, Draft::kClosed));
    }
}

}  // namespace tl::app
