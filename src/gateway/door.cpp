#include "gateway/door.h"

#include <algorithm>
#include <iterator>

#include "gateway/client_certificate.h"
#include "gateway/forwarded.h"
#include "gateway/graphql/filter.h"
#include "gateway/grpc_json/filter.h"
#include "gateway/identity_headers.h"
#include "gateway/join/filter.h"
#include "gateway/policies/chain.h"

namespace tl::gateway {

namespace {

// The filters of every public route that see a request before its policies, with the reason for the place.
std::vector<FilterPtr> first_filters() {
    return {
        // Before whatever may ask who the client is, so that nobody sees what a client claims of itself.
        std::make_shared<ClientCertificateFilter>(),
    };
}

std::vector<FilterPtr> last_filters() {
    return {
        // Last before the service, so that no later filter sees or forges the client's own claims about its address.
        std::make_shared<ForwardedFilter>(),
    };
}

// Headers by which some route tells its service who called: on no route a client may set them.
std::vector<std::string> identity_header_names(const GatewayConfig& config, const ServicePolicies& policies) {
    std::vector<std::string> names;
    const auto add = [&](const std::string& name) {
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    };
    for (const RouteConfig& route : every_route(config)) {
        const Policies holding = effective_policies(policy_levels(config, route, policies)).policies;
        if (holding.auth) {
            for (const IdentityHeader& header : holding.auth->identity_headers()) add(header.name);
        }
        if (holding.ask) std::ranges::for_each(holding.ask->rules.take, add);
        if (holding.opa) std::ranges::for_each(holding.opa->rules.take, add);
    }
    return names;
}

proxy::Route make_route(const RouteConfig& config, const DoorContext& context) {
    proxy::Route route;
    route.rule = make_rule(config).value();
    route.service = config.to.value;
    if (config.rewrite) route.rewrite = proxy::PathTemplate::parse(config.rewrite->value, route.rule.path).value();
    route.traffic = config.traffic.over(context.traffic(route.service));
    route.shaping = proxy::make_shaping(context.shaping(route.service), config.traffic.shaping,
                                        config.version ? config.version->value : "", *context.names);
    route.id = context.names->intern(route.rule.name);
    route.service_id = context.names->intern(route.service);
    route.series = context.series->add(telemetry::Door::gateway, route.rule.name, route.service);
    return route;
}

// Where subrequests of a route's policies go: to the service by its own rules, under a name that says what for.
proxy::RoutePtr make_target(const std::string& service, const std::string& route_name, const DoorContext& context) {
    auto route = std::make_shared<proxy::Route>();
    route->rule.name = route_name + " (policy)";
    route->service = service;
    route->traffic = context.traffic(service);
    route->shaping = proxy::make_shaping(context.shaping(service), {}, "", *context.names);
    route->id = context.names->intern(route->rule.name);
    route->service_id = context.names->intern(service);
    route->series = context.series->add(telemetry::Door::gateway, route->rule.name, service);
    return route;
}

std::string level_of(const EffectivePolicies& effective, std::string_view policy) {
    const auto origin = std::ranges::find(effective.origins, policy, &EffectivePolicies::Origin::policy);
    return origin == effective.origins.end() ? std::string{} : origin->level;
}

}  // namespace

std::vector<PolicyLevel> policy_levels(const GatewayConfig& config, const RouteConfig& route,
                                       const ServicePolicies& policies) {
    std::vector<PolicyLevel> levels{{"gateway", &config.policies}};
    if (policies) std::ranges::move(policies(route.to.value), std::back_inserter(levels));
    levels.push_back({"route " + make_rule(route).value().name, &route.policies});
    return levels;
}

proxy::DoorPtr make_door(const GatewayConfig& config, const DoorContext& context) {
    auto door = std::make_shared<proxy::Door>();
    door->kind = telemetry::Door::gateway;
    door->name = "the gateway";
    door->development = context.development;
    door->show_trace = true;
    door->trusts_callers = config.trust_forwarded;
    if (config.trusted_proxies) {
        door->trusted_proxies = net::PrefixSet{config.trusted_proxies->from};
        door->client_in_forwarded = config.trusted_proxies->by == ProxyWord::forwarded;
    }
    door->https_port = config.tls && config.tls->redirect ? https_port(config) : uint16_t{0};
    door->zone = context.names->intern(context.zone);
    auto first = first_filters();
    auto names = identity_header_names(config, context.policies);
    if (!names.empty()) first.push_back(std::make_shared<ForgedHeadersFilter>(std::move(names)));
    const auto last = last_filters();
    std::vector<proxy::Route> routes;
    PortalListing portal{context.home != nullptr ? context.home->folder : ""};
    for (const RouteConfig& one : every_route(config)) {
        proxy::Route& route = routes.emplace_back(make_route(one, context));
        route.index = routes.size() - 1;
        EffectivePolicies effective = effective_policies(policy_levels(config, one, context.policies));
        // What a page may run is said by the page: a policy for all pages does not know its script.
        if (is_portal(one) && effective.policies.security_headers)
            effective.policies.security_headers->override_service = false;
        const PolicyContext policy_context{
            .home = context.home,
            .route = route.rule.name,
            .target = [&](const std::string& service) { return make_target(service, route.rule.name, context); },
            .development = context.development,
            .level = [&](std::string_view policy) { return level_of(effective, policy); },
            .redis = config.redis ? &*config.redis : nullptr};
        auto filters = make_chain(effective.policies, policy_context, first, last);
        // Last of all: it answers, and asks services in the client's name.
        if (one.graphql) {
            filters.push_back(
                make_graphql_filter(*one.graphql, one.to.value, route.rule.path, policy_context, config.limits.body));
        }
        if (one.grpc) {
            filters.push_back(make_grpc_filter(*one.grpc, one.to.value, route.rule.path,
                                               one.rewrite ? one.rewrite->value : "", policy_context,
                                               config.limits.body));
        }
        if (one.join) filters.push_back(make_join_filter(*one.join, policy_context, config.limits.body));
        if (config.portal) {
            portal.add(one, effective.policies, context.place ? context.place(one.to.value) : ServicePlace{});
            if (is_portal(one)) filters.push_back(portal.finish(*config.portal, context.system));
        }
        proxy::set_filters(route, std::move(filters));
    }
    door->routes = proxy::RouteTable::make(std::move(routes));
    return door;
}

proxy::DoorPtr make_tcp_door(const TcpListenConfig& config, const DoorContext& context) {
    auto door = std::make_shared<proxy::Door>();
    door->kind = telemetry::Door::gateway;
    door->name = tcp_route_name(config);
    door->zone = context.names->intern(context.zone);
    const std::string& service = config.to.value;
    door->tcp =
        proxy::TcpRoute{.name = door->name,
                        .service = service,
                        .denial = {},
                        .shaping = proxy::make_shaping(context.shaping(service), {},
                                                       config.version ? config.version->value : "", *context.names),
                        .id = context.names->intern(door->name),
                        .service_id = context.names->intern(service),
                        .series = context.series->add(telemetry::Door::gateway, door->name, service,
                                                      telemetry::SeriesTable::Counts::connections)};
    return door;
}

}  // namespace tl::gateway
