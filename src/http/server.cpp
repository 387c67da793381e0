#include "http/server.h"

#include "base/log.h"
#include "http/http1_session.h"
#include "http/http2_session.h"
#include "http/secure.h"
#include "http/version.h"

namespace tl::http {

namespace {

constexpr unsigned kAcceptedPerTurn = 64;
constexpr base::Duration kLastLook = std::chrono::milliseconds{50};  // for idle sessions to see that they are over
constexpr unsigned kMostQueued = 4096;  // the backlog: more only come while the queue is emptied

// Frames of their own: an idle connection of one version must not hold the memory of the other's session.
rt::Task<void> run_http1(Server& server, std::unique_ptr<net::Stream> stream, const net::Address& peer,
                         base::Buffer early) {
    Http1Session session{server, std::move(stream), peer, std::move(early)};
    co_await session.run();
}

rt::Task<void> run_http2(Server& server, std::unique_ptr<net::Stream> stream, const net::Address& peer,
                         base::Buffer early) {
    Http2ServerSession session{server, std::move(stream), peer};
    co_await session.run(std::move(early));
}

}  // namespace

base::Result<void> Server::start(int listener_fd) {
    TL_TRY(listener_.start(listener_fd));
    gate_.spawn("accept", accept_loop());
    return {};
}

void Server::serve(std::unique_ptr<net::Stream> stream) { run(std::move(stream), {}); }

void Server::run(std::unique_ptr<net::Stream> stream, const ClientKey& counted, bool announced) {
    if (gate_.is_closed()) return clients_.give(counted);
    ++stats_.accepted;
    ++stats_.open;
    const net::Address peer = stream->peer();
    gate_.spawn("session", announced ? run_announced(std::move(stream)) : run_session(std::move(stream), peer),
                [this, counted] {
                    --stats_.open;
                    clients_.give(counted);
                });
}

// The peer is a balancer: the client that it names is the one that is counted.
rt::Task<void> Server::run_announced(std::unique_ptr<net::Stream> stream) {
    const ProxyProtocolPtr rule = proxied_;
    const rt::Wait wait = rt::this_loop().within(limits_.head_deadline, &idle_cancel_);
    const auto announced = co_await read_announced(*stream, rule->required, wait);
    if (!announced) {
        ++stats_.refused_heads;
        co_return;
    }
    const net::Address peer = *announced ? **announced : stream->peer();
    const uint32_t most = *announced ? limits_.connections_per_client : 0;
    const ClientKey client = most == 0 ? ClientKey{} : ClientKey::of(peer);
    if (!clients_.take(client, most)) {
        ++stats_.turned_away;
        co_return;
    }
    co_await run_session(std::move(stream), peer);
    clients_.give(client);
}

void Server::set_tls(net::TlsServerPtr tls, const net::TlsLimits& limits) {
    secure_ = tls != nullptr;
    if (!secure_) return;
    if (tls_ == nullptr) {
        tls_ = std::make_unique<net::TlsAcceptor>(std::move(tls), limits);
    } else {
        tls_->change(std::move(tls), limits);
    }
}

// Which version the client speaks was agreed on under TLS, or is known by its first bytes.
rt::Task<void> Server::run_session(std::unique_ptr<net::Stream> stream, net::Address peer) {
    if (secure_) stream = co_await secure(*tls_, std::move(stream), &hard_cancel_);
    if (stream == nullptr) co_return;
    base::Buffer early;
    const rt::Wait wait = rt::this_loop().within(limits_.head_deadline, &idle_cancel_);
    const Version version = co_await choose_version(*stream, stream->alpn(), early, wait);
    switch (version) {
        case Version::http1: co_return co_await run_http1(*this, std::move(stream), peer, std::move(early));
        case Version::http2: co_return co_await run_http2(*this, std::move(stream), peer, std::move(early));
        case Version::foreign: ++stats_.refused_heads; break;
        case Version::none: break;
    }
}

// Beyond a cap a connection is closed at once: the client sees it and can go elsewhere.
void Server::admit(std::unique_ptr<net::Stream> stream) {
    const bool announced = proxied_ != nullptr && proxied_->from.contains(stream->peer());
    const uint32_t most = announced ? 0 : limits_.connections_per_client;
    const ClientKey client = most == 0 ? ClientKey{} : ClientKey::of(stream->peer());
    if (stats_.open < most_connections_ && clients_.take(client, most)) {
        run(std::move(stream), client, announced);
    } else {
        ++stats_.turned_away;
    }
}

rt::Task<void> Server::accept_loop() {
    for (unsigned accepted = 1;; ++accepted) {
        auto stream = co_await listener_.accept({base::kNever, &accept_cancel_});
        if (!stream) co_return;
        admit(std::move(*stream));
        // In a flood of connections those that are open have their turn too.
        if (accepted % kAcceptedPerTurn == 0) co_await rt::yield();
    }
}

// What waits in the kernel's queue would be reset with the listener, though its request may be there already.
rt::Task<void> Server::empty_queue() {
    for (unsigned taken = 0; listener_.is_open() && taken < kMostQueued; ++taken) {
        auto stream = co_await listener_.accept({rt::this_loop().now(), nullptr});
        if (!stream) co_return;
        admit(std::move(*stream));
    }
}

rt::Task<void> Server::stop(base::TimePoint deadline) {
    accept_cancel_.request();
    co_await empty_queue();
    listener_.close();
    idle_cancel_.request();
    co_await finish(deadline);
}

rt::Task<void> Server::drain(base::TimePoint deadline) {
    accept_cancel_.request();
    listener_.close();
    draining_ = true;
    notice_cancel_.request();  // HTTP/2 has a word for it, so idle sessions need not wait for a request
    const rt::Wake drained = co_await gate_.closed({deadline, nullptr});
    if (drained == rt::Wake::ready) co_return;
    idle_cancel_.request();
    co_await finish(rt::this_loop().now() + kLastLook);
}

rt::Task<void> Server::finish(base::TimePoint deadline) {
    const rt::Wake drained = co_await gate_.closed({deadline, nullptr});
    if (drained == rt::Wake::ready) co_return;
    if (stats_.open > 0)
        TL_LOG(info, "http", "{} connections did not end within the grace and are closed", stats_.open);
    hard_cancel_.request();
    co_await gate_.closed();
}

rt::Task<base::Result<void>> reply(ServerExchange& exchange, uint16_t status, std::string_view content_type,
                                   std::string_view body) {
    codec::HeaderTable headers;
    headers.add("Content-Type", content_type);
    const OutgoingResponse response{
        .status = status, .headers = &headers, .length = {BodyLength::Kind::known, body.size()}};
    const auto sent = co_await exchange.send(response, {body, true});
    co_return sent;
}

rt::Task<base::Result<std::string>> read_all(ServerExchange& exchange, size_t most) {
    std::string body;
    if (exchange.request().expect_continue) {
        const auto invited = co_await exchange.send_informational({.status = 100});
        if (!invited) co_return base::fail(invited.error());
    }
    for (;;) {
        const auto piece = co_await exchange.read({base::kNever, &exchange.cancel()});
        if (!piece) co_return base::fail(piece.error());
        if (body.size() + piece->data.size() > most) {
            co_return base::fail(base::Code::too_large, "the body is larger than allowed here");
        }
        body += piece->data;
        if (piece->end) co_return body;
    }
}

}  // namespace tl::http
