// JSON objects from people who may wish us ill: bounded in depth and number, no name twice (RFC 8725 2.4: readers that
// disagree about duplicates disagree about who somebody is), UTF-8 only. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace tl::gateway {

inline constexpr size_t kMostJsonDepth = 16;
inline constexpr size_t kMostJsonValues = 4096;

// nullopt for whatever is no such object.
[[nodiscard]] std::optional<nlohmann::json> parse_strict_object(std::string_view text);

// The value at a path with dots ("realm_access.roles"); a member whose own name is the whole rest of the path goes
// first ("https://shop.example/tier"). nullptr without one.
[[nodiscard]] const nlohmann::json* find_path(const nlohmann::json& object, std::string_view path);

// A text member of an object; "" without one or with another type.
[[nodiscard]] std::string text_at(const nlohmann::json& object, const char* name);

}  // namespace tl::gateway
