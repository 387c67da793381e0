// Hands sets of endpoints to the balancers and knows which revision each service's balancers all use. Part of the
// Registry, on the control loop. An acknowledgement that comes after the publisher has ended is ignored.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/endpoints.h"
#include "registry/endpoint_selection.h"
#include "registry/snapshot.h"
#include "rt/event.h"

namespace tl::registry {

class Publisher {
  public:
    explicit Publisher(proxy::EndpointSink& sink);
    ~Publisher();
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;

    // Publishes at once, unless it says what the last one said.
    void publish(std::string_view service, Selection selection);
    // The service is removed: an empty set is the last one.
    void retire(std::string_view service);

    [[nodiscard]] uint64_t revision(std::string_view service) const;
    [[nodiscard]] uint64_t acknowledged(std::string_view service) const;
    [[nodiscard]] Propagation propagation(std::string_view service) const;
    [[nodiscard]] const Propagation& total() const { return *total_; }
    [[nodiscard]] rt::Task<base::Result<void>> wait_acknowledged(std::string service, uint64_t revision, rt::Wait wait);
    // Ends all waits as cancelled.
    void stop();

  private:
    struct Topic;
    [[nodiscard]] std::shared_ptr<Topic> find(std::string_view service) const;
    void sweep();

    proxy::EndpointSink* sink_;
    std::map<std::string, std::shared_ptr<Topic>, std::less<>> topics_;
    std::shared_ptr<Propagation> total_ = std::make_shared<Propagation>();
    uint64_t newest_ = 0;  // of all services: a service that comes back goes on where it was
    bool stopping_ = false;
};

}  // namespace tl::registry
