// What the manifest says about the public door: the `gateway` section with its routes. Plain values with the places
// where they were written; cross-checks against services are made in app/, which knows them all.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/graphql/config.h"
#include "gateway/grpc_json/config.h"
#include "gateway/join/config.h"
#include "gateway/policies/policies.h"
#include "gateway/policies/redis_config.h"
#include "gateway/portal/config.h"
#include "gateway/tcp_config.h"
#include "gateway/tls_config.h"
#include "http/message.h"
#include "http/proxied.h"
#include "manifest/schema.h"
#include "net/address.h"
#include "net/prefix_set.h"
#include "net/tls.h"
#include "proxy/route.h"
#include "proxy/traffic_config.h"

namespace tl::gateway {

struct RouteConfig {
    manifest::Position at;
    manifest::Located<std::string> path;
    std::string host;
    std::vector<std::string> methods;
    manifest::OrderedMap<std::string> headers;  // "*": present
    manifest::OrderedMap<std::string> query;
    manifest::Located<std::string> to;  // "" with `join`
    std::optional<JoinConfig> join;
    std::optional<GraphqlConfig> graphql;
    std::optional<GrpcConfig> grpc;
    std::optional<manifest::Located<std::string>> version;  // of that service
    std::optional<manifest::Located<std::string>> rewrite;
    int priority = 0;
    bool portal = true;  // it may be shown there
    proxy::TrafficOverride traffic;
    Policies policies;
};

struct LimitsConfig {
    uint32_t head = 32 * 1024;
    uint32_t headers = 100;
    uint32_t target = 8 * 1024;
    uint64_t body = 16ULL << 20;
    uint32_t connections = 65536;  // a core
    uint32_t connections_per_client = 4096;
    uint32_t rate = 240;             // bytes a second
    uint64_t memory = 512ULL << 20;  // of buffers, all cores together
    uint32_t streams = http::Http2Limits{}.streams;
    uint32_t handshakes = 1024;  // of TLS at a time, a core
};

struct TimeoutsConfig {
    base::Duration head = std::chrono::seconds{10};
    base::Duration body = std::chrono::seconds{30};
    base::Duration write = std::chrono::seconds{30};
    base::Duration idle = std::chrono::seconds{75};
    base::Duration handshake = std::chrono::seconds{10};
};

enum class ProxyWord : uint8_t { x_forwarded_for, forwarded };

struct TrustedProxiesConfig {
    manifest::Position at;
    std::vector<net::Prefix> from;
    ProxyWord by = ProxyWord::x_forwarded_for;
};

struct ProxyProtocolConfig {
    std::vector<net::Prefix> from;
    bool required = true;
};

struct GatewayConfig {
    std::vector<manifest::Located<Listen>> listen;
    std::optional<TlsConfig> tls;
    std::optional<uint32_t> threads;  // data cores
    bool trust_forwarded = false;
    bool accelerate = false;  // clients on this machine may be joined
    std::optional<TrustedProxiesConfig> trusted_proxies;
    std::optional<ProxyProtocolConfig> proxy_protocol;
    LimitsConfig limits;
    TimeoutsConfig timeouts;
    Policies policies;  // of every route
    std::optional<RedisConfig> redis;
    std::vector<RouteConfig> routes;
    std::optional<PortalConfig> portal;
    std::vector<TcpListenConfig> tcp;

    GatewayConfig() { listen.push_back({{net::Address::loopback(8080)}, {}}); }
};

[[nodiscard]] const manifest::Object<GatewayConfig>& gateway_schema();

// "8080" is 127.0.0.1:8080: what is to be seen from outside must be said (0.0.0.0:8080).
[[nodiscard]] std::expected<net::Address, std::string> parse_listen(std::string_view text);

// Whether a listener speaks TLS.
[[nodiscard]] bool speaks_tls(const Listen& listen, const GatewayConfig& config);
// The first port that does; 0 if none does.
[[nodiscard]] uint16_t https_port(const GatewayConfig& config);

[[nodiscard]] http::ServerLimits server_limits(const GatewayConfig& config);
// nullptr: not spoken.
[[nodiscard]] http::ProxyProtocolPtr proxy_protocol(const GatewayConfig& config);
[[nodiscard]] net::TlsLimits tls_limits(const GatewayConfig& config);
// The routes of the manifest, and last the portal's where there is one.
[[nodiscard]] std::vector<RouteConfig> every_route(const GatewayConfig& config);
[[nodiscard]] bool is_portal(const RouteConfig& config);
// Where requests go, for people: "orders", "users, orders joined", or "the portal".
[[nodiscard]] std::string target_words(const RouteConfig& config);
// The parts of a route that match; the error says what is wrong with its path.
[[nodiscard]] base::Result<proxy::RouteRule> make_rule(const RouteConfig& config);

}  // namespace tl::gateway
