// The connections of one core to one instance: kept while idle, within limits, and given to one request after the
// other. One core; no locks. Counts into the cell of its service.
#pragma once

#include <memory>
#include <vector>

#include "http/client.h"
#include "net/tls.h"
#include "proxy/traffic.h"
#include "rt/loop.h"
#include "telemetry/metrics.h"

namespace tl::proxy {

struct PooledConnection {
    std::unique_ptr<http::ClientConnection> connection;
    base::TimePoint idle_since;
    bool reused = false;
    net::TlsClientPtr tls;  // the rules that it was made under
};

class Pool {
  public:
    Pool(const net::Address& address, telemetry::PoolCell& cell) : address_(address), cell_(&cell) {}
    ~Pool() { close_idle(); }
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    // Connections from now on speak TLS by these rules; nullptr: plain (the default). Idle ones that were made under
    // other rules are closed.
    void set_tls(const net::TlsClientPtr& tls);
    // That the instance's certificate must name; "": its address.
    void set_host(const std::string& host) { host_ = host; }

    // A usable connection: an idle one, or a new one. The pool must stay meanwhile (the instance is held).
    [[nodiscard]] rt::Task<base::Result<PooledConnection>> acquire(const PoolLimits& limits,
                                                                   const http::ClientLimits& client, rt::Wait wait);
    // Gives a connection back whose exchange has ended well.
    void put_back(PooledConnection connection, const PoolLimits& limits);
    // A connection from acquire() that does not come back.
    void count_closed() { --cell_->open, ++cell_->closed; }
    // No connection is kept from now on.
    void retire() { retired_ = true, close_idle(); }
    void revive() { retired_ = false; }
    // Closes connections that have been idle too long or that the instance has closed.
    void sweep(base::TimePoint now, const PoolLimits& limits);

    [[nodiscard]] const net::Address& address() const { return address_; }

  private:
    void close_idle();
    [[nodiscard]] rt::Task<base::Result<std::unique_ptr<net::Stream>>> open(const PoolLimits& limits,
                                                                            net::TlsClientPtr tls, rt::Wait wait);

    net::Address address_;
    telemetry::PoolCell* cell_;
    net::TlsClientPtr tls_;
    std::string host_;
    std::shared_ptr<net::TlsSession> session_;  // to be resumed by the next connection
    bool retired_ = false;
    std::vector<PooledConnection> idle_;  // the youngest last
};

}  // namespace tl::proxy
