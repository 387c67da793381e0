#include "gateway/config.h"

#include "base/text.h"
#include "codec/http1.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using manifest::duration;
using manifest::integer;
using manifest::list_of;
using manifest::map_of;
using manifest::Object;
using manifest::size;
using manifest::text;

namespace {

std::optional<std::string> check_path(std::string_view path) {
    const auto pattern = proxy::PathPattern::parse(path);
    if (pattern) return std::nullopt;
    return "is no path pattern: " + pattern.error().context;
}

std::optional<std::string> check_rewrite(std::string_view path) {
    if (path.starts_with('/')) return std::nullopt;
    return "must begin with \"/\"";
}

std::optional<std::string> check_host(std::string_view host) {
    const std::string_view name = host.starts_with("*.") ? host.substr(2) : host;
    if (name.find(':') != std::string_view::npos) return "must be a host name without a port";
    // A "*" elsewhere would be taken literally and never match.
    if (name.empty() || name.find('*') != std::string_view::npos)
        return "is no host name; write a.example or *.example";
    if (codec::is_valid_authority(name)) return std::nullopt;
    return "is no host name; write a.example or *.example";
}

std::optional<std::string> check_method(std::string_view method) {
    if (!codec::is_token(method)) return "is no HTTP method";
    for (const char c : method) {
        if (c >= 'a' && c <= 'z') return "must be upper case, such as GET";
    }
    return std::nullopt;
}

std::optional<std::string> check_header_name(std::string_view name) {
    if (codec::is_token(name)) return std::nullopt;
    return "is no header name";
}

const Object<RouteConfig>& route_schema() {
    static const auto schema =
        Object<RouteConfig>("a route")
            .position(&RouteConfig::at)
            .field("path", &RouteConfig::path, text("a path such as /api/users/*").check(check_path))
            .required()
            .doc("Exact, with {name} for one segment, or ending in /* for everything below.")
            .example("/api/users/*")
            .field("host", &RouteConfig::host, text("a host name").check(check_host))
            .doc("Only for this host; *.example.com for all below it. Without: every host.")
            .field("methods", &RouteConfig::methods, list_of(text("a method").check(check_method)).unique().or_single())
            .doc("Only these methods. GET takes HEAD too. Without: all.")
            .field(
                "headers", &RouteConfig::headers,
                map_of(text("a header's value").any_scalar()).names(text("a header's name").check(check_header_name)))
            .doc("Only with these headers; \"*\" for any value.")
            .field("query", &RouteConfig::query,
                   map_of(text("a parameter's value").any_scalar()).names(text("a query parameter")))
            .doc("Only with these query parameters; \"*\" for any value.")
            .field("to", &RouteConfig::to, manifest::dns_label("a service's name"))
            .required()
            .doc("The service that gets the request.")
            .field("version", &RouteConfig::version, text("a version").any_scalar())
            .doc("Only this version of the service, whatever its split says.")
            .default_is("by the split")
            .field("rewrite", &RouteConfig::rewrite, text("a path").check(check_rewrite))
            .doc(
                "The path that the service sees. A trailing /* takes over what the path's /* matched, {name} a "
                "parameter.")
            .example("/users/*")
            .field("priority", &RouteConfig::priority, integer().range(-1000, 1000))
            .doc("Higher wins over more specific.")
            .field("policies", &RouteConfig::policies, policies_schema())
            .doc("What is done to requests of this route, and what is asked of them.")
            .include(&RouteConfig::traffic, proxy::traffic_override_schema());
    return schema;
}

const Object<LimitsConfig>& limits_schema() {
    static const auto schema =
        Object<LimitsConfig>("the gateway's limits")
            .field("head", &LimitsConfig::head, size().range(1024, 1 << 20))
            .doc("Bytes of a request's head.")
            .field("headers", &LimitsConfig::headers, integer().range(8, 1000))
            .doc("Header lines of a request.")
            .field("target", &LimitsConfig::target, size().range(256, 64 << 10))
            .doc("Bytes of path and query.")
            .field("body", &LimitsConfig::body, size().range(0, int64_t{1} << 40))
            .doc("Bytes of a request's body.")
            .field("connections", &LimitsConfig::connections, integer().range(1, 1 << 20))
            .doc("Client connections a thread; more are closed at once.")
            .field("connections_per_client", &LimitsConfig::connections_per_client, integer().range(0, 1 << 20))
            .doc("The same for one client address (of IPv6 its /64); 0 for no cap.")
            .field("memory", &LimitsConfig::memory, size().range(16 << 20, int64_t{1} << 40))
            .doc(
                "Bytes of all buffers, shared out to the threads. When three quarters are used, "
                "new requests are answered 503.")
            .field("streams", &LimitsConfig::streams, integer().range(1, 1000))
            .doc("Requests at a time on one connection of HTTP/2.")
            .field("handshakes", &LimitsConfig::handshakes, integer().range(1, 1 << 20))
            .doc("TLS handshakes at a time, a thread; beyond it the oldest one ends.");
    return schema;
}

const Object<TimeoutsConfig>& timeouts_schema() {
    static const auto schema = Object<TimeoutsConfig>("the gateway's timeouts")
                                   .field("head", &TimeoutsConfig::head, duration().range(10ms, 1h))
                                   .doc("From the first byte of a head to its end.")
                                   .field("body", &TimeoutsConfig::body, duration().range(10ms, 1h))
                                   .doc("Between two pieces of a request's body.")
                                   .field("write", &TimeoutsConfig::write, duration().range(10ms, 1h))
                                   .doc("Until a client that reads slowly takes more.")
                                   .field("idle", &TimeoutsConfig::idle, duration().range(10ms, 24h))
                                   .doc("Between two requests of one connection.")
                                   .field("handshake", &TimeoutsConfig::handshake, duration().range(10ms, 1h))
                                   .doc("From the connection to the end of its TLS handshake.");
    return schema;
}

}  // namespace

std::expected<net::Address, std::string> parse_listen(std::string_view text) {
    const bool only_port = text.find_first_not_of("0123456789") == std::string_view::npos;
    const auto address = net::Address::parse(only_port ? "127.0.0.1:" + std::string{text} : std::string{text});
    if (address && !address->is_unix() && address->port() != 0) return *address;
    return std::unexpected("must be a port or an address with a port, such as 8080 or 0.0.0.0:8080");
}

const Object<GatewayConfig>& gateway_schema() {
    static const auto schema =
        Object<GatewayConfig>("the gateway")
            .field("listen", &GatewayConfig::listen,
                   list_of(manifest::custom<Listen>("a port or an address such as 0.0.0.0:8080", parse_listener,
                                                    [](const Listen& listen) { return listen.to_string(); }))
                       .at_least(1)
                       .or_single())
            .doc(
                "Where clients connect. A port alone listens on 127.0.0.1; 0.0.0.0:8080 is open to the network. "
                "http:// in front: without TLS although there is `tls`.")
            .field("tls", &GatewayConfig::tls, tls_schema().or_scalar("issuer"))
            .doc("Speak TLS: `local`, or with certificates from files.")
            .default_is("no TLS")
            .field("threads", &GatewayConfig::threads, integer().range(1, 64))
            .doc("Threads of the data path.")
            .default_is("one a core, at most 4")
            .field("trust_forwarded", &GatewayConfig::trust_forwarded, manifest::boolean())
            .doc(
                "Keep Forwarded and X-Forwarded-* that clients send, and append to them. Only behind a proxy of your "
                "own.")
            .field("limits", &GatewayConfig::limits, limits_schema())
            .doc("What a client may send.")
            .field("timeouts", &GatewayConfig::timeouts, timeouts_schema())
            .doc("How long a client may take.")
            .field("policies", &GatewayConfig::policies, policies_schema())
            .doc("What is done to every request, and what is asked of it; a nearer place may say otherwise.")
            .field("redis", &GatewayConfig::redis, redis_schema().or_scalar("address"))
            .doc("Through which several gateways share their limits (store: redis).")
            .default_is("none; each gateway counts for itself")
            .field("routes", &GatewayConfig::routes, list_of(route_schema()))
            .doc("What is reachable from outside; everything else is a 404.")
            .field("tcp", &GatewayConfig::tcp, list_of(tcp_listen_schema()).at_most(1000))
            .doc("Ports whose connections go to services that speak TCP, such as databases.");
    return schema;
}

bool speaks_tls(const Listen& listen, const GatewayConfig& config) {
    return config.tls && listen.scheme != Listen::Scheme::http;
}

uint16_t https_port(const GatewayConfig& config) {
    for (const auto& listen : config.listen) {
        if (speaks_tls(listen.value, config)) return listen.value.address.port();
    }
    return 0;
}

net::TlsLimits tls_limits(const GatewayConfig& config) {
    return {.handshake = config.timeouts.handshake, .handshakes = config.limits.handshakes};
}

http::ServerLimits server_limits(const GatewayConfig& config) {
    http::ServerLimits limits;
    limits.head.head = config.limits.head;
    limits.head.headers = config.limits.headers;
    limits.head.target = config.limits.target;
    limits.body = config.limits.body;
    limits.http2.streams = config.limits.streams;
    limits.head_deadline = config.timeouts.head;
    limits.body_idle = config.timeouts.body;
    limits.write_idle = config.timeouts.write;
    limits.keep_alive = config.timeouts.idle;
    limits.memory = config.limits.memory;
    limits.connections_per_client = config.limits.connections_per_client;
    return limits;
}

base::Result<proxy::RouteRule> make_rule(const RouteConfig& config) {
    proxy::RouteRule rule;
    auto pattern = proxy::PathPattern::parse(config.path.value);
    if (!pattern) return base::fail(pattern.error());
    rule.path = std::move(*pattern);
    rule.host = base::lower(config.host);
    rule.methods = config.methods;
    rule.priority = config.priority;
    const auto add_all = [](const manifest::OrderedMap<std::string>& from, std::vector<proxy::FieldMatch>& to) {
        for (const auto& [name, value] : from) {
            to.push_back({name.value, value == "*" ? std::nullopt : std::optional{value}});
        }
    };
    add_all(config.headers, rule.headers);
    add_all(config.query, rule.query);
    rule.name = (rule.methods.empty() ? "" : base::join(rule.methods, "|") + " ") + rule.host + config.path.value;
    return rule;
}

}  // namespace tl::gateway
