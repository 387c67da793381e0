// Makes the kinds, one function each. The typed builders in schema.h are the way to them; nothing else calls
// these.
#pragma once

#include <functional>
#include <optional>

#include "base/clock.h"
#include "manifest/kind.h"

namespace tl::manifest {

// A rule for text: the complaint, to be read after the value's name ('must start with "/"'), or nothing.
using Check = std::function<std::optional<std::string>(std::string_view)>;

struct TextRules {
    std::string wanted = "text";
    Check check;
    std::string pattern;  // the same rule as a regular expression, for editors; not checked here
    size_t most = 4096;   // bytes
    bool allow_empty = false;
    bool any_scalar = false;  // tell editors that unquoted numbers and booleans are fine (they always are here)
};

struct Word {
    std::string text;
    int64_t value = 0;
};

struct ListRules {
    size_t least = 0;
    size_t most = 10'000;
    bool unique = false;
    bool or_single = false;  // one item may stand alone, without being a list
};

struct MapRules {
    size_t least = 0;
    size_t most = 10'000;
    TextRules names = {.wanted = "a name", .most = 256};
};

// A kind whose text becomes a type of its own; schema.h derives from it.
class CustomKind : public Kind {
  public:
    explicit CustomKind(std::string wanted) : wanted_(std::move(wanted)) {}
    bool read(const Node& node, void* out, Reader& reader) const final;
    [[nodiscard]] Node write(const void* value, const void* defaults) const final;
    void describe(Json& schema, SchemaWriter& writer) const final;
    [[nodiscard]] std::string wanted() const final { return wanted_; }

  protected:
    [[nodiscard]] virtual std::optional<std::string> parse(std::string_view text, void* out) const = 0;
    [[nodiscard]] virtual std::string format(const void* value) const = 0;

  private:
    std::string wanted_;
};

[[nodiscard]] KindPtr make_text(TextRules rules);
[[nodiscard]] KindPtr make_word(std::vector<std::string> words);  // into std::string
[[nodiscard]] KindPtr make_enum(std::vector<Word> words, IntegerOps ops);
[[nodiscard]] KindPtr make_boolean();
[[nodiscard]] KindPtr make_integer(IntegerOps ops);  // within ops.least .. ops.most
[[nodiscard]] KindPtr make_number(NumberOps ops, double least, double most);
[[nodiscard]] KindPtr make_percent(NumberOps ops, double least,
                                   double most);  // bounds and value as fractions
[[nodiscard]] KindPtr make_duration(base::Duration least, base::Duration most);
[[nodiscard]] KindPtr make_size(IntegerOps ops);
[[nodiscard]] KindPtr make_list(ListOps ops, KindPtr item, ListRules rules);
[[nodiscard]] KindPtr make_map(MapOps ops, KindPtr value, MapRules rules);
[[nodiscard]] KindPtr make_optional(OptionalOps ops, KindPtr inner);
[[nodiscard]] KindPtr make_located(LocatedOps ops, KindPtr inner);
// A scalar or list stands for the map { key: that }.
[[nodiscard]] KindPtr make_shorthand(std::shared_ptr<const ObjectKind> object, std::string key);

// Reads a map's key or any other text by the rules; says what is wrong and returns false if it breaks one.
bool check_text(const TextRules& rules, std::string_view text, Position at, Reader& reader);

}  // namespace tl::manifest
