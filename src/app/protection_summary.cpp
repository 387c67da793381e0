#include "app/protection_summary.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"

namespace tl::app {

namespace {

// " on 1 of 2 threads", or nothing where all agree.
std::string on_threads(size_t count, size_t of) {
    return count == of ? "" : fmt::format(" on {} of {} threads", count, of);
}

}  // namespace

ProtectionSummary::ProtectionSummary(const std::vector<std::vector<proxy::ProtectionView>>& threads)
    : threads_(threads.size()) {
    for (const auto& thread : threads) {
        for (const proxy::ProtectionView& view : thread) {
            OfService& service = services_[view.service];
            if (view.breaker == proxy::Breaker::State::open) ++service.open;
            if (view.breaker == proxy::Breaker::State::half_open) ++service.half_open;
            if (!view.reason.empty()) service.reason = view.reason;
            for (const auto& one : view.ejected) {
                Ejected& ejected = service.ejected[one.instance];
                ++ejected.threads;
                ejected.reason = one.reason;
                ejected.left = std::max(ejected.left, one.left);
            }
            service.sum.times_opened += view.times_opened;
            service.sum.ejections += view.ejections;
            service.sum.limit += view.limit;
            service.sum.in_flight += view.in_flight;
            service.sum.waiting += view.waiting;
            service.sum.turned_away += view.turned_away;
            service.sum.retries_refused += view.retries_refused;
        }
    }
}

void ProtectionSummary::add_to(console::ServiceView& view) const {
    const auto found = services_.find(view.name);
    if (found == services_.end()) return;
    const OfService& service = found->second;
    const auto state = service.open > 0        ? proxy::Breaker::State::open
                       : service.half_open > 0 ? proxy::Breaker::State::half_open
                                               : proxy::Breaker::State::closed;
    view.breaker = proxy::to_string(state);
    if (state != proxy::Breaker::State::closed) {
        const std::string said = fmt::format("circuit breaker {}{}: {}", view.breaker,
                                             on_threads(service.open + service.half_open, threads_), service.reason);
        view.reason = view.reason.empty() ? said : said + "; " + view.reason;
    }
    for (console::InstanceView& instance : view.instances) {
        const auto out = service.ejected.find(instance.id);
        if (out == service.ejected.end()) continue;
        const auto left = base::format_duration(std::chrono::ceil<std::chrono::seconds>(out->second.left));
        instance.ejected = fmt::format("ejected{} for {} more: {}", on_threads(out->second.threads, threads_), left,
                                       out->second.reason);
        instance.reason = instance.reason.empty() ? instance.ejected : instance.ejected + "; " + instance.reason;
    }
}

void ProtectionSummary::add_to(std::vector<telemetry::Sample>& samples) const {
    using telemetry::MetricType;
    const auto add = [&](const char* name, const char* help, MetricType type, const std::string& service,
                         double value) { samples.push_back({name, help, type, {{"service", service}}, value}); };
    const auto number = [](auto value) { return static_cast<double>(value); };
    for (const auto& [name, service] : services_) {
        const proxy::ProtectionView& sum = service.sum;
        size_t ejected = 0;
        for (const auto& [instance, one] : service.ejected) ejected += one.threads;
        add("trunkline_breaker_open", "Threads whose circuit breaker for the service is not closed, now.",
            MetricType::gauge, name, number(service.open + service.half_open));
        add("trunkline_breaker_opened_total", "How often a thread's circuit breaker has opened.", MetricType::counter,
            name, number(sum.times_opened));
        add("trunkline_outlier_ejected", "Instances that a thread has ejected, now, over all threads.",
            MetricType::gauge, name, number(ejected));
        add("trunkline_outlier_ejections_total", "How often a thread has ejected an instance.", MetricType::counter,
            name, number(sum.ejections));
        add("trunkline_concurrency_limit", "Requests that may wait for the service's answer, now.", MetricType::gauge,
            name, number(sum.limit));
        add("trunkline_concurrency_in_flight", "Requests that wait for the service's answer, now.", MetricType::gauge,
            name, number(sum.in_flight));
        add("trunkline_concurrency_waiting", "Requests that wait for their turn, now.", MetricType::gauge, name,
            number(sum.waiting));
        add("trunkline_concurrency_turned_away_total", "Requests whose turn did not come.", MetricType::counter, name,
            number(sum.turned_away));
        add("trunkline_retries_refused_total", "Retries that were not made for want of budget.", MetricType::counter,
            name, number(sum.retries_refused));
    }
}

}  // namespace tl::app
