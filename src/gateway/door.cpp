#include "gateway/door.h"

#include <cstdlib>

#include "gateway/client_certificate.h"
#include "gateway/forwarded.h"

namespace tl::gateway {

namespace {

// The filters of every public route, in the order in which they see a request, with the reason for the place.
std::vector<std::shared_ptr<const proxy::Filter>> make_chain(const GatewayConfig& config) {
    return {
        // Before whatever may ask who the client is, so that nobody sees what a client claims of itself.
        std::make_shared<ClientCertificateFilter>(config.trust_forwarded),
        // Last before the service, so that no later filter sees or forges the client's own claims about its address.
        std::make_shared<ForwardedFilter>(config.trust_forwarded),
    };
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

}  // namespace

proxy::DoorPtr make_door(const GatewayConfig& config, const DoorContext& context) {
    auto door = std::make_shared<proxy::Door>();
    door->kind = telemetry::Door::gateway;
    door->name = "the gateway";
    door->development = context.development;
    door->show_trace = true;
    door->trusts_callers = config.trust_forwarded;
    door->https_port = config.tls && config.tls->redirect ? https_port(config) : uint16_t{0};
    door->zone = context.names->intern(context.zone);
    const auto chain = make_chain(config);
    std::vector<proxy::Route> routes;
    for (const RouteConfig& one : config.routes) {
        routes.push_back(make_route(one, context));
        routes.back().filters = chain;
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
    door->tcp = proxy::TcpRoute{.name = door->name,
                                .service = service,
                                .denial = {},
                                .shaping = proxy::make_shaping(context.shaping(service), {},
                                                               config.version ? config.version->value : "",
                                                               *context.names),
                                .id = context.names->intern(door->name),
                                .service_id = context.names->intern(service),
                                .series = context.series->add(telemetry::Door::gateway, door->name, service,
                                                              telemetry::SeriesTable::Counts::connections)};
    return door;
}

}  // namespace tl::gateway
