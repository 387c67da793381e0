#include "registry/endpoint_selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tl::registry {

namespace {

using Counts = std::array<size_t, 5>;  // by state

size_t& at(Counts& counts, InstanceState state) { return counts[static_cast<size_t>(state)]; }

Counts count(const std::vector<Candidate>& candidates) {
    Counts counts{};
    for (const Candidate& candidate : candidates) ++at(counts, candidate.state);
    return counts;
}

std::string panic_reason(size_t healthy, size_t all, double threshold) {
    const double percent = threshold * 100;
    if (all == 1)
        return fmt::format("panic: the only instance is unhealthy (threshold {:.4g}%), so it is used all the same",
                           percent);
    const std::string found = healthy == 0 ? "none" : fmt::format("only {}", healthy);
    return fmt::format("panic: {} of {} instances is healthy (threshold {:.4g}%), so all are used", found, all,
                       percent);
}

std::string empty_reason(std::string_view service, Counts counts) {
    std::vector<std::string> parts;
    for (const auto state : {InstanceState::starting, InstanceState::unhealthy, InstanceState::draining}) {
        if (at(counts, state) > 0) parts.push_back(fmt::format("{} {}", at(counts, state), to_string(state)));
    }
    if (parts.empty()) return fmt::format("\"{}\" has no instance", service);
    return fmt::format("no instance of \"{}\" can take requests: {}", service, base::join(parts, ", "));
}

}  // namespace

Selection select_endpoints(std::string_view service, std::vector<Candidate> candidates, double panic_threshold) {
    Counts counts = count(candidates);
    const size_t healthy = at(counts, InstanceState::healthy);
    const size_t all = healthy + at(counts, InstanceState::unhealthy);
    Selection selection;
    selection.panic = all > 0 && static_cast<double>(healthy) < panic_threshold * static_cast<double>(all);
    for (Candidate& candidate : candidates) {
        const bool used = candidate.state == InstanceState::healthy ||
                          (selection.panic && candidate.state == InstanceState::unhealthy);
        if (used) {
            selection.endpoints.push_back(std::move(candidate.endpoint));
        } else if (candidate.state == InstanceState::unhealthy) {
            selection.unwell.push_back(std::move(candidate.endpoint));
        }
    }
    if (selection.panic) {
        selection.reason = panic_reason(healthy, all, panic_threshold);
    } else if (selection.endpoints.empty()) {
        selection.reason = empty_reason(service, counts);
    }
    return selection;
}

}  // namespace tl::registry
