// What `check` and `plan` ask about routes before a table is made of them: which tie, which never match.
#include <algorithm>
#include <map>
#include <optional>

#include "base/text.h"
#include "proxy/route_match.h"
#include "proxy/route_table.h"

namespace tl::proxy {

namespace {

using Conflict = RouteTable::Conflict;

constexpr size_t kMostConflicts = 256;  // a generated manifest may tie everything with everything

// Host and shape of the path: what two routes share when only conditions tell them apart.
std::string place_of(const RouteRule& rule) {
    std::string place = host_in_form(rule.host);
    for (const Segment& segment : rule.path.segments()) {
        switch (segment.kind) {
            case Segment::Kind::literal: place += '/' + segment.text; break;
            case Segment::Kind::param: place += "/{}"; break;  // no literal has braces
            case Segment::Kind::rest: place += "/*"; break;
        }
    }
    return place;
}

std::vector<RuleMatcher> matchers_of(const std::vector<RouteRule>& rules) {
    std::vector<RuleMatcher> matchers;
    matchers.reserve(rules.size());
    for (size_t i = 0; i < rules.size(); ++i) matchers.emplace_back(rules[i], i);
    return matchers;
}

using Places = std::map<std::string, std::vector<const RuleMatcher*>>;

Places by_place(const std::vector<RuleMatcher>& matchers) {
    Places places;
    for (const RuleMatcher& matcher : matchers) places[place_of(matcher.rule())].push_back(&matcher);
    return places;
}

enum class Names : uint8_t { header, query };

bool same_name(const FieldMatch& a, const FieldMatch& b, Names names) {
    return names == Names::header ? base::iequals(a.name, b.name) : a.name == b.name;
}

// Two values asked of one name: taken as "never both", though a request could repeat the name.
bool exclude(const std::vector<FieldMatch>& mine, const std::vector<FieldMatch>& theirs, Names names) {
    return std::ranges::any_of(mine, [&](const FieldMatch& a) {
        return std::ranges::any_of(theirs, [&](const FieldMatch& b) {
            return a.value && b.value && *a.value != *b.value && same_name(a, b, names);
        });
    });
}

// Whatever meets all of `theirs` meets all of `mine`.
bool implied(const std::vector<FieldMatch>& mine, const std::vector<FieldMatch>& theirs, Names names) {
    return std::ranges::all_of(mine, [&](const FieldMatch& a) {
        return std::ranges::any_of(
            theirs, [&](const FieldMatch& b) { return same_name(a, b, names) && (!a.value || a.value == b.value); });
    });
}

bool tie(const RuleMatcher& a, const RuleMatcher& b) {
    return a.same_rank(b) && a.methods().meets(b.methods()) &&
           !exclude(a.rule().headers, b.rule().headers, Names::header) &&
           !exclude(a.rule().query, b.rule().query, Names::query);
}

bool conditions_cover(const RuleMatcher& mine, const RuleMatcher& theirs) {
    return mine.methods().covers(theirs.methods()) &&
           implied(mine.rule().headers, theirs.rule().headers, Names::header) &&
           implied(mine.rule().query, theirs.rule().query, Names::query);
}

// With the same priority a route that covers another's host and path is either at the same place or less specific, and
// then asked later: only neighbours at one place can take all.
const RuleMatcher* taken_by_neighbour(const RuleMatcher& matcher, const std::vector<const RuleMatcher*>& neighbours) {
    for (const RuleMatcher* other : neighbours) {
        if (other->before(matcher) && conditions_cover(*other, matcher)) return other;
    }
    return nullptr;
}

// `by_priority`: the highest first.
const RuleMatcher* taken_by_priority(const RuleMatcher& matcher, const std::vector<const RuleMatcher*>& by_priority) {
    const std::string host = host_in_form(matcher.rule().host);
    for (const RuleMatcher* other : by_priority) {
        if (other->priority() <= matcher.priority()) break;
        if (other->rule().path.covers(matcher.rule().path) && conditions_cover(*other, matcher) &&
            host_covers(host_in_form(other->rule().host), host)) {
            return other;
        }
    }
    return nullptr;
}

void sort_by_second(std::vector<Conflict>& pairs) {
    std::ranges::sort(pairs, {}, [](const Conflict& c) { return std::pair{c.second, c.first}; });
}

}  // namespace

std::vector<Conflict> RouteTable::conflicts(const std::vector<RouteRule>& rules) {
    const std::vector<RuleMatcher> matchers = matchers_of(rules);
    std::vector<Conflict> found;
    for (const auto& [place, here] : by_place(matchers)) {
        for (size_t i = 0; i < here.size(); ++i) {
            for (size_t j = i + 1; j < here.size() && found.size() < kMostConflicts; ++j) {
                if (tie(*here[i], *here[j])) found.push_back({here[i]->index(), here[j]->index()});
            }
        }
    }
    sort_by_second(found);
    return found;
}

std::vector<Conflict> RouteTable::shadowed(const std::vector<RouteRule>& rules) {
    const std::vector<RuleMatcher> matchers = matchers_of(rules);
    std::vector<const RuleMatcher*> by_priority;
    for (const RuleMatcher& matcher : matchers) by_priority.push_back(&matcher);
    std::ranges::sort(by_priority, {},
                      [](const RuleMatcher* m) { return std::pair{-int64_t{m->priority()}, m->index()}; });

    std::vector<Conflict> found;
    for (const auto& [place, here] : by_place(matchers)) {
        for (const RuleMatcher* matcher : here) {
            const RuleMatcher* by = taken_by_priority(*matcher, by_priority);
            if (by == nullptr) by = taken_by_neighbour(*matcher, here);
            if (by != nullptr) found.push_back({by->index(), matcher->index()});
        }
    }
    sort_by_second(found);
    return found;
}

}  // namespace tl::proxy
