#include "proxy/pool.h"

namespace tl::proxy {

rt::Task<base::Result<PooledConnection>> Pool::acquire(const UpstreamRule& rule, const http::ClientLimits& client,
                                                       rt::Gate& connections, rt::Wait wait) {
    if (rule.protocol == Protocol::http2) {
        auto place = co_await share(rule.pool, client, connections, wait);
        co_return place;
    }
    if (auto kept = try_acquire(rule)) co_return std::move(*kept);
    net::TlsClientPtr tls = tls_;  // a reload may put others in its place
    auto stream = co_await open(rule.pool, tls, {}, wait);
    if (!stream) co_return base::fail(std::move(stream.error()));
    co_return PooledConnection{.connection = http::make_http1_client(std::move(*stream), client),
                               .tls = std::move(tls)};
}

std::optional<PooledConnection> Pool::try_acquire(const UpstreamRule& rule) {
    while (!idle_.empty() && rule.protocol != Protocol::http2) {
        PooledConnection pooled = std::move(idle_.back());
        idle_.pop_back();
        --cell_->idle;
        if (pooled.connection->alive()) {
            ++cell_->reused;
            pooled.reused = true;
            return pooled;
        }
        count_closed();
    }
    return std::nullopt;
}

rt::Task<base::Result<std::unique_ptr<net::Stream>>> Pool::open_own(const PoolLimits& limits, std::string preamble,
                                                                    rt::Wait wait) {
    return open(limits, tls_, std::move(preamble), wait);
}

// Counted as one; `connect` makes it.
rt::Task<base::Result<std::unique_ptr<net::Stream>>> Pool::open(const PoolLimits& limits, net::TlsClientPtr tls,
                                                                std::string preamble, rt::Wait wait) {
    auto stream = co_await connect(limits, std::move(tls), std::move(preamble), wait);
    if (stream) {
        ++cell_->opened;
        ++cell_->open;
    } else {
        ++cell_->failed;
    }
    co_return stream;
}

// A deadline of the connect or the handshake alone is the instance's fault, not the whole request's.
rt::Task<base::Result<std::unique_ptr<net::Stream>>> Pool::connect(const PoolLimits& limits, net::TlsClientPtr tls,
                                                                   std::string preamble, rt::Wait wait) {
    const auto blame = [&](base::Error& error, base::TimePoint own) {
        if (error.code == base::Code::timeout && own < wait.deadline) error.code = base::Code::unreachable;
    };
    const base::TimePoint connected_by = rt::this_loop().now() + limits.connect;
    const net::Shortcut shortcut = tls == nullptr ? limits.shortcut : net::Shortcut{};
    auto stream = co_await net::connect(address_, wait.until(connected_by), shortcut);
    if (!stream) blame(stream.error(), connected_by);
    if (!stream) co_return stream;
    auto told = co_await (*stream)->write_all(preamble, wait.until(connected_by));
    if (!told) co_return base::fail(std::move(told.error()).at(base::Side::upstream));
    if (tls == nullptr) co_return stream;
    if (session_ == nullptr) session_ = net::make_tls_session();
    const base::TimePoint secure_by = rt::this_loop().now() + limits.handshake;
    std::string host = host_.empty() ? address_.ip() : host_;
    auto secured =
        co_await net::tls_connect(std::move(*stream), std::move(tls), std::move(host), session_, wait.until(secure_by));
    if (!secured) blame(secured.error(), secure_by);
    co_return secured;
}

void Pool::set_tls(const net::TlsClientPtr& tls) {
    if (tls == tls_) return;
    tls_ = tls;
    session_.reset();  // it was verified by other rules
    close_idle();
    let_go();
}

void Pool::give_back(PooledConnection connection, bool reusable, const PoolLimits& limits) {
    if (connection.shared) return;  // only its place: the connection is the others' too
    if (!reusable || retired_ || connection.tls != tls_ || idle_.size() >= limits.idle) return count_closed();
    connection.idle_since = rt::this_loop().now();
    idle_.push_back(std::move(connection));
    ++cell_->idle;
}

void Pool::close_idle() {
    const auto count = static_cast<int64_t>(idle_.size());
    cell_->idle -= count;
    cell_->open -= count;
    cell_->closed += static_cast<uint64_t>(count);
    idle_.clear();
}

void Pool::sweep(base::TimePoint now, const PoolLimits& limits) {
    const size_t removed = std::erase_if(idle_, [&](const PooledConnection& pooled) {
        return now - pooled.idle_since > limits.idle_for || !pooled.connection->alive();
    });
    cell_->idle -= static_cast<int64_t>(removed);
    cell_->open -= static_cast<int64_t>(removed);
    cell_->closed += removed;
}

}  // namespace tl::proxy
