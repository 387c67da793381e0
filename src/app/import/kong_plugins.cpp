#include "app/import/kong_plugins.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/import/fields.h"
#include "base/text.h"

namespace tl::app {

namespace {

// Plugins of one group become one policy, or policies that need each other.
enum class Group : uint8_t { access, limit, shape, alone, nothing };

struct Rule {
    std::string_view plugin;
    Group group;
    KongTranslate translate;   // nullptr: not translated
    std::string_view instead;  // of one that is not
};

constexpr std::string_view kLog = "telemetry.access_log: json writes each request to a file or to standard output";
constexpr std::string_view kMetrics = "Trunkline has metrics without being asked: GET /metrics of its admin API";
constexpr std::string_view kTraces = "trunkline why shows each hop of a request; traceparent is passed on";
constexpr std::string_view kCode = "a script can do it: policies: { lua: FILE }";
constexpr std::string_view kCache = "Trunkline keeps no answers: let the service say Cache-Control, and caches obey";
constexpr std::string_view kSecrets = "write users into a file with htpasswd -B: policies: { auth: { basic: FILE } }";
constexpr std::string_view kTokens =
    "put the key into a file: policies: { auth: { jwt: { issuer: KEY, audience: \"*\", jwks: FILE } } }, or secret: "
    "FILE";

constexpr std::array kRules{
    Rule{"key-auth", Group::access, translate_key_auth, ""},
    Rule{"openid-connect", Group::access, translate_openid, ""},
    Rule{"acl", Group::access, translate_acl, ""},
    Rule{"basic-auth", Group::access, nullptr, kSecrets},
    Rule{"jwt", Group::access, nullptr, kTokens},
    Rule{"jwt-signer", Group::access, nullptr, kTokens},
    Rule{"hmac-auth", Group::access, nullptr, "signed requests of RFC 9421: policies: { auth: { signature: ... } }"},
    Rule{"mtls-auth", Group::access, nullptr, "gateway.tls.client_auth, and policies: { auth: mtls }"},
    Rule{"oauth2", Group::access, nullptr, "let an issuer make tokens: policies: { auth: { jwt: ... } }"},
    Rule{"oauth2-introspection", Group::access, nullptr, "a service that asks the issuer: policies: { ask: SERVICE }"},
    Rule{"ldap-auth", Group::access, nullptr, "a service that asks the directory: policies: { ask: SERVICE }"},
    Rule{"ldap-auth-advanced", Group::access, nullptr, "a service that asks: policies: { ask: SERVICE }"},
    Rule{"session", Group::access, nullptr, "sessions are part of policies: { auth: { login: ... } }"},
    Rule{"opa", Group::access, nullptr, "make OPA a service: policies: { opa: { service: NAME, path: RULE } }"},
    Rule{"request-validator", Group::access, nullptr, "an OpenAPI document: policies: { openapi: FILE }"},
    Rule{"oas-validation", Group::access, nullptr, "the document in a file: policies: { openapi: FILE }"},
    Rule{"rate-limiting", Group::limit, translate_rates, ""},
    Rule{"rate-limiting-advanced", Group::limit, translate_windows, ""},
    Rule{"request-transformer", Group::shape, translate_request_transformer, ""},
    Rule{"request-transformer-advanced", Group::shape, translate_request_transformer, ""},
    Rule{"response-transformer", Group::shape, translate_response_transformer, ""},
    Rule{"response-transformer-advanced", Group::shape, translate_response_transformer, ""},
    Rule{"correlation-id", Group::shape, translate_correlation, ""},
    Rule{"cors", Group::alone, translate_cors, ""},
    Rule{"ip-restriction", Group::alone, translate_ip, ""},
    Rule{"bot-detection", Group::alone, translate_bots, ""},
    Rule{"request-size-limiting", Group::alone, translate_size, ""},
    Rule{"request-termination", Group::alone, translate_termination, ""},
    Rule{"response-ratelimiting", Group::nothing, nullptr, "policies: { limit: ... } counts requests, not answers"},
    Rule{"proxy-cache", Group::nothing, nullptr, kCache},
    Rule{"proxy-cache-advanced", Group::nothing, nullptr, kCache},
    Rule{"prometheus", Group::nothing, nullptr, kMetrics},
    Rule{"statsd", Group::nothing, nullptr, kMetrics},
    Rule{"datadog", Group::nothing, nullptr, kMetrics},
    Rule{"zipkin", Group::nothing, nullptr, kTraces},
    Rule{"opentelemetry", Group::nothing, nullptr, kTraces},
    Rule{"http-log", Group::nothing, nullptr, kLog},
    Rule{"file-log", Group::nothing, nullptr, kLog},
    Rule{"tcp-log", Group::nothing, nullptr, kLog},
    Rule{"udp-log", Group::nothing, nullptr, kLog},
    Rule{"syslog", Group::nothing, nullptr, kLog},
    Rule{"loggly", Group::nothing, nullptr, kLog},
    Rule{"kafka-log", Group::nothing, nullptr, kLog},
    Rule{"pre-function", Group::access, nullptr, kCode},
    Rule{"post-function", Group::nothing, nullptr, kCode},
    Rule{"aws-lambda", Group::access, nullptr, "put a service in front of the function"},
    Rule{"grpc-web", Group::nothing, nullptr, "services with protocol: http2 take gRPC-Web without being asked"},
    Rule{"grpc-gateway", Group::nothing, nullptr, "a route with grpc: { descriptors: FILE }"},
    Rule{"canary", Group::nothing, nullptr, "split: { \"1\": 95, \"2\": 5 } of the service"},
};

// A plugin that nobody here knows may be what protects the route.
constexpr Rule kUnknown{"", Group::access, nullptr, "it is not known here and may be what protects this"};

const Rule& rule_of(const KongPlugin& plugin) {
    const auto found = std::ranges::find(kRules, plugin.name, &Rule::plugin);
    return found == kRules.end() ? kUnknown : *found;
}

bool same_policy(const Rule& a, const Rule& b) {
    return a.group == b.group && (a.group != Group::alone || a.plugin == b.plugin) && a.group != Group::nothing;
}

void tell_unused(const KongPlugin& plugin, const Rule& rule, PolicyDraft& out, Report& report) {
    const std::string what = fmt::format("plugin \"{}\"", plugin.name);
    if (rule.group != Group::access) return report.missing(plugin.at, what, std::string{rule.instead});
    out.closed = true;
    report.closed(plugin.at, what, fmt::format("{}; then remove the scope {}", rule.instead, Draft::kClosed));
}

// What tells when a plugin is used: in a manifest a policy holds for all that comes to its place.
void tell_conditions(const KongPlugin& plugin, Report& report) {
    if (plugin.node == nullptr) return;
    Fields fields{*plugin.node, fmt::format("plugin \"{}\"", plugin.name), report};
    fields.ignore({"name", "config", "enabled", "id", "tags", "service", "route", "consumer", "created_at",
                   "updated_at", "protocols", "consumer_group", "run_on"});
    fields.tell("ordering", "policies have one order");
    fields.finish();
}

}  // namespace

KongPluginSet overlay(const KongPluginSet& outer, const std::vector<KongPlugin>& own) {
    KongPluginSet all = outer;
    for (const KongPlugin& plugin : own) {
        std::erase_if(all, [&](const KongPlugin* one) { return one->name == plugin.name; });
        all.push_back(&plugin);
    }
    return all;
}

PolicyDraft translate_plugins(const KongPluginSet& holding, const std::vector<KongPlugin>& own,
                              const KongContext& context) {
    PolicyDraft out;
    for (const KongPlugin* const plugin : holding) {
        const Rule& rule = rule_of(*plugin);
        const bool is_own = std::ranges::any_of(own, [&](const KongPlugin& one) { return &one == plugin; });
        const bool beside_own =
            std::ranges::any_of(own, [&](const KongPlugin& one) { return same_policy(rule_of(one), rule); });
        if (!is_own && !beside_own) continue;
        tell_conditions(*plugin, *context.report);
        if (rule.translate == nullptr) {
            tell_unused(*plugin, rule, out, *context.report);
        } else {
            rule.translate(*plugin, out, context);
        }
    }
    return out;
}

}  // namespace tl::app
