#include "proxy/balancer.h"

#include <algorithm>

namespace tl::proxy {

namespace {

constexpr size_t kMostMembers = UINT16_MAX;  // the tables hold 16 bits; the registry allows far fewer

bool usable(const Instance& instance, const Pick& want) {
    if (instance.ejected_until > want.now || instance.taken(want.protocol) >= want.most_waiting) [[unlikely]]
        return false;
    return want.tried.empty() || std::ranges::find(want.tried, instance.serial) == want.tried.end();
}

// One more request would be this much to it.
double load_of(const Instance& instance) { return (instance.active + 1.0) / instance.share; }

std::vector<Weighted> weighted(std::span<Instance* const> members) {
    std::vector<Weighted> all;
    for (const Instance* member : members) all.push_back({base::hash(member->id), static_cast<double>(member->weight)});
    return all;
}

}  // namespace

void Balancer::build(std::vector<Instance*> members, const BalanceRule& rule, base::Random& random) {
    policy_ = rule.policy;
    members_ = std::move(members);
    if (members_.size() > kMostMembers) members_.resize(kMostMembers);
    // In one order everywhere, so that every core and gateway makes the same tables of the same instances.
    if (rule.hashes()) std::ranges::sort(members_, {}, &Instance::id);
    turns_.clear();
    ring_.build(policy_ == Policy::ring_hash ? weighted(members_) : std::vector<Weighted>{});
    maglev_.build(policy_ == Policy::maglev ? weighted(members_) : std::vector<Weighted>{});
    if (policy_ == Policy::round_robin) turns_.build(shares(), random);
    reweigh();
}

void Balancer::reweigh() {
    const std::vector<double> all = shares();
    const bool equal = std::ranges::adjacent_find(all, std::ranges::not_equal_to{}) == all.end();
    alias_.clear();
    if (policy_ == Policy::round_robin) return turns_.change(all);
    if (!equal) alias_.build(all);
}

std::vector<double> Balancer::shares() const {
    std::vector<double> all;
    for (const Instance* member : members_) all.push_back(member->share);
    return all;
}

Instance* Balancer::pick(const Pick& want) {
    if (members_.empty()) return nullptr;
    if (want.hash) {
        if (policy_ == Policy::ring_hash) return by_hash(ring_, want);
        if (policy_ == Policy::maglev) return by_hash(maglev_, want);
    }
    if (policy_ == Policy::round_robin) return by_turns(want);
    return want.tried.empty() ? by_two_choices(want) : least_loaded(want);
}

// Power of two choices (Mitzenmacher 2001): of two taken at random the one with less to do. Taken as often as their
// weights say, so that idle instances get their share, and compared by requests for each unit of weight.
Instance* Balancer::by_two_choices(const Pick& want) {
    const auto count = static_cast<uint32_t>(members_.size());
    if (count == 1) return usable(*members_[0], want) ? members_[0] : nullptr;
    Instance* a = nullptr;
    Instance* b = nullptr;
    if (alias_.empty()) {
        const uint32_t first = want.random.below(count);
        uint32_t second = want.random.below(count - 1);
        if (second >= first) ++second;
        a = members_[first];
        b = members_[second];
    } else {
        a = members_[alias_.sample(want.random)];
        b = members_[alias_.sample(want.random)];
    }
    const bool a_usable = usable(*a, want);
    const bool b_usable = usable(*b, want);
    if (a_usable && b_usable) [[likely]]
        return better_of(a, b, want.now);
    if (a_usable || b_usable) return a_usable ? a : b;
    return least_loaded(want);
}

Instance* Balancer::better_of(Instance* a, Instance* b, base::TimePoint now) const {
    if (policy_ == Policy::peak_ewma) {
        // Nothing known yet: it counts as quick, until it is busy.
        const double cost_a = (a->latency.at(now) + 1) * (1 + a->active / a->share);
        const double cost_b = (b->latency.at(now) + 1) * (1 + b->active / b->share);
        return cost_b < cost_a ? b : a;
    }
    if (alias_.empty()) return b->active < a->active ? b : a;
    // Ties go to the first, or weights would count twice.
    return b->active * a->share < a->active * b->share ? b : a;
}

Instance* Balancer::by_turns(const Pick& want) {
    for (size_t i = 0; i < members_.size(); ++i) {
        Instance* const instance = members_[turns_.next()];
        if (usable(*instance, want)) return instance;
    }
    // With unequal weights a round is longer than that.
    return least_loaded(want);
}

// The first usable one from the place of the hash on: the requests of one that is ejected spread over all others.
template <class Table>
Instance* Balancer::by_hash(const Table& table, const Pick& want) {
    const size_t size = table.size();
    size_t place = table.place(*want.hash);
    const size_t steps = std::min(size, 16 * members_.size());
    for (size_t i = 0; i < steps; ++i) {
        Instance* const instance = members_[table.member(place)];
        if (usable(*instance, want)) [[likely]]
            return instance;
        place = place + 1 == size ? 0 : place + 1;
    }
    return least_loaded(want);
}

// Retries and ejections are rare: one pass over all, from a random place so that equals share.
Instance* Balancer::least_loaded(const Pick& want) const {
    const size_t count = members_.size();
    const size_t start = want.random.below(static_cast<uint32_t>(count));
    Instance* best = nullptr;
    for (size_t i = 0; i < count; ++i) {
        Instance* const instance = members_[(start + i) % count];
        if (!usable(*instance, want)) continue;
        if (best == nullptr || load_of(*instance) < load_of(*best)) best = instance;
    }
    return best;
}

}  // namespace tl::proxy
