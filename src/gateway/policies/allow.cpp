#include "gateway/policies/allow.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "codec/http1.h"
#include "gateway/auth/strict_json.h"
#include "gateway/policies/audit_counts.h"
#include "proxy/identity.h"

namespace tl::gateway {

using manifest::list_of;
using manifest::text;
using nlohmann::json;
using proxy::Identity;
using proxy::RequestContext;

namespace {

bool has(const std::vector<std::string>& list, std::string_view one) {
    return std::ranges::find(list, one) != list.end();
}

// A claim as the manifest writes one: numbers and booleans as text.
std::string scalar(const json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

bool is_or_has(const json& claim, std::string_view wanted) {
    if (!claim.is_array()) return !claim.is_object() && !claim.is_null() && scalar(claim) == wanted;
    const auto is_wanted = [&](const json& one) { return one.is_primitive() && scalar(one) == wanted; };
    return std::any_of(claim.begin(), claim.end(), is_wanted);
}

bool matches(const json* claim, const ClaimMatch& match) {
    if (claim == nullptr) return false;
    const auto has_one = [&](const std::string& wanted) { return is_or_has(*claim, wanted); };
    if (match.equals) return claim->is_primitive() && has_one(*match.equals);
    if (match.contains && claim->is_string()) {
        return claim->get_ref<const std::string&>().find(*match.contains) != std::string::npos;
    }
    if (match.contains) return has_one(*match.contains);
    if (!match.any.empty()) return std::ranges::any_of(match.any, has_one);
    return std::ranges::all_of(match.all, has_one);
}

std::string words_of(const ClaimMatch& match) {
    if (match.equals) return *match.equals;
    if (match.contains) return "something with " + *match.contains;
    return (match.any.empty() ? "all of " : "one of ") + base::join(match.any.empty() ? match.all : match.any, ", ");
}

// The rule that does not hold, in words; "" when all do. Who reads it knows the manifest's words, not the caller's
// claims.
std::string broken_rule(const AllowRules& rules, const Identity& identity) {
    for (const std::string& scope : rules.scopes) {
        if (!has(identity.scopes, scope)) return fmt::format("needs the scope {}", scope);
    }
    const auto is_role = [&](const std::string& role) { return has(identity.roles, role); };
    if (!rules.roles.empty() && std::ranges::none_of(rules.roles, is_role)) {
        return fmt::format("needs the role {}", base::join(rules.roles, " or "));
    }
    if (!rules.subjects.empty() && !has(rules.subjects, identity.subject)) return "is for certain callers only";
    if (!rules.plans.empty() && !has(rules.plans, identity.plan)) {
        return fmt::format("needs the plan {}", base::join(rules.plans, " or "));
    }
    for (const auto& [path, match] : rules.claims) {
        if (matches(find_path(identity.claims, path.value), match)) continue;
        return fmt::format("needs the claim {} to be {}", path.value, words_of(match));
    }
    return {};
}

bool has_no_rule(const AllowRules& rules) {
    return rules.scopes.empty() && rules.roles.empty() && rules.subjects.empty() && rules.plans.empty() &&
           rules.claims.empty();
}

class AllowFilter final : public proxy::Filter {
  public:
    AllowFilter(AllowConfig config, std::shared_ptr<AuditCounts> counts)
        : config_(std::move(config)), counts_(std::move(counts)), only_methods_(has_no_rule(config_.rules)) {}

    std::string_view name() const override { return "allow"; }

    Verdict on_request(RequestContext& context) const override {
        const AllowRules* rules = config_.methods.find(context.head().method_text);
        const bool head = context.head().method == codec::Method::head;
        if (rules == nullptr && head) rules = config_.methods.find("GET");
        if (rules == nullptr) rules = &config_.rules;
        // Without an auth policy nobody is known: that is a refusal, not a way past.
        static const Identity kNobody{.method = "anonymous"};
        const Identity& identity = context.identity != nullptr ? *context.identity : kNobody;
        std::string broken = rules == &config_.rules && only_methods_ ? "has no rule for this method, so nobody may"
                                                                      : broken_rule(*rules, identity);
        if (broken.empty()) return Verdict::proceed;
        if (config_.audit) {
            counts_->add();
            context.note("allow", base::printable(fmt::format("would refuse: {}", broken), 96));
            return Verdict::proceed;
        }
        context.note("allow", base::printable(broken, 96));
        context.refusal = {.cause = proxy::Cause::forbidden, .detail = "this route " + broken};
        return Verdict::refuse;
    }

  private:
    AllowConfig config_;
    std::shared_ptr<AuditCounts> counts_;
    bool only_methods_;  // there are rules for methods, and none for the others
};

void check_match(const ClaimMatch& match, manifest::Position at, manifest::Diagnostics& diagnostics) {
    const int said =
        (match.equals ? 1 : 0) + (match.contains ? 1 : 0) + (match.any.empty() ? 0 : 1) + (match.all.empty() ? 0 : 1);
    if (said == 1) return;
    diagnostics.error(at, "a claim is matched by exactly one of equals, contains, any and all", "keep one of them");
}

void check_allow(const AllowConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (has_no_rule(config.rules) && config.methods.empty()) {
        diagnostics.error(at, "allow has no rule, so it would let everybody pass", "say scopes, roles or claims");
    }
    for (const auto& [method, each] : config.methods) {
        if (method.value != base::lower(method.value)) continue;
        diagnostics.error(method.at, fmt::format("method \"{}\" is in lower case", method.value),
                          "methods are written GET, POST");
    }
}

std::optional<std::string> check_method(std::string_view name) {
    if (codec::is_token(name)) return std::nullopt;
    return "is no name of a method";
}

auto words(const char* wanted) { return list_of(text(wanted).any_scalar()).or_single(); }

const manifest::Object<ClaimMatch>& match_schema() {
    static const auto schema = manifest::Object<ClaimMatch>("a claim's match")
                                   .field("equals", &ClaimMatch::equals, text("a value").any_scalar())
                                   .doc("Exactly this.")
                                   .field("contains", &ClaimMatch::contains, text("a value").any_scalar())
                                   .doc("A list with this in it, or a text with this within.")
                                   .field("any", &ClaimMatch::any, words("a value"))
                                   .doc("One of these, or a list with one of these.")
                                   .field("all", &ClaimMatch::all, words("a value"))
                                   .doc("A list with all of these.")
                                   .validate(check_match);
    return schema;
}

const manifest::Object<AllowRules>& rules_schema() {
    static const auto schema =
        manifest::Object<AllowRules>("rules for callers")
            .field("scopes", &AllowRules::scopes, words("a scope"))
            .doc("Scopes that the caller must have, all of them.")
            .example("[orders:read]")
            .field("roles", &AllowRules::roles, words("a role"))
            .doc("Roles of which the caller must have one.")
            .example("[staff]")
            .field("subjects", &AllowRules::subjects, words("a caller"))
            .doc("Callers by their names: one of these.")
            .field("plans", &AllowRules::plans, words("a plan"))
            .doc("Plans: one of these.")
            .field("claims", &AllowRules::claims,
                   manifest::map_of(match_schema().or_scalar("equals")).names(text("a claim's path")).at_most(64))
            .doc("Claims by their path (a.b for a claim in a claim), and what each must be.")
            .example("{ tier: { any: [gold, silver] } }");
    return schema;
}

}  // namespace

const manifest::Object<AllowConfig>& allow_schema() {
    static const auto schema =
        manifest::Object<AllowConfig>("an allow policy")
            .position(&AllowConfig::at)
            .include(&AllowConfig::rules, rules_schema())
            .field("methods", &AllowConfig::methods,
                   manifest::map_of(rules_schema()).names(text("a method").check(check_method)).at_most(32))
            .doc("Other rules for these methods, in place of those beside it.")
            .example("{ POST: { scopes: [orders:write] } }")
            .field("audit", &AllowConfig::audit, manifest::boolean())
            .doc("Only note and count what would be refused.")
            .validate(check_allow);
    return schema;
}

FilterPtr make_allow_filter(const AllowConfig& config, const PolicyContext& context) {
    return std::make_shared<AllowFilter>(
        config, context.home->keeper.keep<AuditCounts>("audit of allow on " + context.route, "allow", context.route));
}

}  // namespace tl::gateway
