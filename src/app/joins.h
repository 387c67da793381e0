// Where peers of floor 5 meet: each class implements what one room declared that it needs by means of another. Control
// loop only; owned by System.
#pragma once

#include <map>
#include <set>
#include <string>

#include "app/manifest_model.h"
#include "registry/registry.h"
#include "supervisor/call_addresses.h"
#include "supervisor/instance_book.h"

namespace tl::app {

// The supervisor's instances are the registry's records.
class RegistryBook final : public supervisor::InstanceBook {
  public:
    explicit RegistryBook(registry::Registry& registry) : registry_(&registry) {}

    // Whose instances services' processes are, and where they run; those that run already are moved there.
    void set_places(const Manifest& manifest);
    // The service of the registry that a process's instance belongs to.
    [[nodiscard]] std::string callee(const std::string& service) const;
    // The service that runs an instance of the registry's `service`: another one, where that is a version of it.
    [[nodiscard]] std::string runner(const std::string& instance, const std::string& service) const;

    void instance_starting(const supervisor::StartedInstance& instance) override;
    void instance_gone(const std::string& id, const std::string& reason) override;
    rt::Task<base::Result<void>> wait_healthy(std::string id, rt::Wait wait) override;
    [[nodiscard]] std::string last_probe(const std::string& id) const override;
    rt::Task<base::Result<void>> wait_service_healthy(std::string service, rt::Wait wait) override;
    rt::Task<void> drain(std::string id, std::string reason, base::TimePoint deadline) override;

  private:
    registry::Registry* registry_;
    struct Place {
        std::string callee;
        std::string zone;
    };
    std::map<std::string, Place> places_;     // by the service that runs
    std::map<std::string, std::string> ran_;  // instance to the service that runs it
};

// Where the sidecar doors of workloads listen.
class SidecarAddresses final : public supervisor::CallAddresses {
  public:
    void set(const std::string& door_key, const net::Address& address) { by_key_[door_key] = address; }
    void keep_only(const std::set<std::string>& door_keys) {
        std::erase_if(by_key_, [&](const auto& entry) { return !door_keys.contains(entry.first); });
    }
    [[nodiscard]] bool has(const std::string& door_key) const { return by_key_.contains(door_key); }
    [[nodiscard]] const std::map<std::string, net::Address>& all() const { return by_key_; }

    std::string url_for(std::string_view caller, std::string_view callee) override;
    std::vector<TcpDoor> tcp_doors(std::string_view caller) override;
    std::string proxy_for(std::string_view caller) override;

  private:
    [[nodiscard]] std::string url_of(const std::string& door_key) const;
    std::map<std::string, net::Address> by_key_;
};

// Command probes are run as services' commands are.
class ProbeRunner final : public registry::CommandRunner {
  public:
    ProbeRunner(std::vector<std::string> inherited, std::string run_id)
        : inherited_(std::move(inherited)), run_id_(std::move(run_id)) {}
    void set_folder(std::string folder) { folder_ = std::move(folder); }

    rt::Task<base::Result<int>> run(std::string command, std::vector<std::pair<std::string, std::string>> env,
                                    rt::Wait wait) override;

  private:
    std::vector<std::string> inherited_;
    std::string run_id_;
    std::string folder_;
};

}  // namespace tl::app
