// Paths and path patterns. A request's path is brought into one form before anything is decided by it, so that no
// second spelling slips past a rule (RFC 3986 6.2.2): percent-coded unreserved characters are decoded, hex digits
// upper case; dot segments, backslashes and broken percent codes are refused, not repaired. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/error.h"

namespace tl::proxy {

// `path` begins with '/' (or is "*"). Left as they are, because services may mean something by them: empty segments
// ("//"), a coded slash or backslash (%2F, %5C: part of a segment, but refused where decoding them would show a dot
// segment), path parameters ("..;x" is a name here), bytes that are no UTF-8. A coded NUL is refused. The result is
// `path` itself when it was in form already, as it nearly always is.
[[nodiscard]] base::Result<std::string_view> normalize_path(std::string_view path, base::Arena& arena);

// One segment of a pattern.
struct Segment {
    enum class Kind : uint8_t { literal, param, rest } kind = Kind::literal;
    std::string text;  // the literal, or the parameter's name
};

// "/", "/users", "/users/{id}/orders", "/api/*" (matches /api and everything below), "/*". A {param} takes exactly one
// segment that is not empty; "/users" and "/users/" differ. Literals are kept in the form of normalized paths.
class PathPattern {
  public:
    static constexpr size_t kMostSegments = 64;  // the depth of a search

    [[nodiscard]] static base::Result<PathPattern> parse(std::string_view text);

    [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] bool has_rest() const;
    [[nodiscard]] bool has_param(std::string_view name) const;
    // Same matches in the same order of preference: "/a/{x}" and "/a/{y}".
    [[nodiscard]] bool same_shape(const PathPattern& other) const;
    // Every path that `other` matches, this one matches too.
    [[nodiscard]] bool covers(const PathPattern& other) const;

  private:
    std::string text_;
    std::vector<Segment> segments_;
};

// The parts of one path that a pattern's parameters took; `rest` is what "*" took, with its leading '/', or "".
struct PathMatch {
    static constexpr size_t kMost = 16;
    std::string_view params[kMost];
    size_t count = 0;
    std::string_view rest;
};

// A path made from a match: literals, {param} by name, and a trailing /* for the rest. Used by `rewrite`.
class PathTemplate {
  public:
    // Fails when it names a parameter that `pattern` has not, or ends in /* and the pattern does not.
    [[nodiscard]] static base::Result<PathTemplate> parse(std::string_view text, const PathPattern& pattern);
    [[nodiscard]] std::string_view expand(const PathMatch& match, base::Arena& arena) const;

  private:
    struct Part {
        std::string literal;
        int param = -1;  // index of the pattern's parameter; -1 for a literal
    };
    std::vector<Part> parts_;
    bool rest_ = false;
};

}  // namespace tl::proxy
