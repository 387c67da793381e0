#include "app/import/kong_paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace tl::app {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_char(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

// Cuts at "/" outside of groups and classes. Nothing when they are not closed, or an alternative stands outside.
std::optional<std::vector<std::string_view>> segments_of(std::string_view expression) {
    std::vector<std::string_view> all;
    size_t begin = 0;
    int groups = 0;
    bool in_class = false;
    for (size_t i = 0; i < expression.size(); ++i) {
        const char c = expression[i];
        if (c == '\\') {
            ++i;
        } else if (in_class) {
            in_class = c != ']';
        } else if (c == '[') {
            in_class = true;
        } else if (c == '(') {
            ++groups;
        } else if (c == ')') {
            --groups;
        } else if (c == '|' && groups == 0) {
            return std::nullopt;
        } else if (c == '/' && groups == 0) {
            all.push_back(expression.substr(begin, i - begin));
            begin = i + 1;
        }
        if (groups < 0) return std::nullopt;
    }
    if (groups != 0 || in_class) return std::nullopt;
    all.push_back(expression.substr(begin));
    return all;
}

// "v1\.2" is "v1.2". A dot that is not escaped stands for itself: that takes less, not more.
std::optional<std::string> literal_of(std::string_view segment) {
    std::string out;
    for (size_t i = 0; i < segment.size(); ++i) {
        char c = segment[i];
        if (c == '\\') {
            if (++i == segment.size() || is_name_char(segment[i])) return std::nullopt;
            c = segment[i];
        } else if (!is_name_char(c) && !std::string_view{"-._~%@:!,;= "}.contains(c)) {
            return std::nullopt;
        }
        if (std::string_view{"{}*/"}.contains(c)) return std::nullopt;
        out += c;
    }
    return out;
}

struct Repeat {
    bool one_segment = false;  // at least one character, none of them a slash
    bool exact = false;        // any such
    bool rest = false;         // .* and .+
};

// What one repeated class takes: "[^/]+", "\d+", "[a-z]{2,8}", ".*".
std::optional<Repeat> repeat_of(std::string_view text) {
    if (text == ".*" || text == ".+") return Repeat{.rest = true};
    size_t end = 0;
    if (text.starts_with('[')) {
        end = text.find(']', text.starts_with("[^") ? 3 : 2);
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view inside = text.substr(1, end - 1);
        if (inside.contains('/') && !inside.starts_with('^')) return std::nullopt;
        ++end;
    } else if (text.size() >= 2 && text[0] == '\\' && std::string_view{"dwS"}.contains(text[1])) {
        end = 2;
    } else {
        return std::nullopt;
    }
    const std::string_view how_often = text.substr(end);
    const bool counted = how_often.starts_with('{') && how_often.size() > 2 && how_often.ends_with('}') &&
                         std::ranges::all_of(how_often.substr(1, how_often.size() - 2),
                                             [](char c) { return is_digit(c) || c == ','; }) &&
                         is_digit(how_often[1]) && how_often[1] != '0';
    if (how_often != "+" && !counted) return std::nullopt;
    return Repeat{.one_segment = true, .exact = text == "[^/]+"};
}

// "(?<id>\d+)" to its name and what is inside; without a name or a group, too.
struct Group {
    std::string name;
    std::string_view inside;
};
std::optional<Group> group_of(std::string_view segment) {
    if (!segment.starts_with('(')) return Group{.name = {}, .inside = segment};
    if (!segment.ends_with(')') || segment.size() < 3) return std::nullopt;
    segment = segment.substr(1, segment.size() - 2);
    if (segment.starts_with("?:")) return Group{.name = {}, .inside = segment.substr(2)};
    if (!segment.starts_with("?")) return Group{.name = {}, .inside = segment};
    const size_t open = segment.find('<');
    const size_t end = segment.find('>');
    if (open > 2 || end == std::string_view::npos || end < open) return std::nullopt;
    const std::string_view name = segment.substr(open + 1, end - open - 1);
    if (name.empty() || !std::ranges::all_of(name, is_name_char)) return std::nullopt;
    return Group{.name = std::string{name}, .inside = segment.substr(end + 1)};
}

}  // namespace

bool is_kong_regex(std::string_view path, int major) {
    if (path.starts_with('~')) return true;
    return major < 3 && path.find_first_of("()[]{}*+?^$|\\") != std::string_view::npos;
}

KongPath kong_prefix(std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    return {.stem = std::string{path}, .below = true};
}

std::optional<KongPath> kong_regex(std::string_view expression) {
    if (expression.starts_with('~')) expression.remove_prefix(1);
    if (expression.starts_with('^')) expression.remove_prefix(1);
    KongPath path{.stem = {}, .below = true};
    if (expression.ends_with('$') && !expression.ends_with("\\$")) {
        path.below = false;
        expression.remove_suffix(1);
    }
    if (expression.ends_with("/?")) expression.remove_suffix(2);
    if (!expression.starts_with('/')) return expression.empty() && path.below ? std::optional{path} : std::nullopt;
    const auto segments = segments_of(expression.substr(1));
    if (!segments) return std::nullopt;
    for (size_t i = 0; i < segments->size(); ++i) {
        const std::string_view segment = (*segments)[i];
        const bool last = i + 1 == segments->size();
        if (segment.empty() && last) break;
        if (const auto literal = literal_of(segment)) {
            path.stem += "/" + *literal;
            // Without an end it takes what only begins like this segment; a manifest takes whole ones.
            continue;
        }
        const auto group = group_of(segment);
        const auto repeat = group ? repeat_of(group->inside) : std::nullopt;
        if (!repeat || (repeat->rest && !last)) return std::nullopt;
        if (repeat->rest) {
            path.below = true;
            break;
        }
        path.wider = path.wider || !repeat->exact;
        path.stem += "/{" + (group->name.empty() ? fmt::format("p{}", i + 1) : group->name) + "}";
    }
    return path;
}

}  // namespace tl::app
