#include "mesh/doors.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tl::mesh {

namespace {

std::shared_ptr<proxy::Door> make_door(const Workload& caller, std::string name, const MeshContext& context) {
    auto door = std::make_shared<proxy::Door>();
    door->kind = telemetry::Door::sidecar;
    door->name = std::move(name);
    door->caller = context.names->intern(caller.name);
    door->zone = context.names->intern(caller.zone);
    door->development = context.development;
    door->trusts_callers = true;
    return door;
}

proxy::Route route_to(const Workload& caller, const std::string& callee, std::string host, const MeshContext& context) {
    proxy::Route route;
    route.rule.name = caller.name + " to " + callee;
    route.rule.host = std::move(host);
    route.rule.path = proxy::PathPattern::parse("/*").value();
    route.service = callee;
    route.traffic = context.traffic(callee);
    route.shaping = proxy::make_shaping(context.shaping(callee), {}, "", *context.names);
    route.id = context.names->intern(route.rule.name);
    route.service_id = context.names->intern(callee);
    route.series = context.series->add(telemetry::Door::sidecar, route.rule.name, callee);
    return route;
}

proxy::Denial not_allowed(const Workload& caller, const std::string& callee) {
    std::vector<std::string> calls = caller.calls;
    calls.push_back(callee);
    return {proxy::Cause::not_allowed, fmt::format("service \"{}\" may not call \"{}\": {} should read calls: [{}]",
                                                   caller.name, callee, caller.place, base::join(calls, ", "))};
}

bool may_call(const Workload& caller, const std::string& callee) {
    return std::ranges::find(caller.calls, callee) != caller.calls.end();
}

proxy::Denial speaks_tcp(const std::string& callee) {
    return {proxy::Cause::unsupported,
            fmt::format("service \"{}\" speaks TCP, not HTTP: connect to the address that the environment gives as "
                        "<NAME>_HOST and <NAME>_PORT, NAME being its own",
                        callee)};
}

}  // namespace

proxy::DoorPtr make_callee_door(const Workload& caller, const std::string& callee, const MeshContext& context) {
    auto door = make_door(caller, fmt::format("{}'s way to {}", caller.name, callee), context);
    std::vector<proxy::Route> routes;
    routes.push_back(route_to(caller, callee, "", context));
    door->routes = proxy::RouteTable::make(std::move(routes));
    return door;
}

proxy::DoorPtr make_tcp_door(const Workload& caller, const std::string& callee, const MeshContext& context) {
    auto door = make_door(caller, fmt::format("{}'s way to {}", caller.name, callee), context);
    const std::string name = caller.name + " to " + callee;
    door->tcp = proxy::TcpRoute{.name = name,
                                .service = callee,
                                .denial = {},
                                .shaping = proxy::make_shaping(context.shaping(callee), {}, "", *context.names),
                                .id = context.names->intern(name),
                                .service_id = context.names->intern(callee),
                                .series = context.series->add(telemetry::Door::sidecar, name, callee,
                                                              telemetry::SeriesTable::Counts::connections)};
    if (!may_call(caller, callee)) door->tcp->denial = not_allowed(caller, callee);
    return door;
}

proxy::DoorPtr make_proxy_door(const Workload& caller, const MeshContext& context) {
    auto door = make_door(caller, fmt::format("{}'s sidecar", caller.name), context);
    std::vector<proxy::Route> routes;
    for (const std::string& service : context.services) {
        routes.push_back(route_to(caller, service, service, context));
        if (std::ranges::find(context.tcp, service) != context.tcp.end()) routes.back().denial = speaks_tcp(service);
        if (!may_call(caller, service)) routes.back().denial = not_allowed(caller, service);
    }
    proxy::Route elsewhere;
    elsewhere.rule.name = caller.name + " to elsewhere";
    elsewhere.rule.path = proxy::PathPattern::parse("/*").value();
    elsewhere.id = context.names->intern(elsewhere.rule.name);
    elsewhere.denial =
        proxy::Denial{proxy::Cause::no_such_service,
                      fmt::format("the sidecar of \"{}\" knows only the services of this system: {}; to reach other "
                                  "hosts, start the command by env -u HTTP_PROXY -u http_proxy",
                                  caller.name, base::join(context.services, ", "))};
    routes.push_back(std::move(elsewhere));
    door->routes = proxy::RouteTable::make(std::move(routes));
    return door;
}

}  // namespace tl::mesh
