// A door of TCP on one core: accepts, speaks TLS where it must, bounds how many connections there are and of whom, and
// stops without dropping what it accepted before its time. Each connection is a TcpConnection in its gate. Owned by
// app/ or a test.
#pragma once

#include <memory>

#include "http/client_counts.h"
#include "http/proxied.h"
#include "net/listener.h"
#include "net/tls.h"
#include "proxy/door.h"
#include "proxy/engine.h"
#include "proxy/tcp_connection.h"
#include "rt/gate.h"

namespace tl::proxy {

// Of one core.
struct TcpLimits {
    size_t connections = 65536;
    uint32_t connections_per_client = 0;  // of one address, of IPv6 a /64; 0: no cap
    uint64_t memory = 0;                  // bytes of all buffers; from three quarters on nobody is let in; 0: no cap
    base::Duration announced_within = std::chrono::seconds{10};  // a balancer's PROXY header
};

struct TcpServerStats {
    uint64_t accepted = 0;
    uint64_t turned_away = 0;  // over a cap
    size_t open = 0;
};

class TcpServer {
  public:
    // `door` has a TcpRoute.
    TcpServer(Engine& engine, DoorPtr door, const TcpLimits& limits)
        : engine_(&engine), door_(std::move(door)), limits_(limits) {}
    TcpServer(const TcpServer&) = delete;
    TcpServer& operator=(const TcpServer&) = delete;

    // Takes over a descriptor of net::open_listener and accepts from now on, on this core.
    [[nodiscard]] base::Result<void> start(int listener_fd);
    // Serves one connection that came another way (tests).
    void serve(std::unique_ptr<net::Stream> stream) { run(std::move(stream), {}); }
    // For connections from now on; those that are there keep what they began with.
    void change(DoorPtr door, const TcpLimits& limits) { door_ = std::move(door), limits_ = limits; }
    void set_tls(net::TlsServerPtr tls, const net::TlsLimits& limits = {});
    // Whose word about clients counts for new connections; nullptr: nobody's (the default).
    void set_proxy_protocol(http::ProxyProtocolPtr rule) { proxied_ = std::move(rule); }
    // Stops accepting, when what waits in the kernel's queue has been taken. Open connections have until `deadline`,
    // then they are reset.
    [[nodiscard]] rt::Task<void> stop(base::TimePoint deadline);
    // The same, but somebody else accepts from now on, on the same socket: its queue is left alone.
    [[nodiscard]] rt::Task<void> drain(base::TimePoint deadline);

    // Bytes of open connections, for the engine's counters.
    void count_bytes();
    [[nodiscard]] int listener_fd() const { return listener_.fd(); }
    [[nodiscard]] net::Address address() const { return listener_.address(); }
    [[nodiscard]] const TcpServerStats& stats() const { return stats_; }
    [[nodiscard]] net::TlsStats tls_stats() const { return tls_ == nullptr ? net::TlsStats{} : tls_->stats(); }

  private:
    [[nodiscard]] rt::Task<void> accept_loop();
    [[nodiscard]] rt::Task<void> empty_queue();
    void admit(std::unique_ptr<net::Stream> stream);
    void run(std::unique_ptr<net::Stream> stream, const http::ClientKey& counted, bool announced = false);
    [[nodiscard]] rt::Task<void> announced(std::unique_ptr<net::Stream> stream);
    [[nodiscard]] rt::Task<void> connection(std::unique_ptr<net::Stream> stream, net::Address peer);
    void tell(const TcpConnection& connection);

    Engine* engine_;
    DoorPtr door_;
    TcpLimits limits_;
    TcpServerStats stats_;
    http::ClientCounts clients_;
    net::Listener listener_;
    http::ProxyProtocolPtr proxied_;
    std::unique_ptr<net::TlsAcceptor> tls_;  // made when first needed; handshakes may use it until the end
    bool secure_ = false;
    rt::List<TcpConnection> open_;
    rt::Gate gate_;
    rt::Cancel hard_cancel_;  // all connections end
    rt::Cancel accept_cancel_;
    base::TimePoint next_log_{};
    uint64_t untold_ = 0;  // refusals since the last one that was logged
};

}  // namespace tl::proxy
