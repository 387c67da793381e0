// Path templates of google.api.http: "/v1/{name=shelves/*}/books:list" (google/api/http.proto, "Path template syntax").
// Made when descriptors are loaded, immutable, shared by cores.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace tl::gateway {

class UriTemplate {
  public:
    static constexpr size_t kMostSegments = 64;

    // The error says what is wrong, behind the template's text.
    [[nodiscard]] static std::expected<UriTemplate, std::string> parse(std::string_view text);

    struct Variable {
        std::string field;     // "name", "book.name"
        size_t first = 0;      // of its segments
        size_t behind = 0;     // the one behind its last
        bool several = false;  // it may stand for more than one segment
    };
    [[nodiscard]] const std::vector<Variable>& variables() const { return variables_; }
    [[nodiscard]] const std::string& text() const { return text_; }
    // No variables and only literals: one path, that is text().
    [[nodiscard]] bool exact() const;
    // What it matches, whatever its variables are called: of two templates with the same shape one never gets a call.
    [[nodiscard]] std::string shape() const;
    // More specific: tried first.
    [[nodiscard]] bool before(const UriTemplate& other) const;
    // The literal segments that it begins with, as a path: "/v1".
    [[nodiscard]] std::string beginning() const;

    // `segments` are those of one normalized path. The values, as they stand there, in the order of variables().
    [[nodiscard]] bool match(const std::vector<std::string_view>& segments,
                             std::vector<std::string_view>& values) const;
    // Of a path that begins with '/'.
    [[nodiscard]] static std::vector<std::string_view> split(std::string_view path);

  private:
    enum class Kind : uint8_t { literal, one, rest };
    struct Segment {
        Kind kind = Kind::literal;
        std::string text;
    };
    class Parser;

    std::string text_;
    std::vector<Segment> segments_;
    std::vector<Variable> variables_;
    std::string verb_;  // without ':'
};

}  // namespace tl::gateway
