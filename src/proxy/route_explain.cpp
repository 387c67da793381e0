// Why each route lost, in words for the person who wrote it: the 404 of development mode. Never on the hot path; what
// came from the client is cut and made printable.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/text.h"
#include "proxy/route_match.h"
#include "proxy/route_table.h"

namespace tl::proxy {

namespace {

constexpr size_t kShown = 64;  // characters of a client's text that are compared and shown

std::string shown(std::string_view text) { return base::printable(text, kShown); }

// How far a path came along a pattern.
struct PathWay {
    bool matches = false;
    size_t segments = 0;  // that matched, from the left
    size_t distance = 0;  // edits that the next one would need
};

bool segment_matches(const Segment& wanted, std::string_view given) {
    return wanted.kind == Segment::Kind::param ? !given.empty() : wanted.text == given;
}

PathWay walk(const std::vector<Segment>& wanted, const std::vector<std::string_view>& given) {
    PathWay way;
    for (; way.segments < wanted.size(); ++way.segments) {
        const Segment& segment = wanted[way.segments];
        if (segment.kind == Segment::Kind::rest) {
            way.matches = true;
            return way;
        }
        if (way.segments == given.size()) {
            way.distance = segment.text.size();
            return way;
        }
        const std::string_view here = given[way.segments];
        if (segment_matches(segment, here)) continue;
        way.distance = base::edit_distance(here.substr(0, kShown), segment.text);
        return way;
    }
    way.matches = given.size() == wanted.size();
    if (!way.matches) way.distance = given[way.segments].size();
    return way;
}

std::string as_pattern(const Segment& segment) {
    return segment.kind == Segment::Kind::param ? '{' + segment.text + '}' : segment.text;
}

std::string why_segment(const Segment& wanted, std::string_view given) {
    if (wanted.kind == Segment::Kind::param)
        return fmt::format("empty; {} takes at least one character", as_pattern(wanted));
    if (wanted.text.empty()) return fmt::format("\"{}\"; the route ends in \"/\" there", shown(given));
    if (given.empty()) return fmt::format("empty; the route wants \"{}\"", wanted.text);
    const bool near = !base::nearest(given.substr(0, kShown), {wanted.text}).empty();
    return near ? fmt::format("\"{}\"; did you mean \"{}\"?", shown(given), wanted.text)
                : fmt::format("\"{}\"; the route wants \"{}\"", shown(given), wanted.text);
}

std::string why_path(const PathPattern& pattern, const PathWay& way, const std::vector<std::string_view>& given) {
    const auto& wanted = pattern.segments();
    const size_t at = way.segments;
    if (at < wanted.size() && at < given.size()) {
        return fmt::format("path: {} does not match at segment {} ({})", pattern.text(), at + 1,
                           why_segment(wanted[at], given[at]));
    }
    if (at < wanted.size()) {
        if (wanted[at].text.empty()) return fmt::format("path: {} ends in \"/\", the request does not", pattern.text());
        return fmt::format("path: {} goes on with \"{}\" where the request ends", pattern.text(),
                           as_pattern(wanted[at]));
    }
    if (at + 1 == given.size() && given[at].empty()) {
        return fmt::format("path: {} has no \"/\" at its end, the request has", pattern.text());
    }
    return fmt::format("path: {} ends where the request goes on with \"{}\"", pattern.text(), shown(given[at]));
}

std::string listed(const std::vector<std::string>& methods) {
    return methods.size() == 1 ? methods[0] : "one of " + base::join(methods, ", ");
}

std::string why_header(const FieldMatch& wanted, const codec::HeaderTable& headers) {
    const codec::Header* const given = headers.find(wanted.name);
    if (given == nullptr) return fmt::format("header {} is missing", wanted.name);
    return fmt::format("header {} is \"{}\", the route wants \"{}\"", wanted.name, shown(given->value), *wanted.value);
}

std::string why_query(const FieldMatch& wanted, std::string_view query) {
    if (!query_matches({wanted.name, std::nullopt}, query)) return fmt::format("query {} is missing", wanted.name);
    return fmt::format("query {} has another value, the route wants \"{}\"", wanted.name, *wanted.value);
}

struct Considered {
    const Route* route = nullptr;
    size_t index = 0;
    bool host = false;
    PathWay way;

    // The smaller, the nearer.
    [[nodiscard]] auto rank() const { return std::tuple{!way.matches, ~way.segments, way.distance, !host, index}; }
};

Considered consider(const Route& route, size_t index, std::string_view host,
                    const std::vector<std::string_view>& given) {
    const bool host_matches = host_covers(host_in_form(route.rule.host), host);
    return {&route, index, host_matches, walk(route.rule.path.segments(), given)};
}

std::vector<std::string> reasons(const Considered& considered, const codec::RequestHead& head, std::string_view host,
                                 const std::vector<std::string_view>& given) {
    const RouteRule& rule = considered.route->rule;
    std::vector<std::string> why;
    if (!considered.way.matches) why.push_back(why_path(rule.path, considered.way, given));
    if (!considered.host) {
        why.push_back(host.empty() ? fmt::format("the request names no host, the route wants {}", rule.host)
                                   : fmt::format("host is {}, the route wants {}", shown(host), rule.host));
    }
    // The rest only matters once the path fits.
    if (!considered.way.matches) return why;
    if (!MethodSet{rule.methods}.has(head)) {
        why.push_back(fmt::format("method is {}, the route takes {}", shown(head.method_text), listed(rule.methods)));
    }
    for (const FieldMatch& header : rule.headers) {
        const codec::Field field = codec::lookup_field(header.name);
        if (!header_matches(header, field, head.headers)) why.push_back(why_header(header, head.headers));
    }
    for (const FieldMatch& pair : rule.query) {
        if (!query_matches(pair, head.query)) why.push_back(why_query(pair, head.query));
    }
    if (why.empty()) why.emplace_back("it matches, if no other route goes before it");
    return why;
}

}  // namespace

std::vector<RouteTable::Verdict> RouteTable::explain(const codec::RequestHead& head, std::string_view path,
                                                     size_t most) const {
    std::vector<Verdict> verdicts;
    if (!path.starts_with('/')) {
        for (size_t i = 0; i < std::min(most, routes_.size()); ++i) {
            verdicts.push_back(
                {routes_[i].get(), fmt::format("path: \"{}\" is no path; routes match paths", shown(path))});
        }
        return verdicts;
    }
    const std::string host = base::lower(host_of(head.authority));
    const std::vector<std::string_view> given = base::split(path.substr(1), '/');
    std::vector<Considered> all;
    all.reserve(routes_.size());
    for (const auto& route : routes_) all.push_back(consider(*route, all.size(), host, given));
    std::ranges::sort(all, {}, &Considered::rank);
    all.resize(std::min(most, all.size()));
    for (const Considered& considered : all) {
        verdicts.push_back({considered.route, base::join(reasons(considered, head, host, given), "; ")});
    }
    return verdicts;
}

}  // namespace tl::proxy
