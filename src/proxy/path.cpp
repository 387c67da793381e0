#include "proxy/path.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace tl::proxy {

namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char low = base::to_lower(c);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

bool is_unreserved(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

bool has_dot_segment(std::string_view path) {
    for (size_t at = path.find("/."); at != std::string_view::npos; at = path.find("/.", at + 1)) {
        const std::string_view after = path.substr(at + 2);
        if (after.empty() || after[0] == '/' || after == "." || after.starts_with("./")) return true;
    }
    return false;
}

base::Result<std::string_view> decode_unreserved(std::string_view path, base::Arena& arena) {
    char* const out = arena.allocate(path.size());
    size_t size = 0;
    for (size_t i = 0; i < path.size(); ++i) {
        if (path[i] != '%') {
            out[size++] = path[i];
            continue;
        }
        const int high = i + 2 < path.size() ? hex_value(path[i + 1]) : -1;
        const int low = i + 2 < path.size() ? hex_value(path[i + 2]) : -1;
        if (high < 0 || low < 0) return base::fail(base::Code::invalid, "the path has a broken percent code");
        const int value = high * 16 + low;
        if (value == 0) return base::fail(base::Code::invalid, "the path has a coded NUL byte");
        constexpr std::string_view kUpper = "0123456789ABCDEF";
        if (is_unreserved(value)) {
            out[size++] = static_cast<char>(value);
        } else {
            out[size++] = '%';
            out[size++] = kUpper[static_cast<size_t>(high)];
            out[size++] = kUpper[static_cast<size_t>(low)];
        }
        i += 2;
    }
    return std::string_view{out, size};
}

// A coded slash or backslash stays part of its segment, but many services decode it before they resolve dots.
bool has_hidden_dot_segment(std::string_view path, base::Arena& arena) {
    if (path.find("%2F") == std::string_view::npos && path.find("%5C") == std::string_view::npos) return false;
    char* const out = arena.allocate(path.size());
    size_t size = 0;
    while (!path.empty()) {
        const bool coded = path.starts_with("%2F") || path.starts_with("%5C");
        out[size++] = coded ? '/' : path[0];
        path.remove_prefix(coded ? 3 : 1);
    }
    return has_dot_segment({out, size});
}

// A literal of a pattern in the form in which requests' paths arrive: "café" as "caf%C3%A9", "%41" as "A".
base::Result<std::string> literal_in_form(std::string_view text) {
    std::string coded = "/";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= ' ' || byte == 0x7f)
            return base::fail(base::Code::invalid, "a path has no spaces or control bytes");
        if (byte < 0x80) {
            coded += c;
        } else {
            coded += fmt::format("%{:02X}", byte);
        }
    }
    base::Arena arena;
    const auto path = normalize_path(coded, arena);
    if (!path) return base::fail(path.error());
    return std::string{path->substr(1)};
}

std::vector<std::string_view> segments_of(std::string_view path) { return base::split(path.substr(1), '/'); }

base::Result<Segment> parse_segment(std::string_view text, bool last) {
    if (text == "*") {
        if (!last) return base::fail(base::Code::invalid, "\"*\" may only be the last segment");
        return Segment{Segment::Kind::rest, ""};
    }
    if (text.starts_with('{') && text.ends_with('}') && text.size() > 2) {
        const std::string_view name = text.substr(1, text.size() - 2);
        const bool good = std::ranges::all_of(name, [](char c) { return is_unreserved(c) && c != '.' && c != '~'; });
        if (good) return Segment{Segment::Kind::param, std::string{name}};
        return base::fail(base::Code::invalid,
                          fmt::format("\"{}\" is no parameter name; use letters, digits, _", name));
    }
    if (text.find_first_of("*{}?#\\ ") != std::string_view::npos) {
        return base::fail(base::Code::invalid,
                          fmt::format("the segment \"{}\" is neither plain text nor {{name}} nor *", text));
    }
    auto literal = literal_in_form(text);
    if (!literal) return base::fail(literal.error());
    return Segment{Segment::Kind::literal, std::move(*literal)};
}

}  // namespace

base::Result<std::string_view> normalize_path(std::string_view path, base::Arena& arena) {
    if (path.find_first_of("%\\") != std::string_view::npos) [[unlikely]] {
        if (path.find('\\') != std::string_view::npos) {
            return base::fail(base::Code::invalid, "the path has a backslash");
        }
        auto decoded = decode_unreserved(path, arena);
        if (!decoded) return decoded;
        path = *decoded;
        if (has_hidden_dot_segment(path, arena)) {
            return base::fail(base::Code::invalid, "the path has a \".\" or \"..\" segment behind a coded slash");
        }
    }
    if (has_dot_segment(path)) return base::fail(base::Code::invalid, "the path has a \".\" or \"..\" segment");
    return path;
}

base::Result<PathPattern> PathPattern::parse(std::string_view text) {
    if (!text.starts_with('/')) return base::fail(base::Code::invalid, "a path begins with \"/\"");
    if (has_dot_segment(text)) return base::fail(base::Code::invalid, "\".\" and \"..\" segments never match");
    PathPattern pattern;
    pattern.text_ = text;
    const auto parts = segments_of(text);
    if (parts.size() > kMostSegments) {
        return base::fail(base::Code::invalid, fmt::format("more than {} segments", kMostSegments));
    }
    for (size_t i = 0; i < parts.size(); ++i) {
        auto segment = parse_segment(parts[i], i + 1 == parts.size());
        if (!segment) return base::fail(segment.error());
        if (segment->kind == Segment::Kind::param && pattern.has_param(segment->text)) {
            return base::fail(base::Code::invalid, fmt::format("the parameter {{{}}} stands twice", segment->text));
        }
        pattern.segments_.push_back(std::move(*segment));
    }
    const auto params = std::ranges::count(pattern.segments_, Segment::Kind::param, &Segment::kind);
    if (static_cast<size_t>(params) > PathMatch::kMost) {
        return base::fail(base::Code::invalid, fmt::format("more than {} parameters", PathMatch::kMost));
    }
    return pattern;
}

bool PathPattern::has_rest() const { return !segments_.empty() && segments_.back().kind == Segment::Kind::rest; }

bool PathPattern::has_param(std::string_view name) const {
    return std::ranges::any_of(segments_,
                               [&](const Segment& s) { return s.kind == Segment::Kind::param && s.text == name; });
}

bool PathPattern::same_shape(const PathPattern& other) const {
    return std::ranges::equal(segments_, other.segments_, [](const Segment& a, const Segment& b) {
        return a.kind == b.kind && (a.kind != Segment::Kind::literal || a.text == b.text);
    });
}

bool PathPattern::covers(const PathPattern& other) const {
    const auto& theirs = other.segments_;
    for (size_t i = 0; i < segments_.size(); ++i) {
        const Segment& mine = segments_[i];
        if (mine.kind == Segment::Kind::rest) return true;
        if (i >= theirs.size() || theirs[i].kind == Segment::Kind::rest) return false;
        const bool literal = theirs[i].kind == Segment::Kind::literal;
        if (mine.kind == Segment::Kind::literal && (!literal || theirs[i].text != mine.text)) return false;
        if (mine.kind == Segment::Kind::param && literal && theirs[i].text.empty()) return false;
    }
    return theirs.size() == segments_.size();
}

base::Result<PathTemplate> PathTemplate::parse(std::string_view text, const PathPattern& pattern) {
    auto parsed = PathPattern::parse(text);
    if (!parsed) return base::fail(parsed.error());
    PathTemplate made;
    std::string literal;
    for (const Segment& segment : parsed->segments()) {
        if (segment.kind == Segment::Kind::rest) {
            if (!pattern.has_rest()) {
                return base::fail(base::Code::invalid,
                                  fmt::format("\"{}\" ends in /* but the path \"{}\" does not", text, pattern.text()));
            }
            made.rest_ = true;
            break;
        }
        literal += '/';
        if (segment.kind == Segment::Kind::literal) {
            literal += segment.text;
            continue;
        }
        int index = 0;
        for (const Segment& source : pattern.segments()) {
            if (source.kind != Segment::Kind::param) continue;
            if (source.text == segment.text) break;
            ++index;
        }
        if (!pattern.has_param(segment.text)) {
            return base::fail(base::Code::invalid,
                              fmt::format("the path \"{}\" has no parameter {{{}}}", pattern.text(), segment.text));
        }
        made.parts_.push_back({std::exchange(literal, {}), -1});
        made.parts_.push_back({"", index});
    }
    if (!literal.empty()) made.parts_.push_back({literal, -1});
    return made;
}

std::string_view PathTemplate::expand(const PathMatch& match, base::Arena& arena) const {
    std::string_view path;
    for (const Part& part : parts_) {
        path = arena.concat(
            path, part.param < 0 ? std::string_view{part.literal} : match.params[static_cast<size_t>(part.param)]);
    }
    if (rest_) path = path.empty() ? match.rest : arena.concat(path, match.rest);
    return path.empty() ? std::string_view{"/"} : path;
}

}  // namespace tl::proxy
