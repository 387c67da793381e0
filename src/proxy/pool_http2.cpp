// The shared connections of a pool: who gets a place where, and when another connection is opened.
#include <algorithm>

#include "proxy/pool.h"

namespace tl::proxy {

// The one with the fewest requests, of those that take one more.
http::Http2Client* Pool::roomiest() const {
    http::Http2Client* best = nullptr;
    for (http::Http2Client* client : shared_) {
        if (client->has_room() && (best == nullptr || client->active() < best->active())) best = client;
    }
    return best;
}

// One connection is opened at a time: whoever comes meanwhile waits for it, and fails with it.
rt::Task<base::Result<PooledConnection>> Pool::share(const PoolLimits& limits, const http::ClientLimits& client,
                                                     rt::Gate& connections, rt::Wait wait) {
    for (;;) {
        if (http::Http2Client* const free = roomiest()) {
            ++cell_->reused;
            co_return PooledConnection{.connection = free->lend(), .reused = true, .shared = true};
        }
        if (opening_ || shared_.size() >= limits.shared) {
            const uint64_t failures = failures_;
            const rt::Wake wake = co_await changed_.wait(wait);
            if (wake != rt::Wake::ready) co_return base::fail(rt::wake_error(wake, "waiting for a connection"));
            if (failures_ != failures) co_return base::fail(*last_failure_);
            continue;
        }
        opening_ = true;
        // For all who wait: the deadline of one of them, or its cancel, must not end it for the others.
        const net::TlsClientPtr tls = tls_;
        auto stream = co_await open(limits, tls, {}, {base::kNever, nullptr});
        opening_ = false;
        if (!stream) {
            ++failures_;
            last_failure_ = stream.error();
            changed_.notify_all();
            co_return base::fail(std::move(stream.error()));
        }
        const http::Http2Client::Options options{
            .limits = client, .idle_for = limits.shared_idle_for, .scheme = tls == nullptr ? "http" : "https"};
        http::Http2Client& opened = http::Http2Client::start(connections, std::move(*stream), options, this);
        PooledConnection place{.connection = opened.lend(), .shared = true};
        shared_.push_back(&opened);
        if (retired_ || tls != tls_) let_go();  // meanwhile: for this request only
        changed_.notify_all();
        co_return place;
    }
}

void Pool::on_room(http::Http2Client& /*client*/) { changed_.notify_all(); }

void Pool::on_gone(http::Http2Client& client) {
    std::erase(shared_, &client);
    count_closed();
    changed_.notify_all();
}

void Pool::let_go() {
    for (http::Http2Client* client : shared_) {
        client->let_go();
        count_closed();
    }
    shared_.clear();
}

}  // namespace tl::proxy
