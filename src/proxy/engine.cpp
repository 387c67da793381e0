#include "proxy/engine.h"

namespace tl::proxy {

using namespace std::chrono_literals;

Engine::Engine(telemetry::NameTable& names, OutcomeReporter report, size_t records)
    : names_(&names), report_(std::move(report)), records_(records) {
    client_limits_.body_idle = 24h;  // a route's stream_idle says how long an answer may be silent
    gate_.spawn("sweep idle connections", sweep_loop());
}

Engine::~Engine() = default;

void Engine::set_upstream(const std::string& service, telemetry::NameId id, telemetry::PoolId pool,
                          const UpstreamRule& rule) {
    // A name that found no room in the table shares its id with others: better no instance than another service's.
    if (names_->text(id) != service) return;
    if (upstream(id) == nullptr) {
        if (id >= upstreams_.size()) upstreams_.resize(id + 1);
        upstreams_[id] = std::make_unique<Upstream>(service, *names_, metrics_.pool(pool));
        by_service_[service] = upstreams_[id].get();
    }
    upstreams_[id]->change_rule(rule);
}

void Engine::apply_endpoints(const EndpointSetPtr& set) {
    const auto found = by_service_.find(set->service);
    if (found != by_service_.end()) found->second->apply(set);
}

uint32_t Engine::in_flight(std::string_view service, std::string_view instance) const {
    const auto found = by_service_.find(service);
    return found == by_service_.end() ? 0 : found->second->in_flight(instance);
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
    }
}

rt::Task<void> Engine::stop() {
    cancel_.request();
    co_await gate_.closed();
    by_service_.clear();
    upstreams_.clear();
    co_await connections_.closed();
}

}  // namespace tl::proxy
