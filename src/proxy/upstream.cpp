#include "proxy/upstream.h"

#include <algorithm>

#include "base/log.h"
#include "base/units.h"

namespace tl::proxy {

namespace {

constexpr double kLeastShare = 0.1;  // of its weight, for an instance that starts slowly

}  // namespace

void Upstream::apply(const EndpointSetPtr& set, base::TimePoint now) {
    if (set_ != nullptr && set->revision < set_->revision) return;  // an older set that came late
    set_ = set;
    const bool first = current_.empty();  // there is nobody to start slowly beside
    for (Instance* instance : current_) instance->retired = true;
    const std::vector<Instance*> before = std::exchange(current_, {});
    records_.clear();
    bool joined = false;
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
        records_.push_back(&instance->outlier);
        joined = joined || std::ranges::find(before, instance) == before.end();
    }
    for (const auto& instance : all_) {
        if (instance->retired) instance->pool.retire();
        note_leaving(*instance, *set, now);
    }
    std::erase_if(all_, [](const auto& instance) { return instance->retired && instance->active == 0; });
    if (joined) breaker_.give_a_chance();
    ramp_up(now);
    arrange();
    note_ejected();
}

// One that is only unwell may get better, and its connections may be well: they stay.
void Upstream::note_leaving(Instance& instance, const EndpointSet& set, base::TimePoint now) const {
    const bool unwell = std::ranges::find(set.unwell, instance.id, &Endpoint::id) != set.unwell.end();
    if (!instance.retired || unwell) {
        instance.leaves_at = base::kNever;
        if (instance.over->requested()) instance.over.emplace();
    } else if (instance.leaves_at == base::kNever) {
        instance.leaves_at = base::deadline_after(now, rule_.tcp.drain);
    }
}

void Upstream::end_leaving(base::TimePoint now) {
    for (const auto& instance : all_) {
        if (now >= instance->leaves_at) instance->over->request();
    }
}

void Upstream::change_rule(const UpstreamRule& rule) {
    const bool same = rule_.balance == rule.balance;
    rule_ = rule;
    for (const auto& instance : all_) instance->pool.set_tls(rule_.tls);
    breaker_.change_rule(rule.breaker);
    detector_.change_rule(rule.outlier);
    note_ejected();
    if (same) return;
    ramping_ = true;  // the next sweep brings shares up to date
    arrange();
}

void Upstream::note_ejected() {
    size_t well = 0;
    for (Instance* instance : current_) {
        instance->ejected_until = instance->outlier.until();
        if (!instance->outlier.ejected()) ++well;
    }
    // The set may have shrunk to those that are ejected: better one of them than none.
    limiter_.change_rule(rule_.concurrency, well > 0 ? well : current_.size());
}

bool Upstream::has_other_than(std::span<const uint64_t> tried, telemetry::NameId version) const {
    return std::ranges::any_of(current_, [&](const Instance* instance) {
        const bool wanted = version == telemetry::kNoName || instance->version == version;
        return wanted && !instance->outlier.ejected() && std::ranges::find(tried, instance->serial) == tried.end();
    });
}

void Upstream::try_ended(Instance& instance, Verdict verdict, base::Duration took, base::TimePoint now) {
    if (detector_.try_ended(instance.outlier, verdict, took, now) && !instance.retired) eject(instance, now);
}

void Upstream::eject(Instance& instance, base::TimePoint now) {
    if (!detector_.eject(instance.outlier, records_, now)) return;
    TL_LOG(warning, "proxy", "{} gets no requests for {} on this thread: {}", instance.id,
           base::format_duration(std::chrono::ceil<std::chrono::milliseconds>(instance.outlier.until() - now)),
           instance.outlier.reason());
    note_ejected();
}

void Upstream::review(base::TimePoint now) {
    const OutlierDetector::Review found = detector_.review(records_, now);
    if (found.returned) note_ejected();
    if (found.worst == nullptr) return;
    for (Instance* instance : current_) {
        if (&instance->outlier == found.worst) eject(*instance, now);
    }
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
    end_leaving(now);
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
