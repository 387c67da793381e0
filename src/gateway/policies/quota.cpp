#include "gateway/policies/quota.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "gateway/policies/quota_store.h"
#include "gateway/policies/rate_fields.h"
#include "proxy/identity.h"

namespace tl::gateway {

using manifest::list_of;
using proxy::Cause;
using proxy::RequestContext;

namespace {

struct Amount {
    uint64_t most = 0;
    std::string policy;     // the item of RateLimit-Policy
    std::string_view name;  // its quoted name
};

struct Rule {
    CallerKey by;
    Period::Kind per = Period::Kind::month;
    std::shared_ptr<QuotaStore> store;
    std::shared_ptr<Leases> leases;  // nullptr: not shared with other gateways
    std::shared_ptr<const Amount> amount;
    std::map<std::string, std::shared_ptr<const Amount>, std::less<>> plans;

    [[nodiscard]] const Amount& amount_for(const RequestContext& context) const {
        if (plans.empty() || context.identity == nullptr) return *amount;
        const auto plan = plans.find(context.identity->plan);
        return plan == plans.end() ? *amount : *plan->second;
    }
};

// Of a month the longest, as clients may plan by it.
uint64_t window_seconds(Period::Kind per) {
    if (per == Period::Kind::hour) return 3600;
    return per == Period::Kind::day ? 86400 : 31 * 86400;
}

std::shared_ptr<const Amount> make_amount(uint64_t count, const Rule& rule) {
    auto amount = std::make_shared<Amount>();
    amount->most = count;
    const std::string name = fmt::format("{}/{} by {}", count, to_string(Period{.kind = rule.per}), to_string(rule.by));
    amount->policy = rate_policy_item(name, count, window_seconds(rule.per));
    amount->name = std::string_view{amount->policy}.substr(0, name.size() + 2);
    return amount;
}

class QuotaFilter final : public proxy::Filter {
  public:
    QuotaFilter(std::vector<Rule> rules, std::shared_ptr<SharedLimits> shared, const QuotaConfig& config)
        : rules_(std::move(rules)),
          shared_(std::move(shared)),
          on_store_failure_(config.on_store_failure),
          audit_(config.audit),
          headers_(config.headers) {}

    std::string_view name() const override { return "quota"; }

    Verdict on_request(RequestContext& context) const override {
        if (shared_ != nullptr && shared_->answers(rt::this_loop().now())) {
            for (const Rule& rule : rules_) {
                if (rule.leases->lacks(key_of(context, rule), steady_ms())) return Verdict::wait;
            }
        }
        return decide(context);
    }

    rt::Task<Verdict> wait_request(RequestContext& context) const override {
        for (const Rule& rule : rules_) {
            if (!rule.leases->lacks(key_of(context, rule), steady_ms())) continue;
            if (!shared_->answers(rt::this_loop().now())) continue;
            co_await shared_->ask_and_wait(want(context, rule, 0), &context.exchange->cancel());
        }
        co_return decide(context);
    }

    void on_response(RequestContext& context, codec::ResponseHead& head) const override {
        if (!headers_) return;
        const uint64_t now = seconds_of(context);
        for (const Rule& rule : rules_) {
            const Amount& amount = rule.amount_for(context);
            const QuotaWindow window = window_at(rule.per, now);
            const uint64_t state = rule.store->table.peek(hash_of(caller_of(context, rule.by), rule.store->secret()));
            const uint64_t here =
                amount.most - std::min(QuotaCount{window.number, amount.most}.count_in(state), amount.most);
            const uint64_t left = left_of(context, rule, here);
            add_rate_fields(context, head, {&amount.policy, amount.name, left, window.end - now});
        }
    }

  private:
    Verdict decide(RequestContext& context) const {
        const uint64_t now = seconds_of(context);
        for (const Rule& rule : rules_) {
            const Amount& amount = rule.amount_for(context);
            const QuotaWindow window = window_at(rule.per, now);
            const Lease::Word word = rule.leases == nullptr ? Lease::Word::unknown : take_lease(context, rule);
            if (rule.leases != nullptr && word == Lease::Word::unknown && on_store_failure_ == OnStoreFailure::refuse) {
                context.refusal = {.cause = Cause::policy_unavailable,
                                   .detail = "the store of this route's quota does not answer"};
                context.note("quota", "Redis does not answer");
                return Verdict::refuse;
            }
            const bool used_up = word == Lease::Word::refused ||
                                 (word == Lease::Word::unknown && !known_left(context, rule).value_or(true));
            // It counts here, too: should Redis go away, this gateway goes on from where it stands.
            const QuotaCount counted =
                used_up ? QuotaCount{window.number, amount.most} : count(context, rule, amount, window);
            if (word == Lease::Word::granted || counted.allowed) {
                const uint64_t here = amount.most - std::min(counted.used, amount.most);
                context.note("quota", fmt::format("{} of {} left", left_of(context, rule, here), amount.most));
                // Redis was only slow, and gets to know of it.
                if (rule.leases != nullptr && word == Lease::Word::unknown && shared_->up()) {
                    shared_->ask(want(context, rule, 1));
                }
            } else if (audit_) {
                context.note("quota", fmt::format("audit: would be refused by {}", amount.name));
            } else {
                return refuse(context, amount, window.end - now);
            }
        }
        return Verdict::proceed;
    }

    // ---- Shared with other gateways

    static uint64_t steady_ms() {
        return static_cast<uint64_t>(rt::this_loop().now().time_since_epoch() / std::chrono::milliseconds{1});
    }
    static uint64_t key_of(RequestContext& context, const Rule& rule) {
        return hash_of(caller_of(context, rule.by), rule.store->secret());
    }
    static SharedLimits::Want want(RequestContext& context, const Rule& rule, uint64_t debt) {
        const uint64_t now = seconds_of(context);
        const CallerText caller = caller_of(context, rule.by);
        return {.leases = rule.leases,
                .key = hash_of(caller, rule.store->secret()),
                .caller = name_for_all(caller),
                .rate = make_shared_quota(rule.amount_for(context).most, window_at(rule.per, now), now),
                .debt = debt};
    }
    Lease::Word take_lease(RequestContext& context, const Rule& rule) const {
        const SharedLimits::Want next = want(context, rule, 0);
        Lease lease{steady_ms(), next.rate.lease / 2};
        rule.leases->table.update(next.key, lease);
        if (lease.more) shared_->ask(next);
        return lease.word;
    }
    // Redis is slow or away. By what it has said last there is one left, or there is none; nothing: it has said
    // nothing.
    static std::optional<bool> known_left(RequestContext& context, const Rule& rule) {
        if (rule.leases == nullptr) return std::nullopt;
        const uint64_t key = key_of(context, rule);
        Lease told{steady_ms(), 0};
        if (!told.holds(rule.leases->left.peek(key))) return std::nullopt;
        rule.leases->left.update(key, told);
        return told.word == Lease::Word::granted;
    }
    static uint64_t left_of(RequestContext& context, const Rule& rule, uint64_t here) {
        if (rule.leases == nullptr) return here;
        return rule.leases->left_for_all(key_of(context, rule), steady_ms()).value_or(here);
    }

    static uint64_t seconds_of(const RequestContext& context) {
        return static_cast<uint64_t>(std::max<int64_t>(context.record.start_ns, 0)) / 1'000'000'000;
    }
    static QuotaCount count(RequestContext& context, const Rule& rule, const Amount& amount,
                            const QuotaWindow& window) {
        QuotaCount rules{window.number, amount.most};
        const CallerText caller = caller_of(context, rule.by);
        const uint64_t key = hash_of(caller, rule.store->secret());
        const auto place = rule.store->table.update(key, rules);
        if (rules.allowed && rules.used == 1 && !place.shared) {
            rule.store->introduce(key, show(caller, rule.store->secret()), amount.most);
        }
        return rules;
    }
    static Verdict refuse(RequestContext& context, const Amount& amount, uint64_t seconds) {
        context.refusal = {
            .cause = Cause::quota_exceeded,
            .detail = fmt::format("{} are used up; the next period begins in {} s", amount.name, seconds),
            .retry_after = static_cast<uint32_t>(std::min<uint64_t>(seconds, UINT32_MAX))};
        context.note("quota", fmt::format("{} used up", amount.name));
        return Verdict::refuse;
    }

    std::vector<Rule> rules_;
    std::shared_ptr<SharedLimits> shared_;  // nullptr: no rule is shared
    OnStoreFailure on_store_failure_;
    bool audit_;
    bool headers_;
};

void check_quota(const QuotaConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    const auto check = [&](const Allowance& allowance, manifest::Position where) {
        if (allowance.count <= QuotaCount::kMost) return;
        diagnostics.error(where, fmt::format("quota: it counts to {}", QuotaCount::kMost), "leave the quota out");
    };
    for (const Allowance& allowance : config.requests) check(allowance, at);
    for (const auto& plan : config.plans) {
        for (const Allowance& allowance : plan.value) {
            check(allowance, plan.name.at);
            if (!allowance.by && !allowance.period) continue;
            diagnostics.error(plan.name.at, fmt::format("quota: plan \"{}\" says more than a number", plan.name.value),
                              "say period and \"by\" in requests; plans differ in how much");
        }
        if (plan.value.size() == config.requests.size()) continue;
        diagnostics.error(plan.name.at,
                          fmt::format("quota: plan \"{}\" has {} numbers where \"requests\" has {}", plan.name.value,
                                      plan.value.size(), config.requests.size()),
                          "give a plan as many, in the same order");
    }
}

std::expected<Period, std::string> parse_per(std::string_view text) {
    for (const Period::Kind kind : {Period::Kind::hour, Period::Kind::day, Period::Kind::month}) {
        if (to_string(Period{.kind = kind}) == text) return Period{.kind = kind};
    }
    return std::unexpected("must be hour, day or month");
}

std::shared_ptr<QuotaStore> keep_store(const Rule& rule, size_t index, size_t keys, const PolicyContext& context) {
    const std::string which = fmt::format("per {} by {} of {}", to_string(Period{.kind = rule.per}), to_string(rule.by),
                                          context.level("quota"));
    const std::string& folder = context.home->state_folder;
    // The same quota, the same file, whatever its number is.
    const std::string file = folder.empty() ? ""
                                            : fmt::format("{}/{}.counts", quota_folder(folder),
                                                          base::hex64(base::hash(fmt::format("{} {}", index, which))));
    return context.home->keeper.keep<QuotaStore>(
        "quota " + file + fmt::format(" {} {}", index, which),
        QuotaStore::Options{.quota = which, .per = rule.per, .keys = keys, .file = file});
}

}  // namespace

const manifest::Object<QuotaConfig>& quota_schema() {
    static const auto amount =
        manifest::custom<Allowance>("a quota such as 10000/month by api_key", parse_quota, format_allowance);
    static const auto schema =
        manifest::Object<QuotaConfig>("a quota policy")
            .position(&QuotaConfig::at)
            .field("requests", &QuotaConfig::requests, list_of(amount).at_least(1).at_most(kMostRates).or_single())
            .required()
            .doc("Requests in a period, and by what they are counted; all of several hold.")
            .example("10000/month by api_key")
            .field("per", &QuotaConfig::per, manifest::custom<Period>("hour, day or month", parse_per, to_string))
            .doc("hour, day or month, in UTC; of those that say none themselves.")
            .field("by", &QuotaConfig::by,
                   manifest::custom<CallerKey>("a key such as api_key or header x-tenant", parse_caller_key, to_string))
            .doc("client, identity, api_key, claim NAME, header NAME, cookie NAME, route or all.")
            .field("plans", &QuotaConfig::plans, manifest::map_of(list_of(amount).at_least(1).or_single()))
            .doc("Requests of callers whose credential names this plan.")
            .field("store", &QuotaConfig::store, store_words())
            .doc("memory: each gateway counts for itself; redis: all that share gateway.redis count together.")
            .field("on_store_failure", &QuotaConfig::on_store_failure, on_store_failure_words())
            .doc("allow: while Redis is away each gateway counts for itself; refuse: 503 policy_unavailable.")
            .field("keys", &QuotaConfig::keys, manifest::integer().range(16, 1 << 24))
            .doc("Callers that can be counted in a period; beyond it they share.")
            .field("audit", &QuotaConfig::audit, manifest::boolean())
            .doc("Only say in records what would be refused.")
            .field("headers", &QuotaConfig::headers, manifest::boolean())
            .doc("Tell clients where they stand, in RateLimit and RateLimit-Policy.")
            .validate(check_quota);
    return schema;
}

void QuotaConfig::check(const PolicyCheck& check) const { check_store(store, "quota", at, check); }

FilterPtr make_quota_filter(const QuotaConfig& config, const PolicyContext& context) {
    const std::shared_ptr<SharedLimits> shared = keep_shared(config.store, context);
    std::vector<Rule> rules;
    for (const Allowance& allowance : config.requests) {
        const size_t index = rules.size();
        Rule& rule = rules.emplace_back();
        rule.by = allowance.by.value_or(config.by);
        rule.per = allowance.period.value_or(config.per).kind;
        rule.amount = make_amount(allowance.count, rule);
        for (const auto& plan : config.plans) rule.plans[plan.name.value] = make_amount(plan.value[index].count, rule);
        rule.store = keep_store(rule, index, config.keys, context);
        if (shared == nullptr) continue;
        // Gateways share what has the same place in their manifests.
        const std::string name = fmt::format("quota {} per {} of {} by {}", index, to_string(Period{.kind = rule.per}),
                                             context.level("quota"), to_string(rule.by));
        rule.leases = context.home->keeper.keep<Leases>(
            fmt::format("leases {} {} keys {}", context.redis->prefix, name, config.keys), name, config.keys);
    }
    return std::make_shared<QuotaFilter>(std::move(rules), shared, config);
}

}  // namespace tl::gateway
