#include "proxy/tcp_server.h"

#include <fmt/format.h>

#include "base/buffer.h"
#include "base/log.h"

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

constexpr unsigned kAcceptedPerTurn = 64;
constexpr unsigned kMostQueued = 4096;       // the backlog: more only come while the queue is emptied
constexpr base::Duration kBetweenLogs = 1s;  // of refusals: a client that comes again and again must not fill the log

}  // namespace

base::Result<void> TcpServer::start(int listener_fd) {
    TL_TRY(listener_.start(listener_fd));
    gate_.spawn("accept", accept_loop());
    return {};
}

void TcpServer::set_tls(net::TlsServerPtr tls, const net::TlsLimits& limits) {
    secure_ = tls != nullptr;
    if (!secure_) return;
    if (tls_ == nullptr) {
        tls_ = std::make_unique<net::TlsAcceptor>(std::move(tls), limits);
    } else {
        tls_->change(std::move(tls), limits);
    }
}

rt::Task<void> TcpServer::accept_loop() {
    for (unsigned accepted = 1;; ++accepted) {
        auto stream = co_await listener_.accept({base::kNever, &accept_cancel_});
        if (!stream) co_return;
        admit(std::move(*stream));
        // In a flood of connections those that are open have their turn too.
        if (accepted % kAcceptedPerTurn == 0) co_await rt::yield();
    }
}

// Beyond a cap a connection is closed at once: the client sees it and can go elsewhere.
void TcpServer::admit(std::unique_ptr<net::Stream> stream) {
    const bool announced = proxied_ != nullptr && proxied_->from.contains(stream->peer());
    const uint32_t most = announced ? 0 : limits_.connections_per_client;
    const http::ClientKey client = most == 0 ? http::ClientKey{} : http::ClientKey::of(stream->peer());
    if (stats_.open < limits_.connections && clients_.take(client, most)) {
        run(std::move(stream), client, announced);
    } else {
        ++stats_.turned_away;
        stream->reset_on_close();
    }
}

void TcpServer::run(std::unique_ptr<net::Stream> stream, const http::ClientKey& counted, bool named) {
    if (gate_.is_closed()) return clients_.give(counted);
    ++stats_.accepted;
    ++stats_.open;
    const net::Address peer = stream->peer();
    gate_.spawn("connection", named ? announced(std::move(stream)) : connection(std::move(stream), peer),
                [this, counted] {
                    --stats_.open;
                    clients_.give(counted);
                });
}

// The peer is a balancer: the client that it names is the one that is counted.
rt::Task<void> TcpServer::announced(std::unique_ptr<net::Stream> stream) {
    const http::ProxyProtocolPtr rule = proxied_;
    const rt::Wait wait = rt::this_loop().within(limits_.announced_within, &hard_cancel_);
    const auto named = co_await http::read_announced(*stream, rule->required, wait);
    if (!named) {
        ++stats_.turned_away;
        co_return;
    }
    const net::Address peer = *named ? **named : stream->peer();
    const uint32_t most = *named ? limits_.connections_per_client : 0;
    const http::ClientKey client = most == 0 ? http::ClientKey{} : http::ClientKey::of(peer);
    if (!clients_.take(client, most)) {
        ++stats_.turned_away;
        co_return;
    }
    co_await connection(std::move(stream), peer);
    clients_.give(client);
}

rt::Task<void> TcpServer::connection(std::unique_ptr<net::Stream> stream, net::Address peer) {
    const DoorPtr door = door_;
    if (secure_) {
        auto accepted = co_await tls_->accept(std::move(stream), &hard_cancel_);
        if (accepted.stream == nullptr) co_return;  // counted and told by the acceptor
        stream = std::move(accepted.stream);
    }
    TcpConnection one{*engine_, door, std::move(stream), peer, hard_cancel_};
    open_.push_back(one);
    const bool full = base::short_of_memory(limits_.memory);
    const Denial no_memory{.cause = Cause::out_of_memory, .detail = "three quarters of gateway.limits.memory are used"};
    const auto& denial = door->tcp->denial;
    co_await one.run(denial ? &*denial : full ? &no_memory : nullptr);
    tell(one);
}

void TcpServer::tell(const TcpConnection& connection) {
    const Denial& refusal = connection.refusal();
    if (refusal.cause == Cause::none || refusal.cause == Cause::client_gone) return;
    const base::TimePoint now = rt::this_loop().now();
    if (now < next_log_) {
        ++untold_;
        return;
    }
    next_log_ = now + kBetweenLogs;
    const uint64_t more = std::exchange(untold_, 0);
    TL_LOG(warning, "proxy", "{}: a connection was refused ({}): {}{}", door_->tcp->name, info(refusal.cause).code,
           refusal.detail, more == 0 ? "" : fmt::format("; {} more before it", more));
}

void TcpServer::count_bytes() {
    open_.for_each([](TcpConnection& one) { one.count_bytes(); });
}

// What waits in the kernel's queue would be reset with the listener.
rt::Task<void> TcpServer::empty_queue() {
    for (unsigned taken = 0; listener_.is_open() && taken < kMostQueued; ++taken) {
        auto stream = co_await listener_.accept({rt::this_loop().now(), nullptr});
        if (!stream) co_return;
        admit(std::move(*stream));
    }
}

rt::Task<void> TcpServer::stop(base::TimePoint deadline) {
    accept_cancel_.request();
    co_await empty_queue();
    co_await drain(deadline);
}

rt::Task<void> TcpServer::drain(base::TimePoint deadline) {
    accept_cancel_.request();
    listener_.close();
    const rt::Wake drained = co_await gate_.closed({deadline, nullptr});
    if (drained == rt::Wake::ready) co_return;
    TL_LOG(info, "proxy", "{}: {} connections did not end within the grace and are reset", door_->tcp->name,
           stats_.open);
    hard_cancel_.request();
    co_await gate_.closed();
}

}  // namespace tl::proxy
