// Small text helpers that several rooms need: ASCII case, trimming, nearest names, hex.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tl::base {

[[nodiscard]] constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
[[nodiscard]] bool iequals(std::string_view a, std::string_view b);
[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] std::string_view trim(std::string_view text);  // spaces and tabs, both ends
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char by);
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view with);

// Damerau-Levenshtein distance (optimal string alignment), case folded.
[[nodiscard]] size_t edit_distance(std::string_view a, std::string_view b);
// The candidate that a person most likely meant, or "" when none is near enough to be worth saying.
[[nodiscard]] std::string_view nearest(std::string_view name, const std::vector<std::string>& candidates);

[[nodiscard]] std::string to_hex(std::string_view bytes);
[[nodiscard]] std::string hex64(uint64_t value);  // 16 lower-case digits

// Text that comes from outside, made safe for a terminal and a log line: control bytes as \xNN.
[[nodiscard]] std::string printable(std::string_view text, size_t most = 256);

}  // namespace tl::base
