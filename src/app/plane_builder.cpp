#include "app/plane_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "app/acceleration.h"
#include "gateway/door.h"
#include "mesh/doors.h"

namespace tl::app {

namespace {

constexpr uint16_t kAnyPort = 0;

// Workloads are ours: their sidecar takes larger bodies and longer silences than the public does.
ServerRules sidecar_rules(const LoadedManifest& loaded) {
    ServerRules rules;
    rules.limits.memory = loaded.manifest.gateway.limits.memory;  // one budget, whatever door a request comes by
    rules.limits.body = 1ULL << 40;
    rules.limits.body_idle = std::chrono::minutes{5};
    rules.limits.keep_alive = std::chrono::minutes{5};
    return rules;
}

std::string place_of(const LoadedManifest& loaded, const NamedService& service) {
    const auto& calls = service.config->mesh.calls;
    const auto at = calls.empty() ? service.name->at : calls.front().at;
    return fmt::format("{}:{}", std::filesystem::path{loaded.file}.filename().string(), at.line);
}

class Builder {
  public:
    Builder(const LoadedManifest& loaded, telemetry::NameTable& names, telemetry::SeriesTable& series,
            const PlaneParts& parts)
        : loaded_(&loaded),
          names_(&names),
          series_(&series),
          parts_(&parts),
          policies_(parts.policies != nullptr ? parts.policies : &own_policies_),
          services_(services_of(loaded.manifest)) {
        own_policies_.folder = loaded.folder;
    }

    PlanePlan build() {
        for (const NamedService& service : services_) {
            if (!service.config->version_of) add_upstream(service);
        }
        add_gateway();
        for (const NamedService& service : services_) {
            if (service.config->run.run) add_workload(service);
        }
        snapshot_->series = series_->series();
        snapshot_->pools = series_->pools();
        plan_.snapshot = snapshot_;
        return std::move(plan_);
    }

  private:
    [[nodiscard]] bool development() const { return loaded_->manifest.mode == Mode::development; }

    proxy::TrafficRule traffic(const std::string& name) const {
        for (const NamedService& service : services_) {
            if (service.name->value == name) return service.config->mesh.traffic.request_rule();
        }
        return {};
    }
    std::function<const proxy::ShapingConfig&(const std::string&)> shaping() const {
        return [this](const std::string& name) -> const proxy::ShapingConfig& {
            static const proxy::ShapingConfig kNothing;
            for (const NamedService& service : services_) {
                if (service.name->value == name) return service.config->mesh.traffic.shaping;
            }
            return kNothing;
        };
    }
    [[nodiscard]] net::Shortcut shortcut(bool wanted, std::string_view name) const {
        return wanted && parts_->acceleration != nullptr ? parts_->acceleration->shortcut(name) : net::Shortcut{};
    }
    gateway::ServicePolicies policies() const {
        return [this](const std::string& name) { return policies_of(loaded_->manifest, name); };
    }
    [[nodiscard]] gateway::ServicePlace place_of_service(const std::string& name) const {
        for (const NamedService& service : services_) {
            if (service.name->value == name) return {*service.context, service.config->portal};
        }
        return {};
    }
    void add_upstream(const NamedService& service) {
        const std::string& name = service.name->value;
        proxy::UpstreamRule rule = service.config->mesh.traffic.upstream_rule(parts_->cookie_secret);
        const auto& clients = parts_->tls.clients;
        if (const auto tls = clients.find(name); tls != clients.end()) rule.tls = tls->second;
        rule.host = host_of(*service.config);
        rule.tcp.drain = service.config->run.grace;
        const bool http = rule.protocol != proxy::Protocol::tcp;
        rule.pool.shortcut = shortcut(service.config->accelerate && http, Acceleration::name_of(name));
        snapshot_->upstreams.push_back(
            {.service = name, .id = names_->intern(name), .pool = series_->add_pool(name), .rule = std::move(rule)});
    }
    void add_door(const std::string& key, const net::Address& address, proxy::DoorPtr door, const ServerRules& rules) {
        snapshot_->doors[key] = {std::move(door), rules};
        plan_.doors.push_back({.key = key, .address = address});
    }
    void add_gateway() {
        const gateway::GatewayConfig& config = loaded_->manifest.gateway;
        const gateway::DoorContext context{.names = names_,
                                           .series = series_,
                                           .development = development(),
                                           .traffic = [this](const std::string& s) { return traffic(s); },
                                           .shaping = shaping(),
                                           .zone = loaded_->manifest.zone,
                                           .policies = policies(),
                                           .home = policies_,
                                           .system = loaded_->manifest.system,
                                           .place = [this](const std::string& s) { return place_of_service(s); }};
        const auto door = gateway::make_door(config, context);
        ServerRules rules{.limits = gateway::server_limits(config),
                          .connections = config.limits.connections,
                          .tls = nullptr,
                          .tls_limits = gateway::tls_limits(config),
                          .shortcut = {},
                          .proxy_protocol = gateway::proxy_protocol(config)};
        for (const auto& listen : config.listen) {
            const bool tls = gateway::speaks_tls(listen.value, config);
            rules.tls = tls ? parts_->tls.server : nullptr;
            rules.shortcut = shortcut(config.accelerate && !tls, Acceleration::kGateway);
            add_door(std::string{kGatewayDoor} + listen.value.address.to_string(), listen.value.address, door, rules);
            plan_.doors.back().tls = tls;
        }
        for (const gateway::TcpListenConfig& listen : config.tcp) {
            const net::Address& address = listen.listen.value;
            rules.tls = listen.tls.value ? parts_->tls.tcp_server : nullptr;
            rules.shortcut = {};
            add_door(std::string{kGatewayTcpDoor} + address.to_string(), address,
                     gateway::make_tcp_door(listen, context), rules);
            plan_.doors.back().tls = listen.tls.value;
        }
    }
    void add_workload(const NamedService& service) {
        const mesh::Workload workload{service.name->value, calls_of(*service.config),
                                      zone_of(loaded_->manifest, *service.config), place_of(*loaded_, service)};
        mesh::MeshContext context{.names = names_,
                                  .series = series_,
                                  .development = development(),
                                  .services = {},
                                  .traffic = [this](const std::string& s) { return traffic(s); },
                                  .shaping = shaping(),
                                  .tcp = tcp_services(loaded_->manifest)};
        for (const NamedService& other : services_) {
            if (!other.config->version_of) context.services.push_back(other.name->value);
        }
        const net::Address anywhere = net::Address::loopback(kAnyPort);
        ServerRules rules = sidecar_rules(*loaded_);
        rules.shortcut = shortcut(service.config->accelerate, Acceleration::name_of(workload.name));
        add_tcp_doors(workload, context);
        for (const std::string& callee : workload.calls) {
            if (std::ranges::find(context.tcp, callee) != context.tcp.end()) continue;
            add_door(callee_door_key(workload.name, callee), anywhere,
                     mesh::make_callee_door(workload, callee, context), rules);
        }
        add_door(proxy_door_key(workload.name), anywhere, mesh::make_proxy_door(workload, context), rules);
    }

    // In development a service finds a door to what it may not call, too: it refuses, and the log says what to write.
    void add_tcp_doors(const mesh::Workload& workload, const mesh::MeshContext& context) {
        for (const std::string& callee : context.tcp) {
            const bool allowed = std::ranges::find(workload.calls, callee) != workload.calls.end();
            if (callee == workload.name || (!allowed && !development())) continue;
            add_door(tcp_door_key(workload.name, callee), net::Address::loopback(kAnyPort),
                     mesh::make_tcp_door(workload, callee, context), sidecar_rules(*loaded_));
        }
    }

    const LoadedManifest* loaded_;
    telemetry::NameTable* names_;
    telemetry::SeriesTable* series_;
    const PlaneParts* parts_;
    gateway::PolicyHome own_policies_;
    gateway::PolicyHome* policies_;
    std::vector<NamedService> services_;
    std::shared_ptr<PlaneSnapshot> snapshot_ = std::make_shared<PlaneSnapshot>();
    PlanePlan plan_;
};

}  // namespace

std::string callee_door_key(std::string_view caller, std::string_view callee) {
    return fmt::format("{} to {}", caller, callee);
}
std::string tcp_door_key(std::string_view caller, std::string_view callee) {
    return fmt::format("{} by tcp to {}", caller, callee);
}
std::string proxy_door_key(std::string_view caller) { return fmt::format("{} to any", caller); }

PlanePlan build_plane(const LoadedManifest& loaded, telemetry::NameTable& names, telemetry::SeriesTable& series,
                      const PlaneParts& parts) {
    return Builder{loaded, names, series, parts}.build();
}

}  // namespace tl::app
