#include "gateway/policies/agents.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <memory>

#include "base/text.h"
#include "proxy/engine.h"

namespace tl::gateway {

using manifest::list_of;
using manifest::text;
using proxy::RequestContext;

namespace {

constexpr int64_t kPatternMemory = 1 << 20;  // of one pattern on one core

bool is_pattern(std::string_view rule) { return rule.size() > 2 && rule.starts_with('/') && rule.ends_with('/'); }

re2::RE2::Options options() {
    re2::RE2::Options made{re2::RE2::Quiet};
    made.set_max_mem(kPatternMemory);
    made.set_never_capture(true);
    return made;
}

re2::StringPiece inside(const std::string& rule) { return {rule.data() + 1, rule.size() - 2}; }

std::optional<std::string> check_rule(std::string_view rule) {
    if (!is_pattern(rule)) return std::nullopt;
    const std::string copy{rule};
    const re2::RE2 pattern{inside(copy), options()};
    if (pattern.ok()) return std::nullopt;
    return "is no regular expression that RE2 takes: " + pattern.error();
}

// One list as one core asks it. RE2 keeps a cache behind a lock in each pattern, so every core has patterns of its own.
class Rules {
  public:
    explicit Rules(const std::vector<std::string>& rules) {
        for (const std::string& rule : rules) {
            if (is_pattern(rule)) {
                patterns_.push_back(std::make_unique<re2::RE2>(inside(rule), options()));
            } else {
                texts_.push_back(base::lower(rule));
            }
        }
    }
    // `low`: the same in lower case.
    [[nodiscard]] bool match(std::string_view agent, std::string_view low) const {
        const auto has = [&](const std::string& text) { return low.find(text) != std::string_view::npos; };
        if (std::ranges::any_of(texts_, has)) return true;
        const re2::StringPiece piece{agent.data(), agent.size()};
        return std::ranges::any_of(patterns_, [&](const auto& one) { return re2::RE2::PartialMatch(piece, *one); });
    }
    [[nodiscard]] bool empty() const { return texts_.empty() && patterns_.empty(); }

  private:
    std::vector<std::string> texts_;
    std::vector<std::unique_ptr<re2::RE2>> patterns_;
};

struct RulesOfCore final : proxy::CoreState {
    std::unique_ptr<Rules> deny;
    std::unique_ptr<Rules> allow;
};

class AgentsFilter final : public proxy::Filter {
  public:
    AgentsFilter(const AgentsConfig& config, proxy::StateSlot slot) : config_(config), slot_(slot) {}

    std::string_view name() const override { return "agents"; }

    Verdict on_request(RequestContext& context) const override {
        const std::string_view agent = context.head().headers.value(codec::Field::user_agent);
        auto& core = context.engine->states().get<RulesOfCore>(slot_);
        if (core.deny == nullptr) {
            core.deny = std::make_unique<Rules>(config_.deny);
            core.allow = std::make_unique<Rules>(config_.allow);
        }
        if (agent.empty()) {
            if (!config_.need && config_.allow.empty()) return Verdict::proceed;
            return refuse(context, "no User-Agent");
        }
        const std::string low = base::lower(agent);
        if (core.deny->match(agent, low)) return refuse(context, "on the deny list");
        if (core.allow->empty() || core.allow->match(agent, low)) return Verdict::proceed;
        return refuse(context, "not on the allow list");
    }

  private:
    static Verdict refuse(RequestContext& context, std::string_view why) {
        context.note("agents", why);
        context.refusal = {proxy::Cause::blocked, "requests of this program are not taken here"};
        return Verdict::refuse;
    }

    AgentsConfig config_;
    proxy::StateSlot slot_;
};

void check_lists(const AgentsConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (!config.allow.empty() || !config.deny.empty() || config.need) return;
    diagnostics.error(at, R"(an agents policy needs "deny", "allow" or "need")", "say which programs: agents: [curl]");
}

}  // namespace

const manifest::Object<AgentsConfig>& agents_schema() {
    const auto rule = [] { return text("a part of User-Agent, or a /pattern/").check(check_rule).at_most(500); };
    static const auto schema = manifest::Object<AgentsConfig>("an agents policy")
                                   .position(&AgentsConfig::at)
                                   .field("deny", &AgentsConfig::deny, list_of(rule()).at_most(200).or_single())
                                   .doc("Parts of User-Agent, whatever their case, or /patterns/ that may not ask.")
                                   .default_is("none")
                                   .example("[scrapy, \"/^python-requests/\"]")
                                   .field("allow", &AgentsConfig::allow, list_of(rule()).at_most(200).or_single())
                                   .doc("Those that may, and no others; deny wins.")
                                   .default_is("all")
                                   .field("need", &AgentsConfig::need, manifest::boolean())
                                   .doc("Requests without User-Agent are refused.")
                                   .validate(check_lists);
    return schema;
}

FilterPtr make_agents_filter(const AgentsConfig& config, const PolicyContext& context) {
    std::string key = fmt::format("agents {}", config.need);
    for (const auto* list : {&config.deny, &config.allow}) {
        key += '\n';
        for (const std::string& rule : *list) key += rule + '\0';
    }
    return std::make_shared<AgentsFilter>(config, context.home->slots.of(key));
}

}  // namespace tl::gateway
