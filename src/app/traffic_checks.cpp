#include "app/traffic_checks.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "base/text.h"

namespace tl::app {

using manifest::Diagnostics;
using manifest::Located;
using manifest::Names;

namespace {

constexpr size_t kMost = 16;  // versions of a service, zones of a system: balancers keep tables for each

class Checker {
  public:
    Checker(const Manifest& manifest, const Names& names, Diagnostics& diagnostics)
        : manifest_(manifest), names_(names), diagnostics_(diagnostics), services_(services_of(manifest)) {}

    void check() {
        for (const NamedService& service : services_) {
            if (service.config->version_of) check_version_of(service);
            collect(service);
        }
        for (const NamedService& service : services_) check_service(service);
        for (const gateway::RouteConfig& route : manifest_.gateway.routes) check_route(route);
        check_amounts();
    }

  private:
    const NamedService* find(const std::string& name) const {
        for (const NamedService& service : services_) {
            if (service.name->value == name) return &service;
        }
        return nullptr;
    }

    void check_version_of(const NamedService& service) {
        const auto& of = *service.config->version_of;
        const std::string& name = service.name->value;
        if (!names_.check(of, fmt::format("\"{}\" is a version of", name), diagnostics_)) return;
        const NamedService* const other = find(of.value);
        if (of.value == name) {
            diagnostics_.error(of.at, fmt::format("service \"{}\" is a version of itself", name));
        } else if (other->config->version_of) {
            diagnostics_.error(
                of.at, fmt::format("\"{}\" is itself a version of \"{}\"", of.value, other->config->version_of->value),
                fmt::format("write version_of: {}", other->config->version_of->value));
        }
        if (!service.config->run.run) {
            diagnostics_.error(
                service.name->at, fmt::format("\"{}\" has \"version_of\" but no \"run\"", name),
                fmt::format("list its instances, with their version, under \"address\" of \"{}\"", of.value));
        }
        check_keys_of_version(service);
        if (other->config->address.empty() && other->config->run.version == service.config->run.version) {
            diagnostics_.error(service.name->at,
                               fmt::format("\"{}\" and \"{}\" have the same version \"{}\"", name, of.value,
                                           service.config->run.version),
                               "give each a \"version\" of its own");
        }
    }

    // Requests name the service, so what is said about requests and health stands there.
    void check_keys_of_version(const NamedService& service) {
        const ServiceConfig defaults;
        std::vector<std::string> keys;
        const auto compare = [&](const auto& schema, const auto& mine, const auto& plain) {
            const manifest::Node a = schema.to_node(mine);
            const manifest::Node b = schema.to_node(plain);
            for (const auto& entry : a.entries) {
                const manifest::Node* const other = b.find(entry.key);
                if (other != nullptr && !same_values(entry.value, *other)) keys.push_back(entry.key);
            }
        };
        compare(proxy::traffic_schema(), service.config->mesh.traffic, defaults.mesh.traffic);
        compare(registry::service_health_schema(), service.config->health, defaults.health);
        if (keys.empty()) return;
        diagnostics_.error(service.name->at,
                           fmt::format("\"{}\" is a version of \"{}\", so {} has no effect here", service.name->value,
                                       service.config->version_of->value, base::join(keys, ", ")),
                           fmt::format("say it at \"{}\"", service.config->version_of->value));
    }

    void collect(const NamedService& service) {
        std::set<std::string>& versions = versions_[callee_of(service)];
        if (service.config->run.run) versions.insert(service.config->run.version);
        for (const AddressConfig& address : service.config->address) {
            versions.insert(address.version.value_or(service.config->run.version));
            if (address.zone) zones_.insert(*address.zone);
        }
        const std::string zone = zone_of(manifest_, *service.config);
        if (!zone.empty()) zones_.insert(zone);
    }

    void check_version(const std::string& service, const Located<std::string>& version, std::string_view who) {
        const auto known = versions_.find(service);
        if (known == versions_.end() || known->second.contains(version.value)) return;
        const std::vector<std::string> all{known->second.begin(), known->second.end()};
        const std::string_view near = base::nearest(version.value, all);
        diagnostics_.error(version.at,
                           fmt::format("{} names \"{}\", which is no version of \"{}\"", who, version.value, service),
                           near.empty() ? fmt::format("its versions are: {}", base::join(all, ", "))
                                        : fmt::format("did you mean \"{}\"?", near));
    }

    void check_callee(const Located<std::string>& to, std::string_view who) {
        const NamedService* const service = find(to.value);
        if (service == nullptr || !service->config->version_of) return;
        diagnostics_.error(
            to.at,
            fmt::format("{} \"{}\", which is a version of \"{}\"", who, to.value, service->config->version_of->value),
            fmt::format("name \"{}\"; its split, or a rule, says which version gets what",
                        service->config->version_of->value));
    }

    void check_shaping(const std::string& service, const proxy::ShapingConfig& shaping) {
        for (const auto& part : shaping.split) check_version(service, part.name, "this split");
        for (const auto& match : shaping.match) check_version(service, match.version, "this rule");
        if (shaping.mirror) {
            const auto& mirror = *shaping.mirror;
            if (names_.check(mirror.to, "this mirror goes to", diagnostics_)) {
                check_callee(mirror.to, "this mirror goes to");
                if (mirror.version) check_version(mirror.to.value, *mirror.version, "this mirror");
            }
            if (mirror.to.value == service && !mirror.version) {
                diagnostics_.error(mirror.to.at, fmt::format("\"{}\" is mirrored to itself", service),
                                   "mirror to another service, or name the \"version\" that gets the copies");
            }
        }
        if (shaping.fault && manifest_.mode == Mode::production) {
            diagnostics_.warning(
                shaping.fault->at,
                fmt::format("requests to \"{}\" are delayed or refused on purpose, in mode: production", service));
        }
    }

    void check_service(const NamedService& service) {
        check_shaping(service.name->value, service.config->mesh.traffic.shaping);
        for (const auto& callee : service.config->mesh.calls) {
            check_callee(callee, fmt::format("\"{}\" calls", service.name->value));
        }
        std::set<std::string> seen;
        for (const AddressConfig& address : service.config->address) {
            // One without a place was reported when it was read.
            if (address.at.value.empty() || seen.insert(address.at.value).second) continue;
            diagnostics_.error(address.at.at, fmt::format("\"{}\" is listed twice", address.at.value));
        }
    }

    void check_route(const gateway::RouteConfig& route) {
        check_callee(route.to, "this route goes to");
        if (route.version) check_version(route.to.value, *route.version, "this route");
        if (route.version && !route.traffic.shaping.split.empty()) {
            diagnostics_.error(route.version->at, "a route has a \"version\" or a \"split\", not both",
                               "take out one of them");
        }
        check_shaping(route.to.value, route.traffic.shaping);
    }

    void check_amounts() {
        for (const auto& [service, versions] : versions_) {
            const NamedService* const named = find(service);
            if (named == nullptr || versions.size() <= kMost) continue;
            diagnostics_.error(named->name->at,
                               fmt::format("\"{}\" has {} versions, more than {}", service, versions.size(), kMost));
        }
        if (zones_.size() <= kMost || services_.empty()) return;
        diagnostics_.error(services_.front().name->at,
                           fmt::format("there are {} zones, more than {}", zones_.size(), kMost));
    }

    const Manifest& manifest_;
    const Names& names_;
    Diagnostics& diagnostics_;
    std::vector<NamedService> services_;
    std::map<std::string, std::set<std::string>> versions_;  // by service
    std::set<std::string> zones_;
};

}  // namespace

void check_traffic(const Manifest& manifest, const Names& names, Diagnostics& diagnostics) {
    Checker{manifest, names, diagnostics}.check();
}

}  // namespace tl::app
