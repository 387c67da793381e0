#include "proxy/upstream.h"

#include <algorithm>

namespace tl::proxy {

void Upstream::apply(const EndpointSetPtr& set) {
    if (set_ != nullptr && set->revision < set_->revision) return;  // an older set that came late
    set_ = set;
    for (Instance* instance : current_) instance->retired = true;
    current_.clear();
    for (const Endpoint& endpoint : set->endpoints) {
        Instance* instance = find(endpoint.id);
        if (instance == nullptr || instance->address != endpoint.address) {
            auto made = std::make_unique<Instance>();
            made->id = endpoint.id;
            made->serial = ++made_;
            made->name = names_->intern(endpoint.id);
            made->address = endpoint.address;
            instance = all_.emplace_back(std::move(made)).get();
        }
        instance->weight = endpoint.weight;
        instance->retired = false;
        current_.push_back(instance);
    }
    for (const auto& instance : all_) {
        if (instance->retired) close_idle(*instance);
    }
    std::erase_if(all_, [](const auto& instance) { return instance->retired && instance->active == 0; });
}

Instance* Upstream::find(std::string_view id) const {
    for (auto it = all_.rbegin(); it != all_.rend(); ++it) {
        if ((*it)->id == id) return it->get();
    }
    return nullptr;
}

Instance* Upstream::pick(base::Random& random, std::span<const uint64_t> tried) {
    const size_t count = current_.size();
    if (count == 0) return nullptr;
    if (!tried.empty()) return pick_untried(random, tried);
    if (count == 1) return current_[0];
    const uint32_t first = random.below(static_cast<uint32_t>(count));
    uint32_t second = random.below(static_cast<uint32_t>(count - 1));
    if (second >= first) ++second;
    Instance* a = current_[first];
    Instance* b = current_[second];
    return b->active < a->active ? b : a;
}

Instance* Upstream::pick_untried(base::Random& random, std::span<const uint64_t> tried) {
    // Retries are rare: one pass over all, from a random place so that they spread.
    const size_t count = current_.size();
    const size_t start = random.below(static_cast<uint32_t>(count));
    Instance* best = nullptr;
    for (size_t i = 0; i < count; ++i) {
        Instance* instance = current_[(start + i) % count];
        if (std::ranges::find(tried, instance->serial) != tried.end()) continue;
        if (best == nullptr || instance->active < best->active) best = instance;
    }
    return best != nullptr ? best : current_[start];
}

rt::Task<base::Result<PooledConnection>> Upstream::acquire(Instance& instance, const PoolLimits& limits,
                                                           const http::ClientLimits& client, rt::Wait wait) {
    while (!instance.idle.empty()) {
        PooledConnection pooled = std::move(instance.idle.back());
        instance.idle.pop_back();
        --cell_->idle;
        if (pooled.connection->alive()) {
            ++cell_->reused;
            pooled.reused = true;
            co_return pooled;
        }
        count_closed();
    }
    const base::TimePoint connected_by = rt::this_loop().now() + limits.connect;
    auto stream = co_await net::connect(instance.address, wait.until(connected_by));
    if (!stream) {
        ++cell_->failed;
        // A deadline of the connect alone is the instance's fault, not the whole request's.
        const bool own_deadline = stream.error().code == base::Code::timeout && connected_by < wait.deadline;
        if (own_deadline) stream.error().code = base::Code::unreachable;
        co_return base::fail(std::move(stream.error()));
    }
    ++cell_->opened;
    ++cell_->open;
    co_return PooledConnection{.connection = http::make_http1_client(std::move(*stream), client)};
}

void Upstream::put_back(Instance& instance, PooledConnection connection, const PoolLimits& limits) {
    if (instance.retired || instance.idle.size() >= limits.idle) return count_closed();
    connection.idle_since = rt::this_loop().now();
    instance.idle.push_back(std::move(connection));
    ++cell_->idle;
}

void Upstream::release(Instance& instance) {
    --instance.active;
    if (!instance.retired || instance.active > 0) return;
    close_idle(instance);
    std::erase_if(all_, [&](const auto& kept) { return kept.get() == &instance; });
}

void Upstream::close_idle(Instance& instance) {
    const auto count = static_cast<int64_t>(instance.idle.size());
    cell_->idle -= count;
    cell_->open -= count;
    cell_->closed += static_cast<uint64_t>(count);
    instance.idle.clear();
}

void Upstream::sweep(base::TimePoint now, const PoolLimits& limits) {
    for (Instance* instance : current_) {
        const size_t removed = std::erase_if(instance->idle, [&](const PooledConnection& pooled) {
            return now - pooled.idle_since > limits.idle_for || !pooled.connection->alive();
        });
        cell_->idle -= static_cast<int64_t>(removed);
        cell_->open -= static_cast<int64_t>(removed);
        cell_->closed += removed;
    }
}

uint32_t Upstream::in_flight(std::string_view instance) const {
    uint32_t count = 0;
    for (const auto& known : all_) {
        if (known->id == instance) count += known->active;
    }
    return count;
}

uint32_t Upstream::in_flight() const {
    uint32_t count = 0;
    for (const auto& known : all_) count += known->active;
    return count;
}

}  // namespace tl::proxy
