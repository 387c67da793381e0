#include "proxy/pool.h"

namespace tl::proxy {

rt::Task<base::Result<PooledConnection>> Pool::acquire(const UpstreamRule& rule, const http::ClientLimits& client,
                                                       rt::Gate& connections, rt::Wait wait) {
    if (rule.protocol == Protocol::http2) {
        auto place = co_await share(rule.pool, client, connections, wait);
        co_return place;
    }
    if (auto kept = idle_one()) co_return std::move(*kept);
    auto stream = co_await open(rule.pool, wait);
    if (!stream) co_return base::fail(std::move(stream.error()));
    co_return PooledConnection{.connection = http::make_http1_client(std::move(*stream), client)};
}

std::optional<PooledConnection> Pool::idle_one() {
    while (!idle_.empty()) {
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

rt::Task<base::Result<std::unique_ptr<net::Stream>>> Pool::open(const PoolLimits& limits, rt::Wait wait) {
    const base::TimePoint connected_by = rt::this_loop().now() + limits.connect;
    auto stream = co_await net::connect(address_, wait.until(connected_by));
    if (!stream) {
        ++cell_->failed;
        // A deadline of the connect alone is the instance's fault, not the whole request's.
        const bool own_deadline = stream.error().code == base::Code::timeout && connected_by < wait.deadline;
        if (own_deadline) stream.error().code = base::Code::unreachable;
        co_return base::fail(std::move(stream.error()));
    }
    ++cell_->opened;
    ++cell_->open;
    co_return stream;
}

void Pool::give_back(PooledConnection connection, bool reusable, const PoolLimits& limits) {
    if (connection.shared) return;  // only its place: the connection is the others' too
    if (!reusable || retired_ || idle_.size() >= limits.idle) return count_closed();
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
