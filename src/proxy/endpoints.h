// What the data path knows of a service's instances, as an immutable set that the registry publishes and each core
// applies and acknowledges. The proxy declares this; registry/ makes the sets; app/ joins the two.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/address.h"

namespace tl::proxy {

struct Endpoint {
    std::string id;  // instance id, unique in the system: "orders-1"
    net::Address address;
    std::string version;
    std::string zone;  // where it runs; "": nobody said
    uint32_t weight = 1;
    std::string host;  // that its certificate must name, where the service speaks TLS
    bool operator==(const Endpoint&) const = default;
};

// Instances that may get new requests. Instances that left the set finish what they have.
struct EndpointSet {
    std::string service;
    uint64_t revision = 0;  // grows with each change of this service
    std::vector<Endpoint> endpoints;
    std::vector<Endpoint> unwell;  // those that get nothing: how much their zones are short of
    std::string reason;            // why it is empty, or why it is in panic; "" otherwise
};
using EndpointSetPtr = std::shared_ptr<const EndpointSet>;

// Where the registry sends its sets. Implemented by app/ over all cores.
class EndpointSink {
  public:
    virtual ~EndpointSink() = default;
    // Called on the control core. `acknowledged` runs there, once, when every balancer uses the set.
    virtual void publish(EndpointSetPtr set, std::move_only_function<void()> acknowledged) = 0;
};

// What callers saw of an instance; the passive side of health.
enum class Outcome : uint8_t { success, failure /* 5xx */, reset, timeout, connect_failed };
struct OutcomeReport {
    std::string service;
    std::string instance;
    Outcome outcome = Outcome::success;
};

}  // namespace tl::proxy
