#include "app/tcp_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tl::app {

using manifest::Diagnostics;
using manifest::Located;
using manifest::Names;
using manifest::Node;

namespace {

// What is said of requests means nothing to a connection.
constexpr std::array<std::string_view, 13> kOfRequests{"timeout",
                                                       "try_timeout",
                                                       "stream_idle",
                                                       "retry.on",
                                                       "retry.methods",
                                                       "retry.backoff",
                                                       "retry.longest_wait",
                                                       "hedge",
                                                       "importance",
                                                       "concurrency.adaptive",
                                                       "match",
                                                       "mirror",
                                                       "fault"};

// The keys of requests that differ between the two trees, as paths.
void differing(const Node& mine, const Node& plain, const std::string& prefix, std::vector<std::string>& keys) {
    for (const auto& entry : mine.entries) {
        const Node* const other = plain.find(entry.key);
        if (other == nullptr || same_values(entry.value, *other)) continue;
        const std::string path = prefix + entry.key;
        if (std::ranges::find(kOfRequests, path) != kOfRequests.end()) {
            keys.push_back(path);
        } else if (entry.value.is_map()) {
            differing(entry.value, *other, path + ".", keys);
        }
    }
}

class Checker {
  public:
    Checker(const Manifest& manifest, const Names& names, Diagnostics& diagnostics)
        : manifest_(manifest), names_(names), diagnostics_(diagnostics), services_(services_of(manifest)) {}

    void check() {
        for (const NamedService& service : services_) {
            if (speaks_tcp(*service.config)) {
                check_tcp_service(service);
            } else if (service.config->mesh.traffic.tcp) {
                diagnostics_.error(
                    service.config->mesh.traffic.tcp->at,
                    fmt::format("\"tcp\" has no effect: service \"{}\" speaks HTTP", service.name->value),
                    "write protocol: tcp beside it, or take \"tcp\" out");
            }
            if (const auto& mirror = service.config->mesh.traffic.shaping.mirror) check_http(mirror->to, "this mirror");
        }
        for (const gateway::RouteConfig& route : manifest_.gateway.routes) {
            check_http(route.to, "this route");
            if (route.traffic.shaping.mirror) check_http(route.traffic.shaping.mirror->to, "this mirror");
        }
        for (const gateway::TcpListenConfig& port : manifest_.gateway.tcp) check_port(port);
    }

  private:
    const NamedService* find(const std::string& name) const {
        const auto found =
            std::ranges::find_if(services_, [&](const NamedService& one) { return one.name->value == name; });
        return found == services_.end() ? nullptr : &*found;
    }

    void check_http(const Located<std::string>& to, std::string_view who) {
        const NamedService* const service = find(to.value);
        if (service == nullptr || !speaks_tcp(*service->config)) return;
        diagnostics_.error(
            to.at, fmt::format("{} goes to \"{}\", which has protocol: tcp and takes no requests", who, to.value),
            fmt::format("open a port for it: gateway.tcp: [{{ listen: PORT, to: {} }}]", to.value));
    }

    void check_port(const gateway::TcpListenConfig& port) {
        if (!names_.check(port.to, "this port goes to", diagnostics_)) return;
        const NamedService* const service = find(port.to.value);
        if (const auto& of = service->config->version_of) {
            diagnostics_.error(
                port.to.at,
                fmt::format("this port goes to \"{}\", which is a version of \"{}\"", port.to.value, of->value),
                fmt::format("name \"{}\"", of->value));
        } else if (!speaks_tcp(*service->config)) {
            diagnostics_.error(port.to.at, fmt::format("this port goes to \"{}\", which speaks HTTP", port.to.value),
                               fmt::format("write protocol: tcp beside \"{}\", or a route: {{ path: /*, to: {} }}",
                                           port.to.value, port.to.value));
        }
        if (port.version) check_version(port);
        if (port.tls.value && !manifest_.gateway.tls) {
            diagnostics_.error(port.tls.at, "this port needs a certificate",
                               "add \"tls: local\" to the gateway, or \"tls\" with \"cert\" and \"key\"");
        }
    }

    void check_version(const gateway::TcpListenConfig& port) {
        std::vector<std::string> versions;
        for (const NamedService& service : services_) {
            if (callee_of(service) != port.to.value) continue;
            if (service.config->run.run) versions.push_back(service.config->run.version);
            for (const AddressConfig& address : service.config->address) {
                versions.push_back(address.version.value_or(service.config->run.version));
            }
        }
        if (std::ranges::find(versions, port.version->value) != versions.end()) return;
        diagnostics_.error(
            port.version->at,
            fmt::format("this port names \"{}\", which is no version of \"{}\"", port.version->value, port.to.value),
            fmt::format("its versions are: {}", base::join(versions, ", ")));
    }

    void check_tcp_service(const NamedService& service) {
        const proxy::TrafficConfig& traffic = service.config->mesh.traffic;
        const std::string& name = service.name->value;
        static const Node kPlain = proxy::traffic_schema().to_node({});
        std::vector<std::string> keys;
        differing(proxy::traffic_schema().to_node(traffic), kPlain, "", keys);
        const auto only_client = [](const std::optional<proxy::RequestKey>& key) {
            return !key || key->kind == proxy::RequestKey::Kind::client;
        };
        if (traffic.balance.sticky) keys.emplace_back("balance.sticky");
        if (traffic.balance.key && !only_client(traffic.balance.key->value)) keys.emplace_back("balance.key");
        if (!only_client(traffic.shaping.split_by)) keys.emplace_back("split_by");
        static const Node kNoPolicies = gateway::policies_schema().to_node({});
        if (!same_values(gateway::policies_schema().to_node(service.config->policies), kNoPolicies)) {
            keys.emplace_back("policies");
        }
        if (!keys.empty()) {
            diagnostics_.error(
                service.name->at,
                fmt::format("service \"{}\" has protocol: tcp, so {} cannot have an effect: a connection "
                            "has no requests, and is known by its client alone",
                            name, base::join(keys, ", ")),
                "take them out; \"tcp\" has the rules of connections");
        }
        if (traffic.balance.policy.value == proxy::Policy::peak_ewma) {
            diagnostics_.error(
                traffic.balance.policy.at,
                "peak_ewma does not go with protocol: tcp: how fast an instance answers is not seen",
                "use least_request, which counts open connections here, or round_robin, ring_hash, maglev");
        }
        if (service.config->health.health.http) {
            diagnostics_.error(
                service.name->at,
                fmt::format("service \"{}\" has protocol: tcp, so a health check by HTTP cannot succeed", name),
                "write health: { tcp: true }, or { command: ... }");
        }
    }

    const Manifest& manifest_;
    const Names& names_;
    Diagnostics& diagnostics_;
    std::vector<NamedService> services_;
};

}  // namespace

void check_tcp(const Manifest& manifest, const Names& names, Diagnostics& diagnostics) {
    Checker{manifest, names, diagnostics}.check();
}

}  // namespace tl::app
