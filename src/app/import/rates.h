// Rates of foreign files as the manifest writes them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/import/policy_draft.h"
#include "app/import/report.h"

namespace tl::app {

// "10/s by client burst 20": so many requests in a time, counted by a key of the manifest.
struct ForeignRate {
    double requests = 0;
    double seconds = 1;
    std::string by;
    double burst = 0;  // 0: as many as the rate lets through in its time
};

// 0.5 in 1s is 1/2s: a manifest counts whole requests. Nothing where that leads beyond what a limit can hold.
[[nodiscard]] std::optional<std::string> rate_text(const ForeignRate& rate);

// Adds rates to the policy `limit`; a manifest has at most four at a place, the rest is reported.
void add_rates(PolicyDraft& draft, const std::vector<ForeignRate>& rates, manifest::Position at, Report& report);

}  // namespace tl::app
