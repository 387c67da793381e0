// The connections of one core to one instance. HTTP/1: kept while idle, within limits, and given to one request after
// the other. HTTP/2: shared by as many requests as both sides allow, a further one when all are full. One core; no
// locks. Counts into the cell of its service.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "http/http2_client.h"
#include "net/tls.h"
#include "proxy/traffic.h"
#include "rt/gate.h"
#include "rt/loop.h"
#include "telemetry/metrics.h"

namespace tl::proxy {

struct PooledConnection {
    std::unique_ptr<http::ClientConnection> connection;
    base::TimePoint idle_since;
    bool reused = false;
    bool shared = false;    // a place on a connection of HTTP/2
    net::TlsClientPtr tls;  // the rules that it was made under
};

class Pool final : private http::Http2Client::Owner {
  public:
    Pool(const net::Address& address, telemetry::PoolCell& cell) : address_(address), cell_(&cell) {}
    ~Pool() override { close_idle(), let_go(); }
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    // Connections from now on speak TLS by these rules; nullptr: plain (the default). Idle ones that were made under
    // other rules are closed.
    void set_tls(const net::TlsClientPtr& tls);
    // That the instance's certificate must name; "": its address.
    void set_host(const std::string& host) { host_ = host; }

    // An idle connection of HTTP/1; none: acquire() has to be awaited.
    [[nodiscard]] std::optional<PooledConnection> try_acquire(const UpstreamRule& rule);
    // A usable connection: an idle one, a place on a shared one, or a new one. The pool must stay meanwhile (the
    // instance is held). Shared connections run in `connections` and may outlive the pool there.
    [[nodiscard]] rt::Task<base::Result<PooledConnection>> acquire(const UpstreamRule& rule,
                                                                   const http::ClientLimits& client,
                                                                   rt::Gate& connections, rt::Wait wait);
    // Takes back what acquire() gave. `reusable`: its exchange has ended well, it may serve another.
    void give_back(PooledConnection connection, bool reusable, const PoolLimits& limits);
    // A connection for one use alone, counted as open until close_own(). `preamble` goes out before anything else, in
    // front of TLS too. The pool must stay meanwhile.
    [[nodiscard]] rt::Task<base::Result<std::unique_ptr<net::Stream>>> open_own(const PoolLimits& limits,
                                                                                std::string preamble, rt::Wait wait);
    void close_own() { count_closed(); }
    // No connection is kept from now on.
    void retire() { retired_ = true, close_idle(), let_go(); }
    void revive() { retired_ = false; }
    // Closes connections that have been idle too long or that the instance has closed.
    void sweep(base::TimePoint now, const PoolLimits& limits);

    [[nodiscard]] const net::Address& address() const { return address_; }

  private:
    void close_idle();
    void let_go();
    void count_closed() { --cell_->open, ++cell_->closed; }
    [[nodiscard]] rt::Task<base::Result<std::unique_ptr<net::Stream>>> open(const PoolLimits& limits,
                                                                            net::TlsClientPtr tls, std::string preamble,
                                                                            rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<std::unique_ptr<net::Stream>>> connect(const PoolLimits& limits,
                                                                               net::TlsClientPtr tls,
                                                                               std::string preamble, rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<PooledConnection>> share(const PoolLimits& limits,
                                                                 const http::ClientLimits& client,
                                                                 rt::Gate& connections, rt::Wait wait);
    [[nodiscard]] http::Http2Client* roomiest() const;
    void on_room(http::Http2Client& client) override;
    void on_gone(http::Http2Client& client) override;

    net::Address address_;
    telemetry::PoolCell* cell_;
    net::TlsClientPtr tls_;
    std::string host_;
    std::shared_ptr<net::TlsSession> session_;  // to be resumed by the next connection
    bool retired_ = false;
    std::vector<PooledConnection> idle_;  // the youngest last

    std::vector<http::Http2Client*> shared_;
    bool opening_ = false;  // a shared connection is on its way
    uint64_t failures_ = 0;
    std::optional<base::Error> last_failure_;
    rt::Signal changed_;  // room, a new connection, or the failure to open one
};

}  // namespace tl::proxy
