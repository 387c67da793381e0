#include "app/import/rates.h"

#include <fmt/format.h>

#include <cmath>

namespace tl::app {

using manifest::Node;

namespace {

constexpr double kLongest = 31.0 * 24 * 3600;
constexpr double kMost = 1e9;

// Seconds as a time of a rate.
std::string time_text(double seconds) {
    if (seconds == 1) return "s";
    if (seconds == 60) return "m";
    if (seconds == 3600) return "h";
    if (seconds == 86400) return "d";
    if (seconds == std::floor(seconds)) return fmt::format("{:.0f}s", seconds);
    return fmt::format("{:.0f}ms", std::ceil(seconds * 1000));
}

}  // namespace

std::optional<std::string> rate_text(const ForeignRate& rate) {
    double requests = rate.requests;
    double seconds = rate.seconds;
    if (!(requests > 0) || !(seconds > 0)) return std::nullopt;
    if (requests < 1) {
        seconds /= requests;
        requests = 1;
    }
    requests = std::floor(requests);
    if (requests > kMost || seconds > kLongest || seconds < 0.001) return std::nullopt;
    std::string text = fmt::format("{:.0f}/{}", requests, time_text(seconds));
    if (!rate.by.empty()) text += " by " + rate.by;
    if (rate.burst >= 1 && rate.burst <= kMost) text += fmt::format(" burst {:.0f}", std::floor(rate.burst));
    return text;
}

void add_rates(PolicyDraft& draft, const std::vector<ForeignRate>& rates, manifest::Position at, Report& report) {
    constexpr size_t kMostRates = 4;
    for (const ForeignRate& rate : rates) {
        const auto text = rate_text(rate);
        const Node* const limit = draft.policies.find("limit");
        const Node* const before = limit == nullptr ? nullptr : limit->find("rate");
        if (!text || (before != nullptr && before->items.size() == kMostRates)) {
            report.missing(at, text ? fmt::format("the rate {}", *text) : "a rate that is no number of requests",
                           text ? "a limit has at most four rates" : "write N/TIME, such as 100/s");
            continue;
        }
        append(draft.of("limit", at), "rate", {*text}, at);
    }
}

}  // namespace tl::app
