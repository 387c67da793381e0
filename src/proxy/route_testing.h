// For tests and the fuzz target: routes and requests written as one line of text, a random table and request from any
// dice, and a second router that looks at each route by itself, slow and plain, sharing nothing with the first but the
// rules. A line is "[METHODS] host/path[?key=value&key] [header[:value]]... [!priority]"; for a request the same.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/text.h"
#include "proxy/route_table.h"

namespace tl::proxy::testing {

inline std::vector<FieldMatch> fields_of(std::string_view text, char between, char equals) {
    std::vector<FieldMatch> fields;
    for (const std::string_view part : base::split(text, between)) {
        const size_t at = part.find(equals);
        FieldMatch field{std::string{part.substr(0, at)}, std::nullopt};
        if (at != std::string_view::npos) field.value = std::string{part.substr(at + 1)};
        if (!part.empty()) fields.push_back(std::move(field));
    }
    return fields;
}

struct Line {
    std::string text;
    std::vector<std::string> methods;
    std::string host;
    std::string path;
    std::string query;
    std::vector<FieldMatch> headers;
    int priority = 0;
};

inline Line parse_line(std::string_view text) {
    Line line{.text = std::string{text}};
    for (const std::string_view word : base::split(text, ' ')) {
        const size_t slash = word.find('/');
        if (!line.path.empty()) {
            if (word.starts_with('!')) {
                line.priority = std::stoi(std::string{word.substr(1)});
            } else {
                std::ranges::move(fields_of(word, ' ', ':'), std::back_inserter(line.headers));
            }
        } else if (slash == std::string_view::npos) {
            for (const std::string_view method : base::split(word, ',')) line.methods.emplace_back(method);
        } else {
            const size_t mark = std::min(word.find('?'), word.size());
            line.host = word.substr(0, slash);
            line.path = word.substr(slash, mark - slash);
            line.query = word.substr(std::min(mark + 1, word.size()));
        }
    }
    return line;
}

inline RouteRule rule_of(const Line& line) {
    auto path = PathPattern::parse(line.path);
    if (!path) std::abort();  // the test itself is wrong
    return {.name = line.text,
            .host = line.host,
            .path = *path,
            .methods = line.methods,
            .headers = line.headers,
            .query = fields_of(line.query, '&', '='),
            .priority = line.priority};
}

inline std::vector<RouteRule> rules_of(const std::vector<std::string>& lines) {
    std::vector<RouteRule> rules;
    for (const std::string& line : lines) rules.push_back(rule_of(parse_line(line)));
    return rules;
}

inline RouteTable table_of(const std::vector<RouteRule>& rules) {
    std::vector<Route> routes;
    for (const RouteRule& rule : rules) routes.push_back({.rule = rule});
    return RouteTable::make(std::move(routes));
}

// Puts the request into `head`, which keeps views into `line`.
inline void fill(codec::RequestHead& head, const Line& line) {
    using codec::Method;
    head.method_text = line.methods.empty() ? std::string_view{"GET"} : std::string_view{line.methods[0]};
    head.method = Method::other;
    for (unsigned i = 0; i < static_cast<unsigned>(Method::other); ++i) {
        if (codec::to_string(static_cast<Method>(i)) == head.method_text) head.method = static_cast<Method>(i);
    }
    head.authority = line.host;
    head.path = line.path;
    head.query = line.query;
    head.headers.clear();
    for (const FieldMatch& header : line.headers) {
        head.headers.add(header.name, header.value ? std::string_view{*header.value} : std::string_view{});
    }
}

// ---- The plain router.

struct PlainMatch {
    std::vector<std::string> params;
    std::string rest;
};

inline std::optional<PlainMatch> plain_path(const PathPattern& pattern, std::string_view path) {
    PlainMatch match;
    std::string left{path};
    for (const Segment& segment : pattern.segments()) {
        if (segment.kind == Segment::Kind::rest) {
            match.rest = left;
            return match;
        }
        if (left.empty()) return std::nullopt;
        left.erase(0, 1);
        const std::string here = left.substr(0, left.find('/'));
        left.erase(0, here.size());
        if (segment.kind == Segment::Kind::literal && here != segment.text) return std::nullopt;
        if (segment.kind == Segment::Kind::param) {
            if (here.empty()) return std::nullopt;
            match.params.push_back(here);
        }
    }
    return left.empty() ? std::optional{match} : std::nullopt;
}

// 0: no match; else the higher, the more specific.
inline size_t plain_host(std::string_view rule, std::string host) {
    host = base::lower(host.substr(0, host.find(':')));
    if (host.ends_with('.')) host.pop_back();
    if (rule.empty()) return 1;
    if (rule == host) return 10'000;
    if (!rule.starts_with("*.") || host.size() < rule.size()) return 0;
    return host.ends_with(rule.substr(1)) ? 1 + rule.size() : 0;
}

inline bool plain_fields(const RouteRule& rule, const Line& request) {
    const auto meets = [](const FieldMatch& wanted, const std::vector<FieldMatch>& given, bool any_case) {
        return std::ranges::any_of(given, [&](const FieldMatch& field) {
            const bool same =
                any_case ? base::lower(field.name) == base::lower(wanted.name) : field.name == wanted.name;
            return same && (!wanted.value || field.value.value_or("") == *wanted.value);
        });
    };
    const std::vector<FieldMatch> query = fields_of(request.query, '&', '=');
    return std::ranges::all_of(rule.headers, [&](const FieldMatch& f) { return meets(f, request.headers, true); }) &&
           std::ranges::all_of(rule.query, [&](const FieldMatch& f) { return meets(f, query, false); });
}

inline bool has(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

inline bool plain_method(const RouteRule& rule, std::string_view method) {
    return rule.methods.empty() || has(rule.methods, method) || (method == "HEAD" && has(rule.methods, "GET"));
}

// Left to right: literal before parameter before the path's end before "*".
inline std::string plain_shape(const PathPattern& pattern) {
    std::string shape;
    for (const Segment& segment : pattern.segments()) shape += "lpr"[static_cast<size_t>(segment.kind)];
    return shape + 'q';
}

// What decides between two routes that both match; the greater wins.
inline auto plain_rank(const RouteRule& rule, size_t host) {
    std::string shape = plain_shape(rule.path);
    for (char& c : shape) c = c == 'l' ? '3' : c == 'p' ? '2' : c == 'q' ? '1' : '0';
    size_t exact = 0;
    for (const FieldMatch& field : rule.headers) exact += field.value ? 1 : 0;
    for (const FieldMatch& field : rule.query) exact += field.value ? 1 : 0;
    const size_t conditions = (rule.methods.empty() ? 0 : 1) + rule.headers.size() + rule.query.size();
    return std::tuple{rule.priority, host, shape, conditions, exact, has(rule.methods, "HEAD")};
}

struct PlainAnswer {
    std::optional<size_t> route;
    std::vector<size_t> tied;  // routes with the same rank as the one that won
    PlainMatch match;
};

inline PlainAnswer plain_find(const std::vector<RouteRule>& rules, const Line& request) {
    const std::string method = request.methods.empty() ? "GET" : request.methods[0];
    PlainAnswer answer;
    decltype(plain_rank(rules[0], 0)) best;
    for (size_t i = 0; i < rules.size(); ++i) {
        const size_t host = plain_host(rules[i].host, request.host);
        const auto match = plain_path(rules[i].path, request.path);
        if (host == 0 || !match || !plain_method(rules[i], method) || !plain_fields(rules[i], request)) continue;
        const auto rank = plain_rank(rules[i], host);
        if (answer.route && rank == best) answer.tied.push_back(i);
        if (answer.route && rank <= best) continue;
        answer = {i, {}, *match};
        best = rank;
    }
    return answer;
}

// ---- Random tables and requests. `dice(n)` is a number in [0, n).

template <class Dice>
std::string random_path(Dice& dice, unsigned names, bool pattern) {
    std::string path;
    const unsigned depth = dice(4);
    for (unsigned i = 0; i < depth; ++i) {
        const unsigned drawn = dice(names + 2);
        path += '/';
        if (drawn < names) {
            path += static_cast<char>('a' + drawn);
        } else if (drawn == names && pattern) {
            path += "{p" + std::to_string(i) + '}';
        }
    }
    if (pattern && dice(4) == 0) return path + "/*";
    return path.empty() ? "/" : path;
}

template <class Dice>
std::string random_host(Dice& dice, bool pattern) {
    static constexpr const char* kRules[] = {"", "", "a.com", "*.a.com", "*.b.a.com", "b.a.com", "*.com", "c.b.a.com"};
    static constexpr const char* kGiven[] = {"a.com",     "b.a.com", "C.b.a.com:80", "d.com.",
                                             "x.b.a.com", "",        "com",          "y.a.com"};
    const unsigned drawn = dice(18);
    if (drawn >= 8) return drawn < 12 ? "" : "h" + std::to_string(drawn) + ".net";
    return pattern ? kRules[drawn] : kGiven[drawn];
}

template <class Dice>
Line random_line(Dice& dice, unsigned names, bool rule, bool priorities) {
    static constexpr const char* kMethods[] = {"GET", "HEAD", "POST", "OPTIONS", "LINK"};
    Line line;
    line.host = random_host(dice, rule);
    line.path = random_path(dice, names, rule);
    const unsigned methods = rule ? dice(3) : 1;
    for (unsigned i = 0; i < methods; ++i) {
        const std::string method = kMethods[dice(5)];
        if (!has(line.methods, method)) line.methods.push_back(method);
    }
    for (const char* name : {"x-a", "Accept"}) {
        const unsigned drawn = dice(rule ? 8 : 4);  // a rule asks for it with 2 of 8
        if (drawn > 2) continue;
        FieldMatch field{name, std::to_string(drawn)};
        if (rule && drawn == 2) field.value.reset();
        line.headers.push_back(field);
    }
    const unsigned query = dice(rule ? 6 : 3);
    if (query < 2) line.query = query == 0 ? "k" : "k=1";
    if (priorities) line.priority = static_cast<int>(dice(3)) - 1;
    return line;
}

}  // namespace tl::proxy::testing
