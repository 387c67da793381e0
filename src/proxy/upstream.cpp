#include "proxy/upstream.h"

#include <algorithm>

#include "base/log.h"
#include "base/units.h"

namespace tl::proxy {

void Upstream::apply(const EndpointSetPtr& set) {
    if (set_ != nullptr && set->revision < set_->revision) return;  // an older set that came late
    set_ = set;
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
        }
        instance->weight = endpoint.weight;
        instance->retired = false;
        instance->pool.revive();
        current_.push_back(instance);
        records_.push_back(&instance->outlier);
        joined = joined || std::ranges::find(before, instance) == before.end();
    }
    for (const auto& instance : all_) {
        if (instance->retired) instance->pool.retire();
    }
    std::erase_if(all_, [](const auto& instance) { return instance->retired && instance->active == 0; });
    if (joined) breaker_.give_a_chance();
    leave_out_ejected();
}

void Upstream::change_rule(const UpstreamRule& rule) {
    rule_ = rule;
    breaker_.change_rule(rule.breaker);
    detector_.change_rule(rule.outlier);
    leave_out_ejected();
}

void Upstream::leave_out_ejected() {
    well_.clear();
    for (Instance* instance : current_) {
        instance->ejected_until = instance->outlier.until();
        if (!instance->outlier.ejected()) well_.push_back(instance);
    }
    // The set may have shrunk to those that are ejected: better one of them than none.
    if (well_.empty()) well_ = current_;
    limiter_.change_rule(rule_.concurrency, well_.size());
}

bool Upstream::has_other_than(std::span<const uint64_t> tried) const {
    return std::ranges::any_of(
        well_, [&](const Instance* instance) { return std::ranges::find(tried, instance->serial) == tried.end(); });
}

void Upstream::try_ended(Instance& instance, Verdict verdict, base::Duration took, base::TimePoint now) {
    if (detector_.try_ended(instance.outlier, verdict, took, now) && !instance.retired) eject(instance, now);
}

void Upstream::eject(Instance& instance, base::TimePoint now) {
    if (!detector_.eject(instance.outlier, records_, now)) return;
    TL_LOG(warning, "proxy", "{} gets no requests for {} on this thread: {}", instance.id,
           base::format_duration(std::chrono::ceil<std::chrono::milliseconds>(instance.outlier.until() - now)),
           instance.outlier.reason());
    leave_out_ejected();
}

void Upstream::review(base::TimePoint now) {
    const OutlierDetector::Review found = detector_.review(records_, now);
    if (found.returned) leave_out_ejected();
    if (found.worst == nullptr) return;
    for (Instance* instance : current_) {
        if (&instance->outlier == found.worst) eject(*instance, now);
    }
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
