// The server side of a listener on one core: accepts, serves each connection as a session of its own, and stops
// without dropping what it accepted. Owned by app/ or a test.
#pragma once

#include <array>
#include <memory>

#include "base/buffer.h"
#include "http/client_counts.h"
#include "http/exchange.h"
#include "http/proxied.h"
#include "net/listener.h"
#include "net/tls.h"
#include "rt/gate.h"

namespace tl::http {

struct ServerStats {
    uint64_t accepted = 0;
    uint64_t turned_away = 0;  // over a cap on connections
    uint64_t requests = 0;
    uint64_t refused_heads = 0;  // 400, 414, 431, 505 by the codec
    size_t open = 0;
    struct Http2 {
        uint64_t connections = 0;
        std::array<uint64_t, kHttp2Abuses> abuses{};  // closed for asking too much
    } http2;
};

// Why a request is answered without being handed on.
struct Refused {
    uint16_t status;
    base::Error error;

    [[nodiscard]] static Refused body_too_large() {
        return {413, {.code = base::Code::too_large, .context = "the body is larger than this gateway takes"}};
    }
    [[nodiscard]] static Refused out_of_memory() {
        return {503, {.code = base::Code::unavailable, .context = "the memory for requests is used up"}};
    }
};

class Server {
  public:
    // `refusal` makes the body of the answers that the codec itself forces (400 ...); nullptr for plain ones.
    struct Refusal {
        virtual ~Refusal() = default;
        // Sends the answer for a head that cannot be parsed. The session closes afterwards.
        [[nodiscard]] virtual rt::Task<void> refuse(ServerExchange& exchange, uint16_t status,
                                                    const base::Error& error) = 0;
    };

    Server(Handler& handler, const ServerLimits& limits, size_t most_connections = 65536)
        : handler_(&handler), limits_(limits), most_connections_(most_connections) {}
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void on_refusal(Refusal* refusal) { refusal_ = refusal; }
    // Takes over a descriptor of net::open_listener and accepts from now on, on this core.
    [[nodiscard]] base::Result<void> start(int listener_fd);
    // Serves one connection that came another way (tests).
    void serve(std::unique_ptr<net::Stream> stream);
    // Applies to heads that arrive from now on.
    void change_limits(const ServerLimits& limits) { limits_ = limits; }
    // New connections speak TLS by these rules; nullptr: they speak plain HTTP (the default). Those that are there stay
    // as they began.
    void set_tls(net::TlsServerPtr tls, const net::TlsLimits& limits = {});
    // Connections from now on may be joined with their clients (net/shortcut.h). After start().
    void set_shortcut(const net::Shortcut& shortcut) { listener_.set_shortcut(shortcut); }
    // Whose word about clients counts for new connections; nullptr: nobody's (the default).
    void set_proxy_protocol(ProxyProtocolPtr rule) { proxied_ = std::move(rule); }
    // Stops accepting, lets requests in flight finish (their connections close after the answer, idle ones at once)
    // until `deadline`, then cancels and resets what is left.
    [[nodiscard]] rt::Task<void> stop(base::TimePoint deadline);
    // Somebody else accepts from now on, on the same socket, so nothing is taken out of its queue. Connections that are
    // open may ask once more: the answer closes them ("Connection: close"), also those that are idle now, whose next
    // request may be on its way. What is left at `deadline` is ended.
    [[nodiscard]] rt::Task<void> drain(base::TimePoint deadline);
    [[nodiscard]] bool draining() const { return draining_ || idle_cancel_.requested(); }
    [[nodiscard]] int listener_fd() const { return listener_.fd(); }

    // New requests are refused while this is true: those that have begun need what is left of the budget.
    [[nodiscard]] bool short_of_memory() const { return base::short_of_memory(limits_.memory); }

    [[nodiscard]] const ServerStats& stats() const { return stats_; }
    [[nodiscard]] net::TlsStats tls_stats() const { return tls_ == nullptr ? net::TlsStats{} : tls_->stats(); }
    [[nodiscard]] net::Address address() const { return listener_.address(); }

  private:
    friend class Http1Session;
    friend class Http1ServerExchange;
    friend class Http2ServerSession;
    friend class Http2ServerExchange;
    [[nodiscard]] rt::Task<void> accept_loop();
    [[nodiscard]] rt::Task<void> empty_queue();
    [[nodiscard]] rt::Task<void> finish(base::TimePoint deadline);
    void admit(std::unique_ptr<net::Stream> stream);
    void run(std::unique_ptr<net::Stream> stream, const ClientKey& counted, bool announced = false);
    [[nodiscard]] rt::Task<void> run_announced(std::unique_ptr<net::Stream> stream);
    [[nodiscard]] rt::Task<void> run_session(std::unique_ptr<net::Stream> stream, net::Address peer);

    Handler* handler_;
    Refusal* refusal_ = nullptr;
    ServerLimits limits_;
    size_t most_connections_;
    ServerStats stats_;
    ClientCounts clients_;
    net::Listener listener_;
    std::unique_ptr<net::TlsAcceptor> tls_;  // made when first needed; handshakes may use it until the end
    bool secure_ = false;
    ProxyProtocolPtr proxied_;
    rt::Gate gate_;
    bool draining_ = false;                    // no connection is kept after its next answer
    rt::Cancel idle_cancel_;                   // drain: idle sessions end
    rt::Cancel notice_cancel_{&idle_cancel_};  // drain: sessions of HTTP/2 say so and end with their last request
    rt::Cancel hard_cancel_;                   // stop: all sessions end
    rt::Cancel accept_cancel_;
    base::TimePoint next_abuse_log_{};
};

// Shorthands for handlers that answer at once.
[[nodiscard]] rt::Task<base::Result<void>> reply(ServerExchange& exchange, uint16_t status,
                                                 std::string_view content_type, std::string_view body);
// The whole body, at most `most` bytes (Code::too_large beyond); answers Expect: 100-continue first.
[[nodiscard]] rt::Task<base::Result<std::string>> read_all(ServerExchange& exchange, size_t most);

}  // namespace tl::http
