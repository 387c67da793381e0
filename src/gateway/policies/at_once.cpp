#include "gateway/policies/at_once.h"

#include <fmt/format.h>

#include <map>
#include <unordered_map>

#include "gateway/policies/key_table.h"
#include "proxy/engine.h"
#include "proxy/identity.h"

namespace tl::gateway {

using proxy::Cause;
using proxy::RequestContext;

namespace {

struct InFlight final : Kept {
    explicit InFlight(size_t keys) : table(keys) {}
    KeyTable table;
    base::HashKey secret = new_secret();
};

// The state is how many are in flight; nobody's cell changes hands while somebody is.
struct Places {
    uint64_t most = 0;
    uint64_t taken = 0;  // by the others, when asked
    bool got = false;

    [[nodiscard]] bool idle(uint64_t state) const { return state == 0; }
    [[nodiscard]] std::optional<uint64_t> step(uint64_t state) {
        taken = state;
        got = state < most;
        return got ? std::optional{state + 1} : std::nullopt;
    }
    [[nodiscard]] uint64_t undo(uint64_t state) const { return state - 1; }
};

class AtOnceFilter final : public proxy::Filter {
  public:
    AtOnceFilter(const AtOnceConfig& config, std::shared_ptr<InFlight> in_flight, proxy::StateSlot slot)
        : in_flight_(std::move(in_flight)),
          slot_(slot),
          by_(config.requests.by.value_or(config.by)),
          most_(config.requests.count),
          audit_(config.audit) {
        for (const auto& plan : config.plans) plans_[plan.name.value] = plan.value.count;
    }

    std::string_view name() const override { return "at_once"; }

    Verdict on_request(RequestContext& context) const override {
        Places places{.most = most_for(context)};
        const auto place = in_flight_->table.update(hash_of(caller_of(context, by_), in_flight_->secret), places);
        if (places.got) {
            context.engine->states().get<Held>(slot_).cells[&context] = place.cell;
            context.note("at_once", fmt::format("{} of {}", places.taken + 1, places.most));
            return Verdict::proceed;
        }
        if (audit_) {
            context.note("at_once", fmt::format("audit: would be refused, {} in flight", places.taken));
            return Verdict::proceed;
        }
        context.refusal = {.cause = Cause::rate_limited,
                           .detail = fmt::format("{} requests of this caller are in flight, which is as many as may be",
                                                 places.taken)};
        context.note("at_once", fmt::format("{} in flight already", places.taken));
        return Verdict::refuse;
    }

    void on_done(const RequestContext& context) const override {
        // Always has an engine where on_request had one; nothing is held by requests that were refused, here or before.
        auto& cells = context.engine->states().get<Held>(slot_).cells;
        const auto held = cells.find(&context);
        if (held == cells.end()) return;
        KeyTable::take_back(held->second->state, Places{});
        cells.erase(held);
    }

  private:
    // The places of this core's requests, from on_request to on_done.
    struct Held final : proxy::CoreState {
        std::unordered_map<const RequestContext*, KeyTable::Cell*> cells;
    };

    [[nodiscard]] uint64_t most_for(const RequestContext& context) const {
        if (plans_.empty() || context.identity == nullptr) return most_;
        const auto plan = plans_.find(context.identity->plan);
        return plan == plans_.end() ? most_ : plan->second;
    }

    std::shared_ptr<InFlight> in_flight_;
    proxy::StateSlot slot_;
    CallerKey by_;
    uint64_t most_;
    std::map<std::string, uint64_t, std::less<>> plans_;
    bool audit_;
};

void check_at_once(const AtOnceConfig& config, manifest::Position /*at*/, manifest::Diagnostics& diagnostics) {
    for (const auto& plan : config.plans) {
        if (!plan.value.by) continue;
        diagnostics.error(plan.name.at,
                          fmt::format("at_once: plan \"{}\" cannot count by another key", plan.name.value),
                          "say \"by\" in requests; plans differ in how many");
    }
}

}  // namespace

const manifest::Object<AtOnceConfig>& at_once_schema() {
    static const auto count =
        manifest::custom<Allowance>("a number such as 20, or 20 by client", parse_count, format_allowance);
    static const auto schema =
        manifest::Object<AtOnceConfig>("an at_once policy")
            .position(&AtOnceConfig::at)
            .field("requests", &AtOnceConfig::requests, count)
            .required()
            .doc("Requests of one caller that may be in flight.")
            .example("20 by client")
            .field("by", &AtOnceConfig::by,
                   manifest::custom<CallerKey>("a key such as client or header x-tenant", parse_caller_key, to_string))
            .doc("client, identity, api_key, claim NAME, header NAME, cookie NAME, route or all.")
            .field("plans", &AtOnceConfig::plans, manifest::map_of(count))
            .doc("Of callers whose credential names this plan.")
            .field("keys", &AtOnceConfig::keys, manifest::integer().range(16, 1 << 24))
            .doc("Callers that can be counted at a time, 16 bytes each; beyond it they share.")
            .field("audit", &AtOnceConfig::audit, manifest::boolean())
            .doc("Only say in records what would be refused.")
            .validate(check_at_once);
    return schema;
}

FilterPtr make_at_once_filter(const AtOnceConfig& config, const PolicyContext& context) {
    const std::string key = fmt::format("at_once of {}: by {} keys {}", context.level("at_once"),
                                        to_string(config.requests.by.value_or(config.by)), config.keys);
    return std::make_shared<AtOnceFilter>(config, context.home->keeper.keep<InFlight>(key, config.keys),
                                          context.home->slots.of(key));
}

}  // namespace tl::gateway
