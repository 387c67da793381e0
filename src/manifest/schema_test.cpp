// The toolkit as a feature room uses it: a small shop manifest, read, printed, described.
#include "manifest/schema.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "manifest/document.h"
#include "manifest/names.h"

namespace tl::manifest {

using namespace std::chrono_literals;

namespace {

struct RetryConfig {
    uint32_t attempts = 1;
    double budget = 0.2;
    bool operator==(const RetryConfig&) const = default;
};
struct RouteConfig {
    std::string path;
    Located<std::string> to;
    base::Duration timeout = 15s;
    std::vector<std::string> methods;
    RetryConfig retry;
    bool operator==(const RouteConfig&) const = default;
};
struct LimitsConfig {
    uint64_t head = 32 << 10;
    uint16_t headers = 100;
    bool operator==(const LimitsConfig&) const = default;
};
struct GatewayConfig {
    std::vector<std::string> listen{"8080"};
    LimitsConfig limits;
    std::vector<RouteConfig> routes;
    bool operator==(const GatewayConfig&) const = default;
};
enum class ProbeMode { http, tcp };
struct HealthConfig {
    std::string path;
    ProbeMode mode = ProbeMode::http;
    bool operator==(const HealthConfig&) const = default;
};
struct RunConfig {
    std::optional<std::string> run;
    OrderedMap<std::string> env;
    uint32_t replicas = 1;
};
struct ServiceConfig {
    Position at;
    RunConfig run;
    std::optional<HealthConfig> health;
    std::vector<Located<std::string>> calls;
    std::optional<Located<std::string>> address;
};
struct ShopConfig {
    std::string system;
    GatewayConfig gateway;
    OrderedMap<OrderedMap<ServiceConfig>> contexts;
    std::optional<bool> development;
};

std::optional<std::string> valid_path(std::string_view path) {
    if (path.starts_with('/')) return std::nullopt;
    return "must start with \"/\"";
}

void run_or_address(const ServiceConfig& service, Position at, Diagnostics& diagnostics) {
    if (service.run.run.has_value() == service.address.has_value()) {
        diagnostics.error(at, "a service has either \"run\" or \"address\"", "remove or add one");
    }
}

const Object<RetryConfig>& retry_schema() {
    static const auto schema = Object<RetryConfig>("a retry rule")
                                   .field("attempts", &RetryConfig::attempts, integer().range(1, 10))
                                   .field("budget", &RetryConfig::budget, percent())
                                   .doc("share of requests that may be retries");
    return schema;
}

const Object<RouteConfig>& route_schema() {
    static const auto schema =
        Object<RouteConfig>("a route")
            .field("path", &RouteConfig::path, text("a path").check(valid_path)).required().example("/api/*")
            .field("to", &RouteConfig::to, text("a service's name")).required()
            .field("timeout", &RouteConfig::timeout, duration().range(1ms, 1h)).doc("of the whole request")
            .field("methods", &RouteConfig::methods, list_of(one_of({"GET", "POST", "DELETE"})).unique())
            .field("retry", &RouteConfig::retry, retry_schema());
    return schema;
}

const Object<GatewayConfig>& gateway_schema() {
    static const auto limits = Object<LimitsConfig>("the gateway's limits")
                                   .field("head", &LimitsConfig::head, size().range(1024, 1 << 20))
                                   .field("headers", &LimitsConfig::headers, integer().range(1, 1000));
    static const auto schema = Object<GatewayConfig>("the gateway")
                                   .field("listen", &GatewayConfig::listen, list_of(text("a port")).or_single())
                                   .field("limits", &GatewayConfig::limits, limits)
                                   .field("routes", &GatewayConfig::routes, list_of(route_schema()));
    return schema;
}

const Object<ServiceConfig>& service_schema() {
    static const auto run = Object<RunConfig>("a process")
                                .field("run", &RunConfig::run, text("a command"))
                                .field("env", &RunConfig::env, map_of(text().any_scalar().allow_empty()))
                                .field("replicas", &RunConfig::replicas, integer().range(0, 100));
    static const auto health =
        Object<HealthConfig>("a health check")
            .field("path", &HealthConfig::path, text("a path").check(valid_path))
            .field("mode", &HealthConfig::mode, one_of<ProbeMode>({{"http", ProbeMode::http}, {"tcp", ProbeMode::tcp}}));
    static const auto schema = Object<ServiceConfig>("a service")
                                   .position(&ServiceConfig::at)
                                   .include(&ServiceConfig::run, run)
                                   .field("health", &ServiceConfig::health, health.or_scalar("path"))
                                   .field("calls", &ServiceConfig::calls, list_of(dns_label("a service's name")))
                                   .field("address", &ServiceConfig::address, text("an address"))
                                   .validate(run_or_address);
    return schema;
}

const Object<ShopConfig>& shop_schema() {
    static const auto schema =
        Object<ShopConfig>("the manifest")
            .field("system", &ShopConfig::system, dns_label("a system's name")).required()
            .field("gateway", &ShopConfig::gateway, gateway_schema())
            .field("contexts", &ShopConfig::contexts,
                   map_of(map_of(service_schema()).names(dns_label("a service's name")))
                       .names(dns_label("a context's name")))
            .field("development", &ShopConfig::development, boolean()).default_is("on for a terminal");
    return schema;
}

struct Read {
    ShopConfig config;
    Diagnostics diagnostics;
    std::string said;
};

Read read(std::string_view yaml) {
    Document document = parse_document(yaml, "t.yaml");
    Read out;
    if (document.readable) out.config = shop_schema().parse(document.root, document.diagnostics);
    out.said = document.diagnostics.to_text();
    out.diagnostics = std::move(document.diagnostics);
    return out;
}

constexpr std::string_view kShop = R"(system: shop
gateway:
  listen: 9000
  limits: { head: 64KB }
  routes:
    - { path: /api/users/*,  to: users }
    - { path: /api/orders/*, to: orders, timeout: 2s, methods: [GET, POST], retry: { attempts: 2, budget: 7% } }
contexts:
  ordering:
    orders:
      run: python3 services/orders.py
      health: /healthz
      replicas: 2
      env: { DEBUG: true, EMPTY: "", PORT: 8080, QUOTE: 'a "b": #c' }
      calls: [payments]
    payments: { run: node pay.js, health: { path: /ok, mode: tcp } }
  identity:
    users: { address: "127.0.0.1:9" }
)";

}  // namespace

TEST(Schema, a_whole_manifest_becomes_typed_values) {
    const Read shop = read(kShop);
    ASSERT_EQ(shop.said, "");
    const GatewayConfig& gateway = shop.config.gateway;
    EXPECT_EQ(gateway.listen, std::vector<std::string>{"9000"});
    EXPECT_EQ(gateway.limits, (LimitsConfig{.head = 65536}));
    ASSERT_EQ(gateway.routes.size(), 2U);
    EXPECT_EQ(gateway.routes[0].timeout, 15s);
    EXPECT_EQ(gateway.routes[1].timeout, 2s);
    EXPECT_EQ(gateway.routes[1].retry, (RetryConfig{.attempts = 2, .budget = 0.07}));
    EXPECT_EQ(gateway.routes[1].to.at, (Position{7, 34}));
    const ServiceConfig& orders = *shop.config.contexts.find("ordering")->find("orders");
    EXPECT_EQ(orders.at, (Position{11, 7}));
    EXPECT_EQ(orders.run.replicas, 2U);
    EXPECT_EQ(orders.health->path, "/healthz");
    EXPECT_EQ(*orders.run.env.find("PORT"), "8080");
    EXPECT_EQ(orders.calls[0].at, (Position{15, 15}));
    EXPECT_EQ(shop.config.contexts.find("ordering")->find("payments")->health->mode, ProbeMode::tcp);
    EXPECT_EQ(shop.config.contexts.begin()->name.at, (Position{9, 3}));
}

TEST(Schema, what_is_printed_reads_back_as_the_same) {
    const Read first = read(kShop);
    const std::string printed = shop_schema().dump(first.config);
    const Read second = read(printed);
    EXPECT_EQ(second.said, "") << printed;
    EXPECT_TRUE(same_values(shop_schema().to_node(first.config), shop_schema().to_node(second.config))) << printed;
    EXPECT_EQ(shop_schema().dump(second.config), printed);
    EXPECT_EQ(second.config.gateway, first.config.gateway);
}

}  // namespace tl::manifest
