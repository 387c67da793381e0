// Structured Field Values (RFC 8941) as far as signatures of messages need them: dictionaries of items and inner lists
// with parameters. Parsing is strict; writing is the one form of section 4.1, so that what was signed can be made
// again. Decimals are not taken: nothing here uses them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tl::codec {

struct StructuredToken {
    std::string text;
    bool operator==(const StructuredToken&) const = default;
};
struct StructuredBytes {
    std::string bytes;
    bool operator==(const StructuredBytes&) const = default;
};
using StructuredBare = std::variant<bool, int64_t, std::string, StructuredToken, StructuredBytes>;
using StructuredParameters = std::vector<std::pair<std::string, StructuredBare>>;

struct StructuredItem {
    StructuredBare value;
    StructuredParameters parameters;
};
struct StructuredMember {
    std::variant<StructuredItem, std::vector<StructuredItem>> value;
    StructuredParameters parameters;  // of an inner list
};
using StructuredDictionary = std::vector<std::pair<std::string, StructuredMember>>;

// Section 4.2.2. A key that comes twice is nullopt, unlike there: what is signed must have one meaning. At most 64
// members, items of a list and parameters.
[[nodiscard]] std::optional<StructuredDictionary> parse_dictionary(std::string_view text);

// Section 4.1.
void append_bare(std::string& to, const StructuredBare& value);
void append_item(std::string& to, const StructuredItem& item);
void append_inner_list(std::string& to, const std::vector<StructuredItem>& items,
                       const StructuredParameters& parameters);

// nullptr without such a parameter.
[[nodiscard]] const StructuredBare* find_parameter(const StructuredParameters& parameters, std::string_view name);

}  // namespace tl::codec
