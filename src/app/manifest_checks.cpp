#include "app/manifest_checks.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <set>

#include "app/tcp_checks.h"
#include "app/tls_checks.h"
#include "app/traffic_checks.h"
#include "gateway/join/plan.h"
#include "gateway/login_check.h"
#include "gateway/portal/listing.h"
#include "manifest/names.h"
#include "proxy/route_table.h"
#include "supervisor/call_order.h"
#include "supervisor/environment.h"

namespace tl::app {

using manifest::Diagnostics;
using manifest::Names;
using manifest::Position;

namespace {

void check_service(const NamedService& service, const std::string& folder, Diagnostics& diagnostics) {
    const ServiceConfig& config = *service.config;
    const std::string& name = service.name->value;
    const bool runs = config.run.run.has_value();
    if (!runs && config.address.empty()) {
        diagnostics.error(service.name->at, fmt::format("service \"{}\" has neither \"run\" nor \"address\"", name),
                          "give the command that runs it, or where it is");
    }
    if (runs && !config.address.empty()) {
        diagnostics.error(service.name->at, fmt::format("service \"{}\" has both \"run\" and \"address\"", name),
                          "keep \"run\" if Trunkline should run it, \"address\" if others do");
    }
    if (!runs && config.run.replicas != 1) {
        diagnostics.error(service.name->at,
                          fmt::format("service \"{}\" is run by others, so \"replicas\" has no effect", name),
                          "list its instances under \"address\"");
    }
    for (const std::string& file : config.run.env_files) {
        if (std::filesystem::is_regular_file(supervisor::from_folder(folder, file))) continue;
        diagnostics.error(service.name->at, fmt::format("service \"{}\": there is no env file {}", name, file),
                          "paths are relative to the manifest's folder");
    }
    for (const auto& [variable, file] : config.run.secrets) {
        if (std::filesystem::is_regular_file(supervisor::from_folder(folder, file))) continue;
        diagnostics.error(variable.at, fmt::format("service \"{}\": there is no secret file {}", name, file),
                          "paths are relative to the manifest's folder");
    }
    for (const auto& callee : config.mesh.calls) {
        if (callee.value == name) diagnostics.error(callee.at, fmt::format("service \"{}\" calls itself", name));
    }
}

void check_calls(const Manifest& manifest, const Names& names, Diagnostics& diagnostics) {
    std::vector<supervisor::ServiceSpec> specs;
    for (const NamedService& service : services_of(manifest)) {
        for (const auto& callee : service.config->mesh.calls) {
            names.check(callee, fmt::format("\"{}\" calls", service.name->value), diagnostics);
        }
        specs.push_back({.name = service.name->value,
                         .run = {},
                         .calls = calls_of(*service.config),
                         .tcp = {},
                         .version_of = {},
                         .folder = {},
                         .fingerprint = {}});
    }
    for (const supervisor::CallOrder::Cycle& cycle : supervisor::make_call_order(specs).cycles) {
        // A cycle has no one place: the first service of it is where it is said.
        Position at;
        for (const NamedService& service : services_of(manifest)) {
            if (service.name->value == cycle.services.front()) at = service.name->at;
        }
        diagnostics.warning(at, cycle.warning);
    }
}

void check_routes(const Manifest& manifest, const Names& names, Diagnostics& diagnostics) {
    const auto& routes = manifest.gateway.routes;
    std::vector<proxy::RouteRule> rules;
    std::vector<const gateway::RouteConfig*> of_rule;
    for (const gateway::RouteConfig& route : routes) {
        if (!route.to.value.empty()) names.check(route.to, "this route goes to", diagnostics);
        if (route.join) gateway::check_join(*route.join, names, diagnostics);
        auto rule = gateway::make_rule(route);
        if (!rule) continue;  // its path was reported when it was read
        if (route.rewrite) {
            const auto rewrite = proxy::PathTemplate::parse(route.rewrite->value, rule->path);
            if (!rewrite)
                diagnostics.error(route.rewrite->at, "this rewrite does not work: " + rewrite.error().context);
        }
        rules.push_back(std::move(*rule));
        of_rule.push_back(&route);
    }
    const auto place = [&](size_t i) { return of_rule[i]->path.at; };
    std::set<size_t> tied;  // of two equal routes one never gets a request, but that is not a second mistake
    for (const auto& [first, second] : proxy::RouteTable::conflicts(rules)) {
        tied.insert(second);
        diagnostics.error(
            place(second),
            fmt::format("this route takes the same requests as the one in line {}, and neither is more specific",
                        place(first).line),
            "change one, or give one a higher \"priority\"");
    }
    for (const auto& [strong, weak] : proxy::RouteTable::shadowed(rules)) {
        if (tied.contains(weak)) continue;
        diagnostics.add({.severity = manifest::Severity::warning,
                         .at = place(weak),
                         .message = fmt::format("this route never gets a request: the one in line {} takes them all",
                                                place(strong).line),
                         .hint = {},
                         .kind = std::string{kShadowedRoute}});
    }
}

// One of the two is every address of the machine, so it takes the other's port too.
bool overlap(const net::Address& a, const net::Address& b) {
    const auto every = [](const net::Address& address) { return address.ip() == "0.0.0.0" || address.ip() == "::"; };
    return !a.is_unix() && !b.is_unix() && a.port() == b.port() && (every(a) || every(b));
}

void check_ports(const Manifest& manifest, Diagnostics& diagnostics) {
    std::vector<manifest::Located<net::Address>> taken;
    const auto take = [&](const manifest::Located<net::Address>& listen) {
        for (const auto& before : taken) {
            if (before.value != listen.value && !overlap(before.value, listen.value)) continue;
            const bool same = before.value == listen.value;
            diagnostics.error(listen.at, fmt::format("{} is listened on already in line {}{}", listen.value.to_string(),
                                                     before.at.line, same ? "" : " by " + before.value.to_string()));
            return;
        }
        taken.push_back(listen);
    };
    for (const auto& listen : manifest.gateway.listen) take({listen.value.address, listen.at});
    for (const auto& port : manifest.gateway.tcp) {
        if (port.listen.value.port() != 0) take(port.listen);  // one without was reported when it was read
    }
    if (manifest.admin.listen) take(*manifest.admin.listen);
    if (manifest.admin.listen && !manifest.admin.listen->value.to_string().starts_with("127.")) {
        diagnostics.error(manifest.admin.listen->at, "the admin API listens on loopback only", "use 127.0.0.1:PORT");
    }
}

// gRPC is HTTP/2.
void check_grpc_service(const Manifest& manifest, const gateway::RouteConfig& route, Diagnostics& diagnostics) {
    for (const NamedService& service : services_of(manifest)) {
        if (service.name->value != route.to.value) continue;
        if (service.config->mesh.traffic.protocol == proxy::Protocol::http2) return;
        diagnostics.error(route.grpc->at,
                          fmt::format("\"{}\" does not speak gRPC: it has no protocol: http2", route.to.value),
                          fmt::format("write protocol: http2 beside \"{}\"", route.to.value));
    }
}

void check_all_policies(const Manifest& manifest, const std::string& folder, const Names& names,
                        Diagnostics& diagnostics) {
    gateway::PolicyCheck check{.services = names,
                               .folder = folder,
                               .path = nullptr,
                               .diagnostics = diagnostics,
                               .redis = manifest.gateway.redis.has_value()};
    gateway::check_policies(manifest.gateway.policies, check);
    for (const auto& route : manifest.gateway.routes) {
        const auto path = proxy::PathPattern::parse(route.path.value);
        if (!path) continue;  // told already
        check.path = &*path;
        gateway::check_policies(route.policies, check);
        if (route.graphql) {
            const auto takes = [&](std::string_view method) {
                return std::ranges::find(route.methods, method) != route.methods.end();
            };
            const bool safe = route.methods.empty() || takes("GET") || takes("HEAD");
            gateway::check_graphql(*route.graphql, folder, *path, safe, diagnostics);
        }
        if (route.grpc) {
            check_grpc_service(manifest, route, diagnostics);
            gateway::check_grpc(*route.grpc, folder, *path, route.rewrite ? route.rewrite->value : "", diagnostics);
        }
        check.path = nullptr;
    }
    if (const auto& portal = manifest.gateway.portal) {
        const auto path = proxy::PathPattern::parse(portal->path.value + "/*");
        check.path = path ? &*path : nullptr;
        gateway::check_policies(portal->policies, check);
        check.path = nullptr;
    }
    for (const auto& context : manifest.contexts) {
        gateway::check_policies(context.value.policies, check);
        for (const auto& service : context.value.services) gateway::check_policies(service.value.policies, check);
    }
}

}  // namespace

void check_manifest(const Manifest& manifest, const std::string& folder, Diagnostics& diagnostics) {
    Names names{"service"};
    for (const NamedService& service : services_of(manifest)) names.add(*service.name, diagnostics);
    for (const NamedService& service : services_of(manifest)) check_service(service, folder, diagnostics);
    check_calls(manifest, names, diagnostics);
    check_routes(manifest, names, diagnostics);
    gateway::check_portal(manifest.gateway, diagnostics);
    check_ports(manifest, diagnostics);
    check_tls(manifest, folder, base::wall_now(), diagnostics);
    check_traffic(manifest, names, diagnostics);
    check_tcp(manifest, names, diagnostics);
    check_all_policies(manifest, folder, names, diagnostics);
    gateway::check_login_pages(
        manifest.gateway, [&](const std::string& service) { return policies_of(manifest, service); }, diagnostics);
}

}  // namespace tl::app
