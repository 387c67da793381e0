// A door that is open on one core: a server with what it hands its connections to, of HTTP or of TCP, behind one
// interface, so that opening, changing, counting and closing are written once. Made and ended on its core, owned by
// CoreWorker.
#pragma once

#include <memory>

#include "http/server.h"
#include "proxy/engine.h"

namespace tl::app {

struct ServerRules {
    http::ServerLimits limits;
    uint32_t connections = 65536;
    net::TlsServerPtr tls;  // nullptr: plain
    net::TlsLimits tls_limits;
    net::Shortcut shortcut;                 // for its clients; of HTTP only
    http::ProxyProtocolPtr proxy_protocol;  // nullptr: not spoken
};

class OpenDoor {
  public:
    virtual ~OpenDoor() = default;
    // Takes over the descriptor.
    [[nodiscard]] virtual base::Result<void> start(int listener) = 0;
    // For what begins from now on. `rules` are this thread's part.
    virtual void change(const proxy::DoorPtr& door, const ServerRules& rules) = 0;
    // Brings the engine's counters up to date.
    virtual void count(proxy::Engine& engine) = 0;
    [[nodiscard]] virtual int listener() const = 0;
    [[nodiscard]] virtual size_t connections() const = 0;
    // See http::Server.
    [[nodiscard]] virtual rt::Task<void> stop(base::TimePoint deadline) = 0;
    [[nodiscard]] virtual rt::Task<void> drain(base::TimePoint deadline) = 0;
};

// Of the kind that `door` is.
[[nodiscard]] std::unique_ptr<OpenDoor> make_open_door(proxy::Engine& engine, const proxy::DoorPtr& door,
                                                       const ServerRules& rules);

}  // namespace tl::app
