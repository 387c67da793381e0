#include "app/open_door.h"

#include "proxy/pipeline.h"
#include "proxy/tcp_server.h"

namespace tl::app {

static_assert(telemetry::kHttp2Abuses.size() == http::kHttp2Abuses, "a kind of abuse has no name in the metrics");

namespace {

// What was counted of the connections of a door since the last time.
template <class Stats>
void count_connections(telemetry::DoorCell& cell, const Stats& now, Stats& counted) {
    cell.accepted += now.accepted - counted.accepted;
    cell.refused += now.turned_away - counted.turned_away;
    cell.open += static_cast<int64_t>(now.open) - static_cast<int64_t>(counted.open);
}

void count_tls(telemetry::DoorCell& cell, const net::TlsStats& now, net::TlsStats& counted) {
    cell.handshakes += now.handshakes - counted.handshakes;
    cell.resumed += now.resumed - counted.resumed;
    cell.failed_handshakes += now.failed - counted.failed;
    counted = now;
}

class HttpDoor final : public OpenDoor {
  public:
    HttpDoor(proxy::Engine& engine, const proxy::DoorPtr& door, const ServerRules& rules)
        : kind_(door->kind),
          handler_(engine, door),
          server_(handler_, rules.limits, rules.connections),
          shortcut_(rules.shortcut) {
        server_.on_refusal(&handler_);
        server_.set_tls(rules.tls, rules.tls_limits);
        server_.set_proxy_protocol(rules.proxy_protocol);
    }
    base::Result<void> start(int listener) override {
        TL_TRY(server_.start(listener));
        server_.set_shortcut(shortcut_);
        return {};
    }
    void change(const proxy::DoorPtr& door, const ServerRules& rules) override {
        server_.set_shortcut(rules.shortcut);
        handler_.change_door(door);
        server_.change_limits(rules.limits);
        server_.set_tls(rules.tls, rules.tls_limits);
        server_.set_proxy_protocol(rules.proxy_protocol);
    }
    void count(proxy::Engine& engine) override {
        const http::ServerStats& now = server_.stats();
        telemetry::DoorCell& cell = engine.metrics().door(kind_);
        count_connections(cell, now, counted_);
        cell.http2 += now.http2.connections - counted_.http2.connections;
        for (size_t i = 0; i < http::kHttp2Abuses; ++i) {
            cell.http2_abuses[i] += now.http2.abuses[i] - counted_.http2.abuses[i];
        }
        counted_ = now;
        count_tls(cell, server_.tls_stats(), counted_tls_);
    }
    int listener() const override { return server_.listener_fd(); }
    size_t connections() const override { return server_.stats().open; }
    rt::Task<void> stop(base::TimePoint deadline) override { return server_.stop(deadline); }
    rt::Task<void> drain(base::TimePoint deadline) override { return server_.drain(deadline); }

  private:
    telemetry::Door kind_;
    proxy::DoorHandler handler_;
    http::Server server_;
    net::Shortcut shortcut_;     // to begin with
    http::ServerStats counted_;  // what the engine's counters know of already
    net::TlsStats counted_tls_;
};

proxy::TcpLimits limits_of(const ServerRules& rules) {
    return {.connections = rules.connections,
            .connections_per_client = rules.limits.connections_per_client,
            .memory = rules.limits.memory,
            .announced_within = rules.limits.head_deadline};
}

class TcpDoor final : public OpenDoor {
  public:
    TcpDoor(proxy::Engine& engine, const proxy::DoorPtr& door, const ServerRules& rules)
        : kind_(door->kind), server_(engine, door, limits_of(rules)) {
        server_.set_tls(rules.tls, rules.tls_limits);
        server_.set_proxy_protocol(rules.proxy_protocol);
    }
    base::Result<void> start(int listener) override { return server_.start(listener); }
    void change(const proxy::DoorPtr& door, const ServerRules& rules) override {
        server_.change(door, limits_of(rules));
        server_.set_tls(rules.tls, rules.tls_limits);
        server_.set_proxy_protocol(rules.proxy_protocol);
    }
    void count(proxy::Engine& engine) override {
        telemetry::DoorCell& cell = engine.metrics().door(kind_);
        const proxy::TcpServerStats& now = server_.stats();
        count_connections(cell, now, counted_);
        counted_ = now;
        count_tls(cell, server_.tls_stats(), counted_tls_);
        server_.count_bytes();
    }
    int listener() const override { return server_.listener_fd(); }
    size_t connections() const override { return server_.stats().open; }
    rt::Task<void> stop(base::TimePoint deadline) override { return server_.stop(deadline); }
    rt::Task<void> drain(base::TimePoint deadline) override { return server_.drain(deadline); }

  private:
    telemetry::Door kind_;
    proxy::TcpServer server_;
    proxy::TcpServerStats counted_;
    net::TlsStats counted_tls_;
};

}  // namespace

std::unique_ptr<OpenDoor> make_open_door(proxy::Engine& engine, const proxy::DoorPtr& door, const ServerRules& rules) {
    if (door->tcp) return std::make_unique<TcpDoor>(engine, door, rules);
    return std::make_unique<HttpDoor>(engine, door, rules);
}

}  // namespace tl::app
