// What the manifest says about limits: keys, checks, sentences.
#include <fmt/format.h>

#include "gateway/policies/limit.h"
#include "gateway/policies/policies.h"
#include "gateway/policies/rate_fields.h"
#include "gateway/policies/rates.h"

namespace tl::gateway {

using manifest::list_of;
using Algorithm = LimitConfig::Algorithm;

namespace {

void check_rate(const Allowance& rate, const LimitConfig& config, manifest::Position at,
                manifest::Diagnostics& diagnostics) {
    const std::string shown = format_allowance(rate);
    if (!rate.period) {
        diagnostics.error(at, fmt::format("limit: \"{}\" does not say in what time", shown),
                          fmt::format("write {0}/s or {0}/m", rate.count));
        return;
    }
    if (config.algorithm == Algorithm::sliding_window) {
        if (rate.burst || config.burst) {
            diagnostics.error(at, "limit: a sliding window has no burst", "leave it out, or use algorithm: gcra");
        }
        if (rate.count > SlidingWindow::kMost) {
            diagnostics.error(at, fmt::format("limit: a sliding window counts to {}", SlidingWindow::kMost),
                              "use algorithm: gcra, or a shorter time");
        }
        return;
    }
    const auto period = static_cast<uint64_t>(rate.period->length.count());
    if (rate.count > period) {
        diagnostics.error(at, fmt::format("limit: \"{}\" is more than one a nanosecond", shown), "leave the limit out");
    }
    // The arithmetic of GCRA adds times: a hundred years are enough.
    const double room = static_cast<double>(period) / static_cast<double>(rate.count) *
                        static_cast<double>(rate.burst.value_or(config.burst.value_or(rate.count)));
    if (room > 3e18) diagnostics.error(at, fmt::format("limit: the burst of \"{}\" lasts for a century", shown), "");
}

void check_limit(const LimitConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    for (const Allowance& rate : config.rate) check_rate(rate, config, at, diagnostics);
    if (config.store == Store::redis && config.algorithm != Algorithm::gcra) {
        diagnostics.error(at, "limit: only algorithm gcra can be shared through Redis", "leave the algorithm out");
    }
    for (const auto& plan : config.plans) {
        for (const Allowance& rate : plan.value) {
            check_rate(rate, config, plan.name.at, diagnostics);
            if (!rate.by) continue;
            diagnostics.error(plan.name.at,
                              fmt::format("limit: plan \"{}\" cannot count by another key", plan.name.value),
                              "say \"by\" in rate; plans differ in how much");
        }
        if (plan.value.size() == config.rate.size()) continue;
        diagnostics.error(plan.name.at,
                          fmt::format("limit: plan \"{}\" has {} rates where \"rate\" has {}", plan.name.value,
                                      plan.value.size(), config.rate.size()),
                          "give a plan as many, in the same order");
    }
}

}  // namespace

const manifest::Object<LimitConfig>& limit_schema() {
    static const auto rate =
        manifest::custom<Allowance>("a rate such as 100/s by client", parse_rate, format_allowance);
    static const auto schema =
        manifest::Object<LimitConfig>("a limit policy")
            .position(&LimitConfig::at)
            .field("rate", &LimitConfig::rate, list_of(rate).at_least(1).at_most(kMostRates).or_single())
            .required()
            .doc("Requests in a time, and by what they are counted; all of several hold.")
            .example("100/s by client")
            .field("burst", &LimitConfig::burst, manifest::integer().range(1, 1'000'000'000))
            .doc("Requests at once, after a rest; of rates that say none themselves.")
            .default_is("as many as the rate lets through in its time")
            .field("by", &LimitConfig::by,
                   manifest::custom<CallerKey>("a key such as client or header x-tenant", parse_caller_key, to_string))
            .doc(
                "client, identity, api_key, claim NAME, header NAME, cookie NAME, route or all; of rates that say "
                "none.")
            .field(
                "algorithm", &LimitConfig::algorithm,
                manifest::one_of<Algorithm>({{"gcra", Algorithm::gcra}, {"sliding_window", Algorithm::sliding_window}}))
            .doc(
                "gcra lets a burst through and then one at a time; sliding_window never more than the rate in its "
                "time.")
            .field("plans", &LimitConfig::plans, manifest::map_of(list_of(rate).at_least(1).or_single()))
            .doc("Rates of callers whose credential names this plan.")
            .field("store", &LimitConfig::store, store_words())
            .doc("memory: each gateway counts for itself; redis: all that share gateway.redis count together.")
            .field("on_store_failure", &LimitConfig::on_store_failure, on_store_failure_words())
            .doc("allow: while Redis is away each gateway counts for itself; refuse: 503 policy_unavailable.")
            .field("keys", &LimitConfig::keys, manifest::integer().range(16, 1 << 24))
            .doc("Callers that can be counted at a time, 16 bytes each; beyond it they share.")
            .field("audit", &LimitConfig::audit, manifest::boolean())
            .doc("Only say in records what would be refused.")
            .field("headers", &LimitConfig::headers, manifest::boolean())
            .doc("Tell clients where they stand, in RateLimit and RateLimit-Policy.")
            .validate(check_limit);
    return schema;
}

void LimitConfig::check(const PolicyCheck& check) const { check_store(store, "limit", at, check); }

}  // namespace tl::gateway
