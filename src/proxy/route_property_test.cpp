// Random tables and requests: the router and a plain one agree; conflicts, shadowed and explain keep
// their word.
#include <gtest/gtest.h>

#include "base/random.h"
#include "proxy/route_testing.h"

namespace tl::proxy {
namespace {

using namespace testing;

std::string told(const std::vector<RouteRule>& rules, const Line& request) {
    std::string text = "request " + request.methods[0] + ' ' + request.host + request.path + '?' + request.query;
    for (const FieldMatch& header : request.headers) text += ' ' + header.name + ':' + header.value.value_or("");
    for (const RouteRule& rule : rules) {
        text += "\n  " + base::join(rule.methods, ",") + ' ' + rule.host + rule.path.text() + " !" +
                std::to_string(rule.priority);
        for (const FieldMatch& field : rule.headers) text += ' ' + field.name + ':' + field.value.value_or("*");
        for (const FieldMatch& field : rule.query) text += " ?" + field.name + '=' + field.value.value_or("*");
    }
    return text;
}

std::vector<std::string> params_of(const PathMatch& match) { return {match.params, match.params + match.count}; }

struct Seen {
    size_t found = 0;
    size_t tied = 0;
    size_t shadowed = 0;
};

// One request against one table; `index` tells a route of the table by its address.
void check(const std::vector<RouteRule>& rules, const RouteTable& table, const Line& request,
           const std::vector<RouteTable::Conflict>& conflicts, const std::vector<RouteTable::Conflict>& shadowed,
           Seen& seen) {
    codec::RequestHead head;
    fill(head, request);
    const PlainAnswer wanted = plain_find(rules, request);
    const RouteMatch found = table.find(head, request.path);
    ASSERT_EQ(found.route != nullptr, wanted.route.has_value());
    const auto verdicts = table.explain(head, request.path, rules.size());
    ASSERT_EQ(verdicts.size(), rules.size());
    for (const auto& verdict : verdicts) {
        const bool matches = verdict.why.starts_with("it matches");
        if (verdict.route == found.route) ASSERT_TRUE(matches) << verdict.why;
        if (found.route == nullptr) ASSERT_FALSE(matches) << verdict.route->rule.path.text();
    }
    if (found.route == nullptr) return;
    ++seen.found;
    ASSERT_EQ(found.route, table.routes()[*wanted.route].get());
    ASSERT_EQ(params_of(found.path), wanted.match.params);
    ASSERT_EQ(found.path.rest, wanted.match.rest);
    for (const size_t tied : wanted.tied) {
        ++seen.tied;
        ASSERT_TRUE(std::ranges::any_of(
            conflicts, [&](const auto& pair) { return pair.first == *wanted.route && pair.second == tied; }));
    }
    for (const auto& pair : shadowed) ASSERT_NE(pair.second, *wanted.route) << "a shadowed route matched";
    seen.shadowed += shadowed.size();
}

TEST(RouteProperty, FindsWhatAPlainSearchFinds) {
    base::Random random(20261120);
    const auto dice = [&random](unsigned n) { return random.below(n); };
    Seen seen;
    for (int round = 0; round < 3000; ++round) {
        const unsigned names = round % 3 == 0 ? 12 : 3;  // many children are hashed, few compared
        const bool priorities = round % 4 == 0;
        std::vector<RouteRule> rules;
        const unsigned count = 1 + dice(round % 5 == 0 ? 40 : 16);
        for (unsigned i = 0; i < count; ++i) rules.push_back(rule_of(random_line(dice, names, true, priorities)));
        const RouteTable table = table_of(rules);
        const auto conflicts = RouteTable::conflicts(rules);
        const auto shadowed = RouteTable::shadowed(rules);
        for (int i = 0; i < 20; ++i) {
            const Line request = random_line(dice, names, false, false);
            SCOPED_TRACE(told(rules, request));
            check(rules, table, request, conflicts, shadowed, seen);
            if (HasFatalFailure()) return;
        }
    }
    // Otherwise the dice are loaded, and the test says nothing.
    EXPECT_GT(seen.found, 5000U);
    EXPECT_GT(seen.tied, 20U);
    EXPECT_GT(seen.shadowed, 20U);
}

}  // namespace
}  // namespace tl::proxy
