#include "proxy/upstream.h"

namespace tl::proxy {

void Upstream::apply(const EndpointSetPtr& set) {
    if (set_ != nullptr && set->revision < set_->revision) return;  // an older set that came late
    set_ = set;
    for (Instance* instance : current_) instance->retired = true;
    current_.clear();
    for (const Endpoint& endpoint : set->endpoints) {
        Instance* instance = find(endpoint.id);
        if (instance == nullptr || instance->pool.address() != endpoint.address) {
            instance = all_.emplace_back(std::make_unique<Instance>(endpoint.address, *cell_)).get();
            instance->id = endpoint.id;
            instance->serial = ++made_;
            instance->name = names_->intern(endpoint.id);
        }
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
}

void Upstream::change_rule(const UpstreamRule& rule) {
    rule_ = rule;
    for (const auto& instance : all_) instance->pool.set_tls(rule_.tls);
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
