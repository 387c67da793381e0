// The registry's core: which instances each service has, which of them are well, and the sets of endpoints that the
// balancers use. Lives on the control loop, owned by app/. Instances are told to it (supervisor, `address:`); health it
// finds out by itself, from probes and from what callers report. Every change is published at once, inside the call
// that makes it. Not on the path of any request.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "net/tls.h"
#include "proxy/endpoints.h"
#include "registry/needs.h"
#include "registry/snapshot.h"
#include "rt/event.h"
#include "rt/gate.h"

namespace tl::registry {

inline constexpr size_t kMostServices = 4096;
inline constexpr size_t kMostInstances = 1024;  // of one service
inline constexpr size_t kHistory = 64;          // changes kept for each service

struct ServiceSpec {
    std::string name;
    ServiceHealthConfig config;
    net::TlsClientPtr tls;  // probes speak TLS by these rules; nullptr: plain
};

enum class Origin : uint8_t {
    process,  // we run it
    address,  // others run it
};

struct InstanceSpec {
    std::string id;  // unique in the system: "orders-1"
    std::string service;
    net::Address address;
    std::string version;
    std::string zone = {};  // where it runs; "": nobody said
    uint32_t weight = 1;
    Origin origin = Origin::process;
    std::string host;  // that its certificate must name, where the service speaks TLS
};

// What balancers know of an instance beside its address; may change while it runs.
struct Placement {
    std::string version;
    std::string zone;
    uint32_t weight = 1;
};

struct RegistryOptions {
    proxy::EndpointSink* sink = nullptr;  // needed
    InFlightSource* in_flight = nullptr;  // without: a drain ends with the acknowledgement
    CommandRunner* commands = nullptr;    // without: command probes fail and say so
    ChangeObserver* observer = nullptr;
    base::WallTime (*wall)() = &base::wall_now;
};

struct Instance;
struct Service;
class Publisher;

class Registry {
  public:
    explicit Registry(RegistryOptions options);
    // stop() must have ended.
    ~Registry();
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;

    // ---- services. Errors: conflict (exists), not_found, too_large (kMostServices)
    [[nodiscard]] base::Result<void> add_service(ServiceSpec spec);
    // New rules; instances keep their states, but one that is no longer probed is healthy.
    [[nodiscard]] base::Result<void> update_service(ServiceSpec spec);
    // Its instances are gone, the empty set is published, waits for it end with not_found.
    [[nodiscard]] base::Result<void> remove_service(std::string_view name, std::string_view reason);

    // ---- instances. Errors: conflict (the id is in use), not_found, too_large (kMostInstances)
    // `starting` until its first probes succeed; `healthy` at once if it is not probed.
    [[nodiscard]] base::Result<void> add_instance(InstanceSpec spec);
    // Instances of a service without any, in the states in which the program before this one knew them: published as
    // one set, so that nobody is without an instance for a moment, and then probed as ever. Errors: not_found,
    // conflict.
    struct Known {
        InstanceSpec spec;
        InstanceState state = InstanceState::starting;
        std::string reason;
        base::WallTime since;
        std::string last_probe;
    };
    [[nodiscard]] base::Result<void> restore(std::string_view service, std::vector<Known> instances);
    // It has ended or will never answer again: published at once, waits for it end. The id is free afterwards.
    [[nodiscard]] base::Result<void> remove_instance(std::string_view id, std::string_view reason);
    // What balancers are to know of it from now on. Errors: not_found.
    [[nodiscard]] base::Result<void> place_instance(std::string_view id, Placement placement);
    // Nothing new goes to it from now on. Resumes when every balancer has acknowledged that and nothing is in flight to
    // it, or when it is gone. Errors: not_found, timeout and cancelled; it is draining then all the same.
    [[nodiscard]] rt::Task<base::Result<void>> drain(std::string id, std::string reason, rt::Wait wait);

    // ---- waiting
    // Errors: not_found (unknown, gone, draining), timeout (with what the last probe said), cancelled.
    [[nodiscard]] rt::Task<base::Result<void>> wait_healthy(std::string id, rt::Wait wait);
    // At least one healthy instance. Errors as above.
    [[nodiscard]] rt::Task<base::Result<void>> wait_service_healthy(std::string service, rt::Wait wait);
    // Every balancer uses this revision of the service, or a newer one.
    [[nodiscard]] rt::Task<base::Result<void>> wait_acknowledged(std::string service, uint64_t revision, rt::Wait wait);
    // The newest revision that was published; 0 for an unknown service.
    [[nodiscard]] uint64_t revision(std::string_view service) const;

    // ---- what callers saw of an instance. Unknown names are ignored.
    void report(const proxy::OutcomeReport& outcome);

    [[nodiscard]] RegistrySnapshot snapshot() const;

    // Ends all probes and waits; resumes when nothing of the registry runs any more. Publishes nothing.
    [[nodiscard]] rt::Task<void> stop();

  private:
    using ServicePtr = std::shared_ptr<Service>;
    using InstancePtr = std::shared_ptr<Instance>;
    class Caller;

    // registry.cpp
    [[nodiscard]] ServicePtr find_service(std::string_view name) const;
    [[nodiscard]] InstancePtr find_instance(std::string_view id) const;
    void change(Instance& instance, InstanceState to, std::string reason);
    void publish(Service& service);
    [[nodiscard]] rt::Task<base::Result<void>> until_idle(InstancePtr instance, rt::Wait wait);
    // registry_health.cpp
    void begin_watch(const InstancePtr& instance);
    void go_on_watching(const InstancePtr& instance);
    [[nodiscard]] rt::Task<void> watch(InstancePtr instance, std::shared_ptr<rt::Cancel> life);
    [[nodiscard]] rt::Task<void> retry_later(InstancePtr instance, std::shared_ptr<rt::Cancel> life);

    RegistryOptions options_;
    std::unique_ptr<Publisher> publisher_;
    std::map<std::string, ServicePtr, std::less<>> services_;
    std::map<std::string, InstancePtr, std::less<>> instances_;
    rt::Cancel life_;
    rt::Gate gate_;
    size_t callers_ = 0;  // waits of others inside
    rt::Signal caller_left_;
};

}  // namespace tl::registry
