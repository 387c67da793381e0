#include "proxy/upstream.h"

#include <algorithm>

namespace tl::proxy {

namespace {

constexpr double kLeastShare = 0.1;  // of its weight, for an instance that starts slowly

}  // namespace

void Upstream::apply(const EndpointSetPtr& set, base::TimePoint now) {
    if (set_ != nullptr && set->revision < set_->revision) return;  // an older set that came late
    set_ = set;
    const bool first = current_.empty();  // there is nobody to start slowly beside
    for (Instance* instance : current_) instance->retired = true;
    current_.clear();
    for (const Endpoint& endpoint : set->endpoints) {
        Instance* instance = find(endpoint.id);
        if (instance == nullptr || instance->pool.address() != endpoint.address) {
            instance = all_.emplace_back(std::make_unique<Instance>(endpoint.address, *cell_)).get();
            instance->id = endpoint.id;
            instance->serial = ++made_;
            instance->name = names_->intern(endpoint.id);
            instance->joined = first ? base::TimePoint{} : now;
        }
        instance->version = names_->intern(endpoint.version);
        instance->zone = names_->intern(endpoint.zone);
        instance->weight = endpoint.weight;
        instance->pool.set_host(endpoint.host);
        instance->pool.set_tls(rule_.tls);
        instance->retired = false;
        instance->pool.revive();
        current_.push_back(instance);
    }
    for (const auto& instance : all_) {
        if (instance->retired) instance->pool.retire();
    }
    std::erase_if(all_, [](const auto& instance) { return instance->retired && instance->active == 0; });
    ramp_up(now);
    arrange();
}

void Upstream::change_rule(const UpstreamRule& rule) {
    const bool same = rule_.balance == rule.balance;
    rule_ = rule;
    for (const auto& instance : all_) instance->pool.set_tls(rule_.tls);
    if (same) return;
    ramping_ = true;  // the next sweep brings shares up to date
    arrange();
}

// Failing quickly must not look like being quick.
void Upstream::observe_latency(Instance& instance, Outcome outcome, base::Duration took) {
    if (outcome != Outcome::success) took = std::max(took, Latency::kOfFailure);
    instance.latency.observe(took, rt::this_loop().now());
}

void Upstream::arrange() {
    for (Instance* instance : current_) {
        const auto& sticky = rule_.balance.sticky;
        instance->token = sticky ? base::hash(instance->id, sticky->secret) : 0;
    }
    std::vector<Absent> absent;
    if (set_ != nullptr) {
        for (const Endpoint& endpoint : set_->unwell) {
            absent.push_back({names_->intern(endpoint.version), names_->intern(endpoint.zone), endpoint.weight});
        }
    }
    BalanceRule rule = rule_.balance;
    // Nobody knows who is well, so a zone may be dead as a whole: all share.
    if (panic()) rule.prefer_zone = false;
    subsets_.build(current_, absent, rule, random_);
}

bool Upstream::ramp_up(base::TimePoint now) {
    const base::Duration over = rule_.balance.slow_start;
    bool changed = false;
    ramping_ = false;
    for (Instance* instance : current_) {
        const base::Duration age = now - instance->joined;
        double share = instance->weight;
        if (age < over) {
            ramping_ = true;
            share *= std::max(kLeastShare, static_cast<double>(age.count()) / static_cast<double>(over.count()));
        }
        changed |= share != instance->share;
        instance->share = share;
    }
    return changed;
}

Instance* Upstream::find_token(uint64_t token) const {
    const auto found = std::ranges::find(current_, token, &Instance::token);
    return found == current_.end() ? nullptr : *found;
}

Instance* Upstream::find(std::string_view id) const {
    for (auto it = all_.rbegin(); it != all_.rend(); ++it) {
        if ((*it)->id == id) return it->get();
    }
    return nullptr;
}

void Upstream::release(Instance& instance) {
    --instance.active;
    if (!instance.retired || instance.active > 0) return;
    std::erase_if(all_, [&](const auto& kept) { return kept.get() == &instance; });
}

void Upstream::sweep(base::TimePoint now) {
    for (Instance* instance : current_) instance->pool.sweep(now, rule_.pool);
    if (ramping_ && ramp_up(now)) subsets_.reweigh();
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
