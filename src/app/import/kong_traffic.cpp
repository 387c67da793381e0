// How much may come: rate-limiting, request-size-limiting, request-termination.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "app/import/fields.h"
#include "app/import/kong_plugins.h"
#include "app/import/rates.h"
#include "base/text.h"

namespace tl::app {

using manifest::Node;

namespace {

// Kong counts in windows; what comes nearest counts in one that slides, up to so many requests.
constexpr double kMostOfWindow = 262143;

// What "limit_by" or "identifier" counts by.
std::string key_of(const std::string& word, const std::string& header, const KongPlugin& plugin, Report& report) {
    if (word == "ip") return "client";
    if (word == "consumer" || word == "credential" || word.empty()) return "identity";
    if (word == "service") return "all";
    if (word == "header" && !header.empty()) return "header " + header;
    report.differs(plugin.at, fmt::format("plugin \"{}\" counts by \"{}\"", plugin.name, word),
                   "it is counted by route here; see `by` of policies.limit");
    return "route";
}

void finish_limit(Fields& config, const KongPlugin& plugin, PolicyDraft& out, bool slides, Report& report) {
    for (const char* const key : {"policy", "strategy"}) {
        const std::string store = config.text(key);
        if (store != "redis" && store != "cluster") continue;
        report.missing(config.at(key), fmt::format("\"{}: {}\" of plugin \"{}\"", key, store, plugin.name),
                       "each gateway counts for itself; gateway.redis and store: redis make several count together");
    }
    config.ignore({"redis",
                   "redis_host",
                   "redis_port",
                   "redis_database",
                   "redis_timeout",
                   "redis_ssl",
                   "redis_username",
                   "redis_password",
                   "redis_ssl_verify",
                   "redis_server_name",
                   "fault_tolerant",
                   "sync_rate",
                   "header_name",
                   "path",
                   "error_code",
                   "error_message",
                   "namespace",
                   "dictionary_name",
                   "window_type",
                   "lock_dictionary_name",
                   "disable_penalty",
                   "retry_after_jitter_max",
                   "consumer_groups",
                   "enforce_consumer_groups"});
    if (config.number("error_code").value_or(429) != 429)
        report.differs(config.at("error_code"), fmt::format("\"error_code\" of plugin \"{}\"", plugin.name),
                       "who is over a limit gets 429");
    const bool hide = config.flag("hide_client_headers", false);
    config.finish();
    if (out.policies.find("limit") == nullptr) return;
    Node& limit = out.of("limit", plugin.at);
    if (slides) put(limit, "algorithm", word_node("sliding_window", plugin.at));
    if (hide) put(limit, "headers", word_node("false", plugin.at));
}

std::vector<std::string> pattern_rules(const std::vector<std::string>& patterns) {
    std::vector<std::string> rules;
    for (const std::string& pattern : patterns) rules.push_back("/" + pattern + "/");
    return rules;
}

}  // namespace

void translate_rates(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Report& report = *context.report;
    Fields config{plugin.settings(), "plugin \"rate-limiting\"", report};
    const std::string by = key_of(config.text("limit_by"), config.text("header_name"), plugin, report);
    std::vector<ForeignRate> rates;
    bool slides = true;
    for (const auto& [key, seconds] :
         {std::pair{"second", 1.0}, {"minute", 60.0}, {"hour", 3600.0}, {"day", 86400.0}}) {
        const auto requests = config.number(key);
        if (!requests) continue;
        rates.push_back({.requests = *requests, .seconds = seconds, .by = by});
        slides = slides && *requests <= kMostOfWindow;
    }
    add_rates(out, rates, plugin.at, report);
    if (const auto month = config.number("month"); month && *month >= 1) {
        put(out.of("quota", plugin.at), "requests",
            word_node(fmt::format("{}/month by {}", number_text(std::floor(*month)), by), plugin.at));
    }
    config.tell("year", "quota counts by hour, day or month");
    finish_limit(config, plugin, out, slides, report);
}

void translate_windows(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Report& report = *context.report;
    Fields config{plugin.settings(), "plugin \"rate-limiting-advanced\"", report};
    const std::string by = key_of(config.text("identifier"), config.text("header_name"), plugin, report);
    const std::vector<std::string> most = config.list("limit");
    const std::vector<std::string> windows = config.list("window_size");
    std::vector<ForeignRate> rates;
    bool slides = true;
    for (size_t i = 0; i < std::min(most.size(), windows.size()); ++i) {
        const double requests = number_of(Node::scalar(most[i])).value_or(0);
        rates.push_back({.requests = requests, .seconds = number_of(Node::scalar(windows[i])).value_or(0), .by = by});
        slides = slides && requests <= kMostOfWindow;
    }
    add_rates(out, rates, plugin.at, report);
    finish_limit(config, plugin, out, slides, report);
}

void translate_size(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Fields config{plugin.settings(), "plugin \"request-size-limiting\"", *context.report};
    const double most = std::floor(std::clamp(config.number("allowed_payload_size").value_or(128), 0.0, 1e6));
    const std::string unit = config.text("size_unit", "megabytes");
    config.tell("require_content_length", "a body without a length is counted while it comes");
    config.finish();
    const double scale = unit == "bytes" ? 1 : unit == "kilobytes" ? 1024 : 1024 * 1024;
    out.body = std::max(out.body, static_cast<uint64_t>(most * scale));
    put(out.policies, "size",
        word_node(fmt::format("{:.0f}{}", most,
                              unit == "bytes"       ? ""
                              : unit == "kilobytes" ? "KB"
                                                    : "MB"),
                  plugin.at));
}

void translate_termination(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Report& report = *context.report;
    Fields config{plugin.settings(), "plugin \"request-termination\"", report};
    const double status = config.number("status_code").value_or(503);
    if (config.has("trigger") || config.flag("echo", false)) {
        report.missing(plugin.at, "plugin \"request-termination\" for some requests only",
                       "a route with `headers` or `query` and a fault of its own");
        return;
    }
    config.tell("message", "answers of Trunkline's own are problem details");
    config.tell("body", "answers of Trunkline's own are problem details");
    config.ignore({"content_type", "trigger"});
    config.finish();
    out.terminated = status >= 400 && status <= 599 ? static_cast<unsigned>(status) : 503;
    if (out.terminated != static_cast<unsigned>(std::clamp(status, 0.0, 999.0)))
        report.differs(plugin.at, fmt::format("it answers {}, here 503", number_text(status)), "a fault is 400 to 599");
}

void translate_ip(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Fields config{plugin.settings(), "plugin \"ip-restriction\"", *context.report};
    for (const auto& [mine, theirs, before] :
         {std::tuple{"allow", "allow", "whitelist"}, std::tuple{"deny", "deny", "blacklist"}}) {
        std::vector<std::string> networks = config.list(theirs);
        const std::vector<std::string> former = config.list(before);
        networks.insert(networks.end(), former.begin(), former.end());
        if (!networks.empty()) append(out.of("ip", plugin.at), mine, networks, plugin.at);
    }
    config.ignore({"status", "message"});
    config.finish();
}

void translate_bots(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Fields config{plugin.settings(), "plugin \"bot-detection\"", *context.report};
    std::vector<std::string> deny = config.list("deny");
    if (deny.empty()) deny = config.list("blacklist");
    config.tell("allow", "take what they deny out of agents.deny");
    config.tell("whitelist", "take what they deny out of agents.deny");
    config.ignore({"blacklist"});
    config.finish();
    if (!deny.empty()) put(out.of("agents", plugin.at), "deny", list_node(pattern_rules(deny), plugin.at));
    context.report->missing(plugin.at, "the list of programs that plugin \"bot-detection\" has of its own",
                            "name those that matter in policies: { agents: [...] }");
}

}  // namespace tl::app
