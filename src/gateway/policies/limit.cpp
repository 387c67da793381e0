#include "gateway/policies/limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "gateway/policies/key_table.h"
#include "gateway/policies/rate_fields.h"
#include "gateway/policies/rates.h"
#include "proxy/identity.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using proxy::Cause;
using proxy::RequestContext;
using Algorithm = LimitConfig::Algorithm;

namespace {

// The counters of one rate, as long as some manifest names it.
struct RateCounters final : Kept {
    explicit RateCounters(size_t keys) : table(keys) {}
    KeyTable table;
    base::HashKey secret = new_secret();
};

// One rate as arithmetic.
struct Rate {
    uint64_t period = 0;  // ns
    uint64_t count = 0;   // a period
    uint64_t burst = 0;
    SharedRate shared;
    std::string policy;     // the item of RateLimit-Policy
    std::string_view name;  // its quoted name
};
using RatePtr = std::shared_ptr<const Rate>;

struct Rule {
    CallerKey by;
    std::shared_ptr<RateCounters> counters;
    std::shared_ptr<Leases> leases;  // nullptr: not shared with other gateways
    RatePtr rate;
    std::map<std::string, RatePtr, std::less<>> plans;

    [[nodiscard]] const Rate& rate_for(const RequestContext& context) const {
        if (plans.empty() || context.identity == nullptr) return *rate;
        const auto plan = plans.find(context.identity->plan);
        return plan == plans.end() ? *rate : *plan->second;
    }
};

RatePtr make_rate(const Allowance& allowance, const LimitConfig& config, const CallerKey& by) {
    auto rate = std::make_shared<Rate>();
    rate->period = static_cast<uint64_t>(allowance.period->length.count());
    rate->count = allowance.count;
    rate->burst = allowance.burst.value_or(config.burst.value_or(allowance.count));
    rate->shared = make_shared_rate(rate->period, rate->count, rate->burst);
    const std::string name = fmt::format("{}/{} by {}", rate->count, to_string(*allowance.period), to_string(by));
    rate->policy = rate_policy_item(name, rate->count, seconds_up(rate->period));
    rate->name = std::string_view{rate->policy}.substr(0, name.size() + 2);
    return rate;
}

uint64_t nanoseconds(base::TimePoint now) { return static_cast<uint64_t>(now.time_since_epoch().count()); }
uint64_t milliseconds(base::TimePoint now) { return nanoseconds(now) / 1'000'000; }

// Who calls, to one rule.
struct Caller {
    CallerText text;
    uint64_t key;
};

struct Answer {
    RateAnswer rate;
    bool no_store = false;  // Redis is away, and the policy says that nobody comes in then
};

class LimitFilter final : public proxy::Filter {
  public:
    LimitFilter(std::vector<Rule> rules, std::shared_ptr<SharedLimits> shared, const LimitConfig& config)
        : rules_(std::move(rules)),
          shared_(std::move(shared)),
          algorithm_(config.algorithm),
          on_store_failure_(config.on_store_failure),
          audit_(config.audit),
          headers_(config.headers) {}

    std::string_view name() const override { return "limit"; }

    Verdict on_request(RequestContext& context) const override {
        if (shared_ != nullptr && shared_->answers(rt::this_loop().now())) {
            for (const Rule& rule : rules_) {
                if (needs_lease(rule, caller(rule, context))) return Verdict::wait;
            }
        }
        return decide(context);
    }

    rt::Task<Verdict> wait_request(RequestContext& context) const override {
        for (const Rule& rule : rules_) {
            const Caller who = caller(rule, context);
            if (!needs_lease(rule, who) || !shared_->answers(rt::this_loop().now())) continue;
            co_await shared_->ask_and_wait(want(rule, context, who, 0), &context.exchange->cancel());
        }
        co_return decide(context);
    }

    void on_response(RequestContext& context, codec::ResponseHead& head) const override {
        if (!headers_) return;
        const uint64_t now = nanoseconds(rt::this_loop().now());
        for (const Rule& rule : rules_) {
            const Rate& rate = rule.rate_for(context);
            const uint64_t key = caller(rule, context).key;
            const uint64_t state = rule.counters->table.peek(key);
            const RateAnswer stands = algorithm_ == Algorithm::gcra
                                          ? gcra_of(rate, now).stands(state)
                                          : SlidingWindow{rate.period, rate.count, now}.stands(state);
            const uint64_t left = rule.leases != nullptr
                                      ? rule.leases->left_for_all(key, now / 1'000'000).value_or(stands.left)
                                      : stands.left;
            add_rate_fields(context, head, {&rate.policy, rate.name, left, seconds_up(stands.reset)});
        }
    }

  private:
    [[nodiscard]] static Caller caller(const Rule& rule, RequestContext& context) {
        const CallerText text = caller_of(context, rule.by);
        return {text, hash_of(text, rule.counters->secret)};
    }
    // Rounded up, so that never more than the rate is let through.
    [[nodiscard]] static Gcra gcra_of(const Rate& rate, uint64_t now) {
        return {(rate.period + rate.count - 1) / rate.count, rate.burst, now};
    }

    Verdict decide(RequestContext& context) const {
        const uint64_t now = nanoseconds(rt::this_loop().now());
        const Rule* tightest = nullptr;
        uint64_t left = 0;
        for (const Rule& rule : rules_) {
            const Caller who = caller(rule, context);
            const Answer answer = rule.leases != nullptr ? ask_shared(rule, context, who, now)
                                                         : Answer{ask_here(rule, context, who, now)};
            if (!answer.rate.allowed && !audit_) return refuse(context, rule, answer);
            if (!answer.rate.allowed) {
                context.note("limit", fmt::format("audit: would be refused by {}", rule.rate_for(context).name));
            }
            if (tightest != nullptr && answer.rate.left >= left) continue;
            tightest = &rule;
            left = answer.rate.left;
        }
        if (tightest != nullptr) note(context, *tightest, left);
        return Verdict::proceed;
    }

    [[nodiscard]] RateAnswer ask_here(const Rule& rule, RequestContext& context, const Caller& who,
                                      uint64_t now) const {
        const Rate& rate = rule.rate_for(context);
        if (algorithm_ == Algorithm::sliding_window) {
            SlidingWindow window{rate.period, rate.count, now};
            rule.counters->table.update(who.key, window);
            return window.answer;
        }
        Gcra gcra = gcra_of(rate, now);
        rule.counters->table.update(who.key, gcra);
        return gcra.answer;
    }

    // ---- Shared with other gateways

    [[nodiscard]] static bool needs_lease(const Rule& rule, const Caller& who) {
        return rule.leases != nullptr && rule.leases->lacks(who.key, milliseconds(rt::this_loop().now()));
    }
    [[nodiscard]] static SharedLimits::Want want(const Rule& rule, const RequestContext& context, const Caller& who,
                                                 uint64_t debt) {
        return {.leases = rule.leases,
                .key = who.key,
                .caller = name_for_all(who.text),
                .rate = rule.rate_for(context).shared,
                .debt = debt};
    }
    [[nodiscard]] Answer ask_shared(const Rule& rule, RequestContext& context, const Caller& who, uint64_t now) const {
        const Rate& rate = rule.rate_for(context);
        Lease lease{now / 1'000'000, rate.shared.lease / 2};
        rule.leases->table.update(who.key, lease);
        if (lease.more) shared_->ask(want(rule, context, who, 0));
        if (lease.word == Lease::Word::refused) return {{.retry = lease.retry * 1'000'000}};
        if (lease.word == Lease::Word::unknown && on_store_failure_ == OnStoreFailure::refuse) {
            return {.rate = {.retry = 1'000'000'000}, .no_store = true};
        }
        // It counts here, too: should Redis go away, this gateway goes on from where it stands.
        RateAnswer here = ask_here(rule, context, who, now);
        if (lease.word == Lease::Word::granted) {
            here.allowed = true;
            here.left = rule.leases->left_for_all(who.key, now / 1'000'000).value_or(here.left);
        } else if (here.allowed && shared_->up()) {
            shared_->ask(want(rule, context, who, 1));  // Redis was only slow, and gets to know of it
        }
        return {here};
    }
    static Verdict refuse(RequestContext& context, const Rule& rule, const Answer& answer) {
        const Rate& rate = rule.rate_for(context);
        const auto wait = static_cast<uint32_t>(std::clamp<uint64_t>(seconds_up(answer.rate.retry), 1, UINT32_MAX));
        if (answer.no_store) {
            context.refusal = {.cause = Cause::policy_unavailable,
                               .detail = "the store of this route's limit does not answer"};
            context.note("limit", "Redis does not answer");
            return Verdict::refuse;
        }
        context.refusal = {.cause = Cause::rate_limited,
                           .detail = fmt::format("more than {}; try again in {} s", rate.name, wait),
                           .retry_after = wait};
        context.note("limit", fmt::format("over {}", rate.name));
        return Verdict::refuse;
    }
    void note(RequestContext& context, const Rule& rule, uint64_t left) const {
        const Rate& rate = rule.rate_for(context);
        char text[64];
        const uint64_t of = algorithm_ == Algorithm::gcra ? rate.burst : rate.count;
        const auto end = fmt::format_to_n(text, sizeof text, "{} of {} left", left, of);
        context.note("limit", {text, std::min(end.size, sizeof text)});
    }

    std::vector<Rule> rules_;
    std::shared_ptr<SharedLimits> shared_;  // nullptr: no rule is shared
    Algorithm algorithm_;
    OnStoreFailure on_store_failure_;
    bool audit_;
    bool headers_;
};

// Without a rate's numbers: who is over the limit stays so when these change.
std::string state_key(const LimitConfig& config, const Rule& rule, size_t index, const PolicyContext& context) {
    const std::string how = config.algorithm == Algorithm::gcra ? "gcra" : fmt::format("window {}", rule.rate->period);
    return fmt::format("limit {} of {}: {} {} keys {}", index, context.level("limit"), how, to_string(rule.by),
                       config.keys);
}

}  // namespace

FilterPtr make_limit_filter(const LimitConfig& config, const PolicyContext& context) {
    const std::shared_ptr<SharedLimits> shared = keep_shared(config.store, context);
    std::vector<Rule> rules;
    for (const Allowance& allowance : config.rate) {
        const size_t index = rules.size();
        Rule& rule = rules.emplace_back();
        rule.by = allowance.by.value_or(config.by);
        rule.rate = make_rate(allowance, config, rule.by);
        for (const auto& plan : config.plans) {
            rule.plans[plan.name.value] = make_rate(plan.value[index], config, rule.by);
        }
        const std::string key = state_key(config, rule, index, context);
        rule.counters = context.home->keeper.keep<RateCounters>(key, config.keys);
        if (shared == nullptr) continue;
        // Gateways share what has the same place in their manifests.
        const std::string name = fmt::format("limit {} of {} by {}", index, context.level("limit"), to_string(rule.by));
        rule.leases =
            context.home->keeper.keep<Leases>("leases " + context.redis->prefix + " " + key, name, config.keys);
    }
    return std::make_shared<LimitFilter>(std::move(rules), shared, config);
}

}  // namespace tl::gateway
