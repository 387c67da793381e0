#include "gateway/openapi/merge_paths.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace tl::gateway {

namespace {

// What stands in braces, and what does not; `visit(text, is_name)`.
template <class Visit>
void for_each_piece(std::string_view path, Visit&& visit) {
    while (!path.empty()) {
        const size_t open = path.find('{');
        const size_t close = open == std::string_view::npos ? open : path.find('}', open);
        if (close == std::string_view::npos) return visit(path, false);
        visit(path.substr(0, open), false);
        visit(path.substr(open + 1, close - open - 1), true);
        path.remove_prefix(close + 1);
    }
}

bool is_name(std::string_view segment) {
    return segment.size() > 2 && segment.starts_with('{') && segment.ends_with('}');
}

}  // namespace

std::vector<std::string> names_in(std::string_view path) {
    std::vector<std::string> names;
    for_each_piece(path, [&](std::string_view text, bool name) {
        if (name) names.emplace_back(text);
    });
    return names;
}

std::string with_names(std::string_view path, std::string_view name) {
    std::string out;
    for_each_piece(path, [&](std::string_view text, bool is) { out += is ? name : text; });
    return out;
}

std::string with_names(std::string_view path, const std::vector<std::string>& names) {
    std::string out;
    size_t next = 0;
    for_each_piece(path, [&](std::string_view text, bool name) {
        if (name && next < names.size()) {
            out += "{" + names[next++] + "}";
        } else {
            out += text;
        }
    });
    return out;
}

std::optional<std::string> before_rewrite(const proxy::PathPattern& pattern, std::string_view rewrite,
                                          std::string_view path) {
    const bool takes_rest = rewrite.ends_with("/*");
    if (takes_rest) rewrite.remove_suffix(2);
    std::vector<std::string_view> wanted = base::split(rewrite, '/');
    std::vector<std::string_view> given = base::split(path, '/');
    if (given.size() < wanted.size() || (given.size() > wanted.size() && !takes_rest)) return std::nullopt;
    std::map<std::string_view, std::string_view> taken;
    for (size_t i = 0; i < wanted.size(); ++i) {
        if (is_name(wanted[i])) {
            taken[wanted[i].substr(1, wanted[i].size() - 2)] = given[i];
        } else if (wanted[i] != given[i]) {
            return std::nullopt;
        }
    }
    std::string out;
    for (const proxy::Segment& segment : pattern.segments()) {
        if (segment.kind == proxy::Segment::Kind::literal) out += "/" + segment.text;
        if (segment.kind == proxy::Segment::Kind::rest) {
            for (size_t i = wanted.size(); i < given.size(); ++i) out.append("/").append(given[i]);
        }
        if (segment.kind != proxy::Segment::Kind::param) continue;
        const auto found = taken.find(segment.text);
        out += found == taken.end() ? "/{" + segment.text + "}" : "/" + std::string{found->second};
    }
    return out.empty() ? "/" : out;
}

std::string openapi_path(const proxy::PathPattern& pattern) {
    std::string out;
    for (const proxy::Segment& segment : pattern.segments()) {
        switch (segment.kind) {
            case proxy::Segment::Kind::literal: out += "/" + segment.text; break;
            case proxy::Segment::Kind::param: out += "/{" + segment.text + "}"; break;
            case proxy::Segment::Kind::rest: out += "/{rest}"; break;
        }
    }
    return out.empty() ? "/" : out;
}

}  // namespace tl::gateway
