#include "proxy/engine.h"

#include <algorithm>

#include "proxy/protection_config.h"

namespace tl::proxy {

using namespace std::chrono_literals;

Engine::Engine(telemetry::NameTable& names, SharedTrials& trials, OutcomeReporter report, size_t records,
               uint32_t threads)
    : names_(&names), trials_(&trials), report_(std::move(report)), threads_(threads), records_(records) {
    client_limits_.body_idle = 24h;  // a route's stream_idle says how long an answer may be silent
    gate_.spawn("sweep idle connections", sweep_loop());
    gate_.spawn("review instances", review_loop());
}

Engine::~Engine() = default;

void Engine::set_upstream(const std::string& service, telemetry::NameId id, telemetry::PoolId pool,
                          const UpstreamRule& rule) {
    // A name that found no room in the table shares its id with others: better no instance than another service's.
    if (names_->text(id) != service) return;
    leaving_.erase(id);
    if (upstream(id) == nullptr) {
        if (id >= upstreams_.size()) upstreams_.resize(id + 1);
        upstreams_[id] = std::make_unique<Upstream>(service, *names_, metrics_.pool(pool), trials_->of(service));
        by_service_[service] = upstreams_[id].get();
    }
    UpstreamRule ours = rule;
    ours.concurrency = part_of(rule.concurrency, threads_);
    upstreams_[id]->change_rule(ours);
}

void Engine::keep_upstreams(const std::vector<telemetry::NameId>& used, std::vector<std::weak_ptr<const Door>> former) {
    for (telemetry::NameId id = 0; id < upstreams_.size(); ++id) {
        if (upstreams_[id] == nullptr || std::ranges::binary_search(used, id)) continue;
        leaving_.try_emplace(id, former);  // one that is leaving already knows its doors
    }
    remove_left();
}

void Engine::remove_left() {
    std::erase_if(leaving_, [this](const auto& item) {
        const auto& [id, doors] = item;
        const bool used = std::ranges::any_of(doors, [](const auto& door) { return !door.expired(); });
        if (used || upstreams_[id]->in_flight() > 0) return false;
        by_service_.erase(upstreams_[id]->service());
        upstreams_[id].reset();
        return true;
    });
}

void Engine::apply_endpoints(const EndpointSetPtr& set) {
    const auto found = by_service_.find(set->service);
    if (found != by_service_.end()) found->second->apply(set, rt::this_loop().now());
}

uint32_t Engine::in_flight(std::string_view service, std::string_view instance) const {
    const auto found = by_service_.find(service);
    return found == by_service_.end() ? 0 : found->second->in_flight(instance);
}

std::vector<ProtectionView> Engine::protection() const {
    std::vector<ProtectionView> views;
    for (const auto& [service, upstream] : by_service_) views.push_back(view_of(*upstream, rt::this_loop().now()));
    return views;
}

void Engine::report(const Upstream& upstream, Instance& instance, Outcome outcome) {
    const bool failed = outcome != Outcome::success && outcome != Outcome::failure;
    if (!failed && !instance.failing) return;
    instance.failing = failed;
    if (report_) report_({upstream.service(), instance.id, outcome});
}

rt::Task<void> Engine::sweep_loop() {
    for (;;) {
        const rt::Wake wake = co_await rt::sleep(1s, &cancel_);
        if (wake == rt::Wake::cancelled) co_return;
        for (const auto& [service, upstream] : by_service_) upstream->sweep(rt::this_loop().now());
        remove_left();
    }
}

// Ejects and takes back instances of services that have no request at the moment, too.
rt::Task<void> Engine::review_loop() {
    for (;;) {
        const rt::Wake wake = co_await rt::sleep(250ms, &cancel_);
        if (wake == rt::Wake::cancelled) co_return;
        for (const auto& [service, upstream] : by_service_) upstream->review(rt::this_loop().now());
    }
}

rt::Task<void> Engine::stop() {
    cancel_.request();
    co_await mirrors_.stop();
    co_await gate_.closed();
    by_service_.clear();
    upstreams_.clear();
    co_await connections_.closed();
}

}  // namespace tl::proxy
