#include "app/import/kong_services.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "app/import/draft.h"
#include "app/import/fields.h"
#include "app/import/url.h"
#include "base/units.h"

namespace tl::app {

using manifest::Node;
using manifest::Position;

namespace {

constexpr double kKongTimeout = 60000;  // ms
constexpr double kKongRetries = 5;
constexpr unsigned kKongTargetPort = 8000;

Url url_of(Fields& fields, Report& report) {
    const std::string text = fields.text("url");
    const std::string protocol = fields.text("protocol", "http");
    Url url = text.empty() ? Url{.scheme = protocol, .host = fields.text("host"), .path = fields.text("path")}
                           : parse_url(text);
    fields.ignore({"host", "path"});
    if (url.credentials) {
        report.to_do(fields.at("url"), "name and password in the URL of " + fields.what(),
                     "a service that wants them gets them by policies.headers");
    }
    if (const auto port = fields.number("port"); port && text.empty()) {
        url.port = static_cast<unsigned>(std::clamp(*port, 0.0, 65535.0));
    }
    return url;
}

// A time of at most an hour.
std::string time_of(double ms) {
    const auto whole = static_cast<int64_t>(std::clamp(std::floor(ms), 1.0, 3600000.0));
    return base::format_duration(std::chrono::milliseconds{whole});
}

void put_timeouts(Fields& fields, Node& service, Report& report) {
    const double read = fields.number("read_timeout").value_or(kKongTimeout);
    put(service, "timeout", word_node(time_of(read), fields.at("read_timeout")));
    if (const auto connect = fields.number("connect_timeout"); connect && *connect != kKongTimeout)
        report.missing(fields.at("connect_timeout"), "\"connect_timeout\" of " + fields.what(),
                       "an instance has 1s to accept, then the next one is tried");
    if (const auto write = fields.number("write_timeout"); write && *write != kKongTimeout)
        report.missing(fields.at("write_timeout"), "\"write_timeout\" of " + fields.what(),
                       "`timeout` holds for the whole, until the head of the answer");
    const double retries = std::clamp(fields.number("retries").value_or(kKongRetries), 0.0, 1000.0);
    Node retry = map_node(fields.at("retries"));
    put(retry, "attempts", word_node(fmt::format("{:.0f}", std::min(retries + 1, 8.0)), fields.at("retries")));
    put(retry, "on", list_node({"unsent", "reset", "timeout"}, fields.at("retries")));
    put(service, "retry", std::move(retry));
    if (retries > 7)
        report.differs(fields.at("retries"), fmt::format("{:.0f} retries of {}", retries, fields.what()),
                       "8 tries are the most");
}

// ---- upstreams

void put_balance(Fields& upstream, Node& service, Report& report) {
    const std::string algorithm = upstream.text("algorithm", "round-robin");
    const std::string by = upstream.text("hash_on", "none");
    Node balance = map_node(upstream.at("algorithm"));
    if (algorithm == "consistent-hashing" || (algorithm == "round-robin" && by != "none")) {
        const std::string header = upstream.text("hash_on_header");
        const std::string cookie = upstream.text("hash_on_cookie");
        const std::string key = by == "ip"       ? "client"
                                : by == "path"   ? "path"
                                : by == "header" ? "header " + header
                                : by == "cookie" ? "cookie " + cookie
                                                 : "";
        put(balance, "policy", word_node("ring_hash"));
        if (!key.empty()) put(balance, "key", word_node(key));
        if (key.empty() && by != "none")
            report.differs(upstream.at("hash_on"), fmt::format("\"hash_on: {}\" of {}", by, upstream.what()),
                           "it hashes by client here; balance.key takes client, path, a header or a cookie");
    } else {
        upstream.ignore({"hash_on_header", "hash_on_cookie"});
        put(balance, "policy",
            word_node(algorithm == "least-connections" ? "least_request"
                      : algorithm == "latency"         ? "peak_ewma"
                                                       : "round_robin"));
    }
    put(service, "balance", std::move(balance));
}

// Active checks are on when an interval is not 0.
void put_health(Fields& upstream, Node& service, Report& report) {
    const Node* const checks = upstream.take("healthchecks");
    const Node* const active = checks == nullptr ? nullptr : checks->find("active");
    if (checks != nullptr && checks->find("passive") != nullptr)
        report.differs(upstream.at("healthchecks"), "passive health checks of " + upstream.what(),
                       "Trunkline has them without being asked: `passive` and `outlier`");
    if (active == nullptr || !active->is_map()) return;
    Fields all{*active, "active health checks of " + upstream.what(), report};
    static const Node kNone;
    const Node* const good = all.take("healthy");
    const Node* const bad = all.take("unhealthy");
    Fields healthy{good == nullptr ? kNone : *good, "\"healthy\" of the " + all.what(), report};
    Fields unhealthy{bad == nullptr ? kNone : *bad, "\"unhealthy\" of the " + all.what(), report};
    const double interval = std::max(healthy.number("interval").value_or(0), unhealthy.number("interval").value_or(0));
    if (!(interval > 0)) return;
    Node health = map_node(all.at());
    const std::string type = all.text("type", "http");
    const std::string path = all.text("http_path", "/");
    put(health, type == "tcp" ? "tcp" : "http", type == "tcp" ? word_node("true") : text_node(path));
    put(health, "interval", word_node(time_of(interval * 1000)));
    if (const auto timeout = all.number("timeout"); timeout && *timeout > 0)
        put(health, "timeout", word_node(time_of(std::min(*timeout, interval) * 1000)));
    if (const auto successes = healthy.number("successes"); successes && *successes >= 1)
        put(health, "healthy_after", word_node(number_text(std::floor(*successes))));
    const auto failures = unhealthy.number("http_failures");
    if (failures && *failures >= 1) put(health, "unhealthy_after", word_node(number_text(std::floor(*failures))));
    for (Fields* const fields : {&healthy, &unhealthy})
        fields->ignore({"http_statuses", "tcp_failures", "timeouts", "http_failures", "successes"});
    all.ignore({"concurrency", "https_verify_certificate"});
    all.tell("headers", "probes have no headers of their own");
    all.tell("https_sni", "tls.name of the service");
    all.finish();
    put(service, "health", std::move(health));
}

// "10.0.0.1:9000" with its weight.
Node address_of(const std::string& target, const std::string& scheme, double weight, double scale, Position at) {
    const Url url = parse_url(scheme + "://" + target);
    const std::string place = authority_of(url.host, url.port == 0 ? kKongTargetPort : url.port);
    Node address = map_node(at);
    put(address, "at", text_node((scheme == "https" ? "https://" : "") + place, at));
    put(address, "weight", word_node(fmt::format("{:.0f}", std::max(1.0, std::round(weight * scale))), at));
    return address;
}

bool put_targets(const KongEntity& upstream, const std::string& scheme, Node& service, Report& report) {
    Fields fields{*upstream.node, fmt::format("upstream \"{}\"", upstream.name), report};
    struct Target {
        std::string name;
        double weight;
        Position at;
    };
    std::vector<Target> targets;
    double largest = 1;
    for (const Node* const one : fields.maps("targets")) {
        Fields target{*one, "a target of " + fields.what(), report};
        const double weight = std::clamp(target.number("weight").value_or(100), 0.0, 65535.0);
        targets.push_back({target.text("target"), weight, target.at()});
        target.ignore({"id", "tags", "created_at", "updated_at"});
        target.finish();
        largest = std::max(largest, weight);
    }
    Node addresses = Node::list();
    for (const Target& one : targets) {
        if (one.weight == 0 || one.name.empty()) {
            report.missing(one.at, fmt::format("target \"{}\" of {}", one.name, fields.what()), "its weight is 0");
            continue;
        }
        addresses.items.push_back(
            address_of(one.name, scheme, one.weight, largest > 1000 ? 1000 / largest : 1, one.at));
    }
    put_balance(fields, service, report);
    put_health(fields, service, report);
    if (const std::string host = fields.text("host_header"); !host.empty()) put(service, "host", text_node(host));
    fields.ignore({"name", "id", "tags", "plugins", "slots", "created_at", "updated_at", "hash_fallback",
                   "hash_fallback_header", "hash_on_cookie_path", "hash_on_cookie", "hash_on_header", "use_srv_name"});
    fields.tell("client_certificate", "tls.cert of the service");
    fields.finish();
    const bool any = !addresses.items.empty();
    put(service, "address", std::move(addresses));
    return any;
}

// ---- what it says in Host

// 1: all routes keep the client's, 0: none, -1: some.
int keeps_host(const KongService& service) {
    size_t keep = 0;
    for (const KongEntity& route : service.routes) {
        const Node* const found = route.node->find("preserve_host");
        if (found != nullptr && found->text == "true") ++keep;
    }
    return keep == 0 ? 0 : keep == service.routes.size() ? 1 : -1;
}

void put_host(const KongService& service, const Url& url, bool balanced, Node& node, const Fields& fields,
              Report& report) {
    const int keep = keeps_host(service);
    if (keep < 0)
        report.differs(fields.at(), fmt::format("only some routes of {} have \"preserve_host\"", fields.what()),
                       "`host` holds for a whole service: make two of it");
    if (keep == 1) return put(node, "host", word_node("client"));
    const bool usual = url.port == 0 || url.port == url.usual_port();
    if (balanced)
        report.differs(fields.at("host"),
                       fmt::format("requests to the targets of {} say the host that the client said", fields.what()),
                       "`host` of the service says another name");
    if (!balanced && !url.secure())
        put(node, "host", text_node(usual ? url.host : authority_of(url.host, url.port), fields.at("host")));
}

bool put_protocol(const Url& url, Node& node, Fields& fields, Report& report) {
    if (url.scheme == "grpc" || url.scheme == "grpcs") put(node, "protocol", word_node("http2"));
    const bool known = url.scheme == "http" || url.scheme == "https" || url.scheme == "grpc" || url.scheme == "grpcs" ||
                       url.scheme == "ws" || url.scheme == "wss";
    if (!known) {
        report.missing(fields.at(), fmt::format("{} speaks {}", fields.what(), url.scheme),
                       "a service with protocol: tcp, and a port of gateway.tcp for it");
    }
    if (url.secure() && !fields.flag("tls_verify", false))
        report.differs(fields.at("tls_verify"), fmt::format("the certificate of {} is verified", fields.what()),
                       "tls.ca of the service names the authorities that count, if the system's do not");
    fields.ignore({"tls_verify"});
    return known;
}

}  // namespace

KongTarget translate_service(const KongService& service, const KongFile& file, Report& report) {
    Fields fields{*service.entity.node, fmt::format("service \"{}\"", service.entity.name), report};
    KongTarget made{.service = map_node(fields.at())};
    const Url url = url_of(fields, report);
    made.path = url.path;
    while (made.path.ends_with('/')) made.path.pop_back();
    made.wanted = service.entity.name.empty() ? url.host : service.entity.name;
    const bool known = put_protocol(url, made.service, fields, report);
    if (url.host.empty())
        report.missing(fields.at(), fields.what() + " and its routes", "it has neither \"url\" nor \"host\"");
    const auto upstream = std::ranges::find(file.upstreams, url.host, &KongEntity::name);
    const bool balanced = upstream != file.upstreams.end();
    made.usable = known && !url.host.empty();
    if (balanced) {
        if (!put_targets(*upstream, url.secure() ? "https" : "http", made.service, report)) {
            report.missing(fields.at(), fields.what() + " and its routes", "its upstream has no target");
            made.usable = false;
        }
    } else {
        const std::string place = authority_of(url.host, url.port == 0 ? url.usual_port() : url.port);
        put(made.service, "address", text_node((url.secure() ? "https://" : "") + place, fields.at("host")));
    }
    if (made.service.find("host") == nullptr) put_host(service, url, balanced, made.service, fields, report);
    put_timeouts(fields, made.service, report);
    fields.tell("ca_certificates", "put them into a PEM file: tls.ca of the service");
    fields.tell("client_certificate", "put it into files: tls.cert and tls.key of the service");
    fields.ignore({"name", "id", "tags", "routes", "plugins", "created_at", "updated_at", "tls_verify_depth"});
    if (fields.text("enabled") == "false") {
        report.missing(fields.at("enabled"), fields.what() + ", which is switched off");
        made.usable = false;
    }
    fields.finish();
    return made;
}

}  // namespace tl::app
