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
            .field("path", &RouteConfig::path, text("a path").check(valid_path))
            .required()
            .example("/api/*")
            .field("to", &RouteConfig::to, text("a service's name"))
            .required()
            .field("timeout", &RouteConfig::timeout, duration().range(1ms, 1h))
            .doc("of the whole request")
            .field("methods", &RouteConfig::methods, list_of(one_of({"GET", "POST", "DELETE"})).unique())
            .field("retry", &RouteConfig::retry, retry_schema());
    return schema;
}

const Object<GatewayConfig>& gateway_schema() {
    static const auto limits = Object<LimitsConfig>("the gateway's limits")
                                   .field("head", &LimitsConfig::head, size().range(1024, 1 << 20))
                                   .field("headers", &LimitsConfig::headers, integer().range(1, 1000));
    static const auto schema =
        Object<GatewayConfig>("the gateway")
            .field("listen", &GatewayConfig::listen, list_of(text("a port").any_scalar()).or_single())
            .field("limits", &GatewayConfig::limits, limits)
            .field("routes", &GatewayConfig::routes, list_of(route_schema()));
    return schema;
}

const Object<ServiceConfig>& service_schema() {
    static const auto run = Object<RunConfig>("a process")
                                .field("run", &RunConfig::run, text("a command"))
                                .field("env", &RunConfig::env, map_of(text().any_scalar().allow_empty()))
                                .field("replicas", &RunConfig::replicas, integer().range(0, 100));
    static const auto health = Object<HealthConfig>("a health check")
                                   .field("path", &HealthConfig::path, text("a path").check(valid_path))
                                   .field("mode", &HealthConfig::mode,
                                          one_of<ProbeMode>({{"http", ProbeMode::http}, {"tcp", ProbeMode::tcp}}));
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
    static const auto schema = Object<ShopConfig>("the manifest")
                                   .field("system", &ShopConfig::system, dns_label("a system's name"))
                                   .required()
                                   .field("gateway", &ShopConfig::gateway, gateway_schema())
                                   .field("contexts", &ShopConfig::contexts,
                                          map_of(map_of(service_schema()).names(dns_label("a service's name")))
                                              .names(dns_label("a context's name")))
                                   .field("development", &ShopConfig::development, boolean())
                                   .default_is("on for a terminal");
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

TEST(Schema, defaults_are_spelled_out_and_marked) {
    const Read small = read("system: s\ngateway: { limits: { headers: 7 }, routes: [{ path: /, to: x }] }\n");
    EXPECT_EQ(small.said, "");
    EXPECT_EQ(shop_schema().dump(small.config),
              "system: s\n"
              "gateway:\n"
              "  listen: [8080]                        # default\n"
              "  limits:\n"
              "    head: 32KB                          # default\n"
              "    headers: 7\n"
              "  routes:\n"
              "    - path: /\n"
              "      to: x\n"
              "      timeout: 15s                      # default\n"
              "      methods: []                       # default\n"
              "      retry:\n"
              "        attempts: 1                     # default\n"
              "        budget: 20%                     # default\n"
              "contexts: {}                            # default\n"
              "# development: on for a terminal\n");
}

TEST(Schema, every_mistake_is_reported_in_one_go) {
    const Read bad = read(R"(system: Shop!
gatway: {}
gateway:
  listen: [8080
    ]
  head: 1KB
  routes:
    - { path: api, to: users, tiemout: 2s }
    - { to: [users], timeout: [1], methods: [GET, GETT, get, GET], retry: { attempts: 0, budget: 0.5 } }
    - nonsense
contexts:
  Ordering:
    orders: { run: x, replicas: "2", health: { mode: htpp }, env: [a] }
    users: ~
    pay: {}
development: yes
)");
    EXPECT_EQ(bad.said,
              "t.yaml:1:9: error: system \"Shop!\" may hold only lower-case letters, digits and hyphens\n"
              "t.yaml:2:1: error: unknown key \"gatway\" in the manifest; did you mean \"gateway\"?\n"
              "t.yaml:6:3: error: unknown key \"head\" in the gateway; it belongs under \"limits\"\n"
              "t.yaml:8:15: error: path \"api\" must start with \"/\"\n"
              "t.yaml:8:31: error: unknown key \"tiemout\" in a route; did you mean \"timeout\"?\n"
              "t.yaml:9:7: error: a route needs the key \"path\"; add it, such as path: /api/*\n"
              "t.yaml:9:13: error: to must be a service's name, not a list\n"
              "t.yaml:9:31: error: timeout must be a duration such as 2s, not a list\n"
              "t.yaml:9:51: error: an item of methods must be one of GET, POST or DELETE, not \"GETT\"; did you "
              "mean "
              "\"GET\"?\n"
              "t.yaml:9:57: error: an item of methods must be one of GET, POST or DELETE, not \"get\"; did you "
              "mean "
              "\"GET\"?\n"
              "t.yaml:9:62: error: methods has \"GET\" already on line 9, column 46; keep one of them\n"
              "t.yaml:9:87: error: attempts must be from 1 to 10, not \"0\"\n"
              "t.yaml:9:98: error: budget must be a percentage such as 50%, not \"0.5\"; write 50%\n"
              "t.yaml:10:7: error: an item of routes must be a route, written as a map, not \"nonsense\"\n"
              "t.yaml:12:3: error: a context's name \"Ordering\" may hold only lower-case letters, digits and "
              "hyphens\n"
              "t.yaml:13:33: error: replicas must be a whole number, not \"2\"; remove the quotes\n"
              "t.yaml:13:54: error: mode must be one of http or tcp, not \"htpp\"; did you mean \"http\"?\n"
              "t.yaml:13:67: error: env must be a map from a name to text, not a list\n"
              "t.yaml:14:12: error: \"users\" in \"Ordering\" in contexts must be a service, written as a map, not "
              "nothing; write its keys below it, indented, or {} for the defaults\n"
              "t.yaml:15:10: error: a service has either \"run\" or \"address\"; remove or add one\n"
              "t.yaml:16:14: error: development must be true or false, not \"yes\"; write true\n");
}

TEST(Schema, what_is_wrong_keeps_its_default_so_that_later_checks_can_run) {
    const Read bad =
        read("system: s\ngateway: { routes: [{ path: /a, to: x, timeout: soon }, 5, { path: /b, to: y }] }\n");
    EXPECT_EQ(bad.diagnostics.errors(), 2U);
    ASSERT_EQ(bad.config.gateway.routes.size(), 2U);
    EXPECT_EQ(bad.config.gateway.routes[0].timeout, 15s);
    EXPECT_EQ(bad.config.gateway.routes[1].path, "/b");
}

TEST(Schema, quantities_say_what_is_missing_or_out_of_range) {
    const auto said = [](std::string_view route) {
        std::string out =
            read("system: s\ngateway: { routes: [{ path: /, to: x, " + std::string{route} + " }] }\n").said;
        return out.empty() ? out : out.substr(out.find("error: ") + 7);
    };
    EXPECT_EQ(said("timeout: 5"), "timeout must be a duration such as 2s, not \"5\"; add a unit: 5s or 5ms\n");
    EXPECT_EQ(said("timeout: 2h"), "timeout must be from 1ms to 1h, not \"2h\"\n");
    EXPECT_EQ(said("timeout: '2s'"), "");
    EXPECT_EQ(said("retry: { attempts: 010 }"), "attempts must be a whole number, not \"010\"\n");
    EXPECT_EQ(said("retry: { attempts: 2.0 }"), "attempts must be a whole number, not \"2.0\"\n");
    EXPECT_EQ(said("retry: { attempts: 99999999999999999999 }"),
              "attempts must be a whole number, not \"99999999999999999999\"\n");
    EXPECT_EQ(said("retry: { budget: 101% }"), "budget must be from 0% to 100%, not \"101%\"\n");
    EXPECT_EQ(said("retry: { budget: 12.5% }"), "");
    EXPECT_EQ(said("to: ''"), "the key \"to\" was given already on line 2, column 32; keep one of them\n");
    EXPECT_EQ(said("methods: GET"),
              "methods must be a list (each item one of GET, POST or DELETE), not \"GET\"; put it into brackets: "
              "[GET]\n");
}

TEST(Schema, a_key_one_level_off_is_sent_home) {
    const auto said = [](std::string_view yaml) {
        const std::string out = read("system: s\n" + std::string{yaml}).said;
        return out.substr(out.find("; ") + 2);
    };
    EXPECT_EQ(said("listen: 8080\n"), "it belongs under \"gateway\"\n");
    EXPECT_EQ(said("gateway: { contexts: {} }\n"), "it belongs into the manifest, further out\n");
    EXPECT_EQ(said("gateway: { limits: { kubernetes: 1 } }\n"), "known keys: head, headers\n");
    EXPECT_EQ(said("\"gateway:{}\": 1\n"), "put a space behind the colon\n");
}

TEST(Schema, an_empty_manifest_is_told_what_it_needs) {
    EXPECT_EQ(read("").said,
              "t.yaml: error: the manifest must be a map, not nothing; write its keys below it, "
              "indented, or {} for the defaults\n");
    EXPECT_EQ(read("{}").said,
              "t.yaml:1:1: error: the manifest needs the key \"system\"; add system: <a system's "
              "name>\n");
}

TEST(Schema, a_mistake_in_an_anchored_map_is_said_once) {
    const Read bad = read("system: s\ncontexts:\n  a: { x: &x { run: r, replicas: 1000 }, y: *x, z: { <<: *x } }\n");
    EXPECT_EQ(bad.said, "t.yaml:3:34: error: replicas must be from 0 to 100, not \"1000\"\n");
}

TEST(Schema, more_mistakes_than_anybody_reads_stay_cheap) {
    std::string yaml = "system: s\n";
    for (int i = 0; i < 30'000; ++i) yaml += "key" + std::to_string(i) + ": 1\n";
    const Read bad = read(yaml);
    EXPECT_EQ(bad.diagnostics.errors(), 30'000U);
    EXPECT_TRUE(bad.said.ends_with("and 29900 more\n"));
}

TEST(Schema, json_schema_says_the_same_rules) {
    const Json schema = json_schema(shop_schema());
    EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    EXPECT_EQ(schema["required"].dump(), R"(["system"])");
    EXPECT_EQ(schema["additionalProperties"], false);
    EXPECT_EQ(schema["properties"]["gateway"].dump(), R"({"$ref":"#/$defs/gateway"})");
    const Json& route = schema["$defs"]["route"];
    EXPECT_EQ(route["required"].dump(), R"(["path","to"])");
    EXPECT_EQ(route["properties"]["path"].dump(), R"({"type":"string","minLength":1,"examples":["/api/*"]})");
    EXPECT_EQ(route["properties"]["timeout"]["default"], "15s");
    EXPECT_EQ(route["properties"]["timeout"]["description"], "of the whole request");
    EXPECT_EQ(route["properties"]["methods"]["items"].dump(), R"({"enum":["GET","POST","DELETE"]})");
    EXPECT_EQ(schema["$defs"]["gateway_s_limits"]["properties"]["headers"].dump(),
              R"({"type":"integer","minimum":1,"maximum":1000,"default":100})");
    const Json& contexts = schema["properties"]["contexts"];
    EXPECT_EQ(contexts["additionalProperties"]["additionalProperties"].dump(), R"({"$ref":"#/$defs/service"})");
    EXPECT_EQ(contexts["additionalProperties"]["propertyNames"]["pattern"], "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$");
    const Json& service = schema["$defs"]["service"]["properties"];
    EXPECT_TRUE(service.contains("run"));  // included from another struct
    EXPECT_EQ(service["health"]["anyOf"][1].dump(), R"({"$ref":"#/$defs/health_check"})");
    EXPECT_EQ(service["env"]["additionalProperties"]["type"].dump(), R"(["string","number","boolean"])");
    EXPECT_EQ(schema["$defs"]["gateway"]["properties"]["listen"]["anyOf"].size(), 2U);
}

TEST(Schema, reference_text_has_a_row_for_every_key) {
    const std::string text = shop_schema().reference();
    EXPECT_TRUE(text.contains("## a route\n\n| key | value | default | meaning |\n")) << text;
    EXPECT_TRUE(text.contains("| `timeout` | a duration such as 2s | `15s` | of the whole request |\n")) << text;
    EXPECT_TRUE(text.contains("| `path` | a path | required |  Example: `/api/*` |\n")) << text;
    EXPECT_TRUE(text.contains("## a health check\n")) << text;
}

TEST(SchemaDeath, a_key_declared_twice_is_a_mistake_of_ours) {
    EXPECT_DEATH((void)Object<LimitsConfig>("limits")
                     .field("head", &LimitsConfig::head, size())
                     .field("head", &LimitsConfig::headers, integer()),
                 "declares the key \"head\" twice");
}

}  // namespace tl::manifest
