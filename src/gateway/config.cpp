#include "gateway/config.h"

#include <algorithm>

#include "base/text.h"
#include "codec/http1.h"
#include "gateway/prefix_list.h"

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

void check_target(const RouteConfig& route, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (route.to.value.empty() && !route.join) {
        diagnostics.error(at, "a route needs the key \"to\"",
                          "add it, such as to: orders; or \"join\" for an answer of several services");
    }
    if (route.graphql && route.join)
        diagnostics.error(route.graphql->at, "a route has either \"join\" or \"graphql\"", "take one of them out");
    if (route.graphql && route.rewrite)
        diagnostics.error(route.rewrite->at, "\"rewrite\" does nothing beside \"graphql\"",
                          "\"endpoint\" is the service's path");
    if (route.graphql && route.version)
        diagnostics.error(route.version->at, "\"version\" does nothing beside \"graphql\"", "take it out");
    if (route.grpc && (route.join || route.graphql))
        diagnostics.error(route.grpc->at, "a route has one of \"join\", \"graphql\" and \"grpc\"",
                          "take the others out");
    if (route.grpc && route.grpc->method && route.rewrite)
        diagnostics.error(route.rewrite->at, "\"rewrite\" does nothing beside a \"method\" of gRPC",
                          "the method is the service's path");
    if (!route.join) return;
    if (!route.to.value.empty())
        diagnostics.error(route.to.at, "a route has either \"to\" or \"join\"", "take one of them out");
    if (route.rewrite)
        diagnostics.error(route.rewrite->at, "\"rewrite\" does nothing beside \"join\"",
                          "each call has a path of its own");
    if (route.version) diagnostics.error(route.version->at, "\"version\" does nothing beside \"join\"", "take it out");
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
            .doc("The service that gets the request.")
            .default_is("required, unless there is `join`")
            .field("graphql", &RouteConfig::graphql, graphql_schema())
            .doc("The service speaks GraphQL: it is asked with a stored operation, and its data are the answer.")
            .field("grpc", &RouteConfig::grpc, grpc_schema())
            .doc("The service speaks gRPC, the clients JSON.")
            .field("join", &RouteConfig::join, join_schema())
            .doc("Instead of one service: an answer made of calls to several.")
            .default_is("none")
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
            .field("portal", &RouteConfig::portal, manifest::boolean())
            .doc("Whether the portal shows it.")
            .field("policies", &RouteConfig::policies, policies_schema())
            .doc("What is done to requests of this route, and what is asked of them.")
            .include(&RouteConfig::traffic, proxy::traffic_override_schema())
            .validate(check_target);
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
            .field("rate", &LimitsConfig::rate, size().range(0, 1 << 20))
            .doc(
                "Bytes a second that a client must send of a body and take of an answer while it is waited for; 0 for "
                "any.")
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
                                   .doc("To send as much of a body as `limits.rate` asks for.")
                                   .field("write", &TimeoutsConfig::write, duration().range(10ms, 1h))
                                   .doc("To take as much of an answer as `limits.rate` asks for.")
                                   .field("idle", &TimeoutsConfig::idle, duration().range(10ms, 24h))
                                   .doc("Between two requests of one connection.")
                                   .field("handshake", &TimeoutsConfig::handshake, duration().range(10ms, 1h))
                                   .doc("From the connection to the end of its TLS handshake.");
    return schema;
}

const Object<TrustedProxiesConfig>& trusted_proxies_schema() {
    static const auto schema = Object<TrustedProxiesConfig>("the proxies in front of the gateway")
                                   .position(&TrustedProxiesConfig::at)
                                   .field("from", &TrustedProxiesConfig::from, prefix_list().at_least(1))
                                   .required()
                                   .doc("Their addresses or networks.")
                                   .example("[10.0.0.0/8]")
                                   .field("by", &TrustedProxiesConfig::by,
                                          manifest::one_of<ProxyWord>({{"x_forwarded_for", ProxyWord::x_forwarded_for},
                                                                       {"forwarded", ProxyWord::forwarded}}))
                                   .doc("The field in which they name the client. The other one is never believed.");
    return schema;
}

const Object<ProxyProtocolConfig>& proxy_protocol_schema() {
    static const auto schema =
        Object<ProxyProtocolConfig>("the balancers that speak the PROXY protocol")
            .field("from", &ProxyProtocolConfig::from, prefix_list().at_least(1))
            .required()
            .doc("Their addresses or networks; headers of others are not read.")
            .example("[10.0.0.0/8]")
            .field("required", &ProxyProtocolConfig::required, manifest::boolean())
            .doc("A connection of theirs without a header is closed; else it is served as the balancer's own.");
    return schema;
}

void check_trust(const GatewayConfig& config, manifest::Position /*at*/, manifest::Diagnostics& diagnostics) {
    if (!config.trust_forwarded || !config.trusted_proxies) return;
    diagnostics.error(config.trusted_proxies->at,
                      "trust_forwarded believes everybody, so trusted_proxies says nothing more",
                      "leave trust_forwarded out");
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
            .field("accelerate", &GatewayConfig::accelerate, manifest::boolean())
            .doc(
                "Connections of clients on this machine skip TCP where the kernel and the rights allow it. All of them "
                "must use their sockets plainly: see docs/acceleration.md.")
            .field("trusted_proxies", &GatewayConfig::trusted_proxies, trusted_proxies_schema().or_scalar("from"))
            .doc("Networks of proxies in front: the client is the last address of their list that is none of them.")
            .default_is("none: the client is who connects")
            .field("proxy_protocol", &GatewayConfig::proxy_protocol, proxy_protocol_schema().or_scalar("from"))
            .doc("Networks of load balancers that name the client by the PROXY protocol, version 1 or 2.")
            .default_is("not spoken")
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
            .field("portal", &GatewayConfig::portal, portal_schema().or_scalar("path"))
            .doc("A page for those who use the API, and one OpenAPI document of all routes.")
            .default_is("none")
            .field("tcp", &GatewayConfig::tcp, list_of(tcp_listen_schema()).at_most(1000))
            .doc("Ports whose connections go to services that speak TCP, such as databases.")
            .validate(check_trust);
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

http::ProxyProtocolPtr proxy_protocol(const GatewayConfig& config) {
    if (!config.proxy_protocol) return nullptr;
    return std::make_shared<const http::ProxyProtocol>(
        http::ProxyProtocol{net::PrefixSet{config.proxy_protocol->from}, config.proxy_protocol->required});
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
    limits.rate = config.limits.rate;
    limits.connections_per_client = config.limits.connections_per_client;
    return limits;
}

std::vector<RouteConfig> every_route(const GatewayConfig& config) {
    std::vector<RouteConfig> routes = config.routes;
    if (!config.portal) return routes;
    RouteConfig& route = routes.emplace_back();
    route.at = config.portal->at;
    route.path = {config.portal->path.value + "/*", config.portal->path.at};
    route.host = config.portal->host;
    route.policies = config.portal->policies;
    // What the gateway's contract says of all requests does not know of this page.
    if (!route.policies.openapi) route.policies.off.push_back({"openapi", config.portal->at});
    return routes;
}

// Nothing else has neither a service nor calls.
bool is_portal(const RouteConfig& config) { return config.to.value.empty() && !config.join; }

std::string target_words(const RouteConfig& config) {
    if (is_portal(config)) return "the portal";
    if (!config.join) return config.to.value;
    std::vector<std::string> services;
    for (const auto& call : config.join->calls) {
        if (std::ranges::find(services, call.value.to.value) == services.end()) services.push_back(call.value.to.value);
    }
    return base::join(services, ", ") + " joined";
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
