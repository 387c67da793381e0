#include "app/import/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "base/units.h"

namespace tl::app {

using manifest::Node;
using manifest::Position;

Fields::Fields(const Node& node, std::string what, Report& report)
    : node_(&node), what_(std::move(what)), report_(&report) {
    if (!node.is_map() && !node.is_null()) report.missing(node.at, fmt::format("{} is no map of keys", what_));
}

Position Fields::at(std::string_view key) const {
    for (const manifest::Entry& entry : node_->entries) {
        if (entry.key == key) return entry.at;
    }
    return node_->at;
}

const Node* Fields::take(std::string_view key) {
    seen_.emplace(key);
    const Node* const found = node_->find(key);
    return found == nullptr || found->is_null() ? nullptr : found;
}

bool Fields::has(std::string_view key) const {
    const Node* const found = node_->find(key);
    return found != nullptr && !says_nothing(*found);
}

std::string Fields::text(std::string_view key, std::string_view otherwise) {
    const Node* const found = take(key);
    if (found == nullptr) return std::string{otherwise};
    if (found->is_scalar()) return found->text;
    report_->missing(at(key), fmt::format("\"{}\" of {} is no text", key, what_));
    return std::string{otherwise};
}

std::optional<double> Fields::number(std::string_view key) {
    const Node* const found = take(key);
    if (found == nullptr) return std::nullopt;
    const auto value = number_of(*found);
    if (!value) report_->missing(at(key), fmt::format("\"{}\" of {} is no number", key, what_));
    return value;
}

bool Fields::flag(std::string_view key, bool otherwise) {
    const Node* const found = take(key);
    if (found == nullptr) return otherwise;
    if (found->is_scalar() && base::iequals(found->text, "true")) return true;
    if (found->is_scalar() && base::iequals(found->text, "false")) return false;
    report_->missing(at(key), fmt::format("\"{}\" of {} is neither true nor false", key, what_));
    return otherwise;
}

std::vector<std::string> Fields::list(std::string_view key) {
    const Node* const found = take(key);
    std::vector<std::string> all;
    if (found == nullptr) return all;
    if (found->is_scalar()) return {found->text};
    for (const Node& item : found->items) {
        if (!item.is_scalar() || all.size() == kMostItems) {
            report_->missing(
                item.at, fmt::format("an item of \"{}\" of {}", key, what_),
                item.is_scalar() ? fmt::format("a list has {} items at most", kMostItems) : "it is no text");
            if (all.size() == kMostItems) break;
            continue;
        }
        all.push_back(item.text);
    }
    if (!found->is_list()) report_->missing(at(key), fmt::format("\"{}\" of {} is no list", key, what_));
    return all;
}

std::vector<const Node*> Fields::maps(std::string_view key) {
    const Node* const found = take(key);
    std::vector<const Node*> all;
    if (found == nullptr) return all;
    if (!found->is_list()) report_->missing(at(key), fmt::format("\"{}\" of {} is no list", key, what_));
    for (const Node& item : found->items) {
        if (item.is_map()) {
            all.push_back(&item);
        } else {
            report_->missing(item.at, fmt::format("an item of \"{}\" of {} is no map of keys", key, what_));
        }
    }
    return all;
}

void Fields::ignore(std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys) seen_.emplace(key);
}

void Fields::tell(std::string_view key, std::string instead) {
    seen_.emplace(key);
    if (has(key)) report_->missing(at(key), fmt::format("\"{}\" of {}", key, what_), std::move(instead));
}

void Fields::finish() {
    for (const manifest::Entry& entry : node_->entries) {
        if (seen_.contains(entry.key) || says_nothing(entry.value) || entry.key.starts_with('_')) continue;
        report_->missing(entry.at, fmt::format("\"{}\" of {}", entry.key, what_));
    }
}

bool says_nothing(const Node& node) {
    if (node.is_scalar()) return node.text.empty() || node.text == "false";
    return node.items.empty() && node.entries.empty();
}

std::optional<double> number_of(const Node& node) {
    if (!node.is_scalar()) return std::nullopt;
    double value = 0;
    const auto [end, error] = std::from_chars(node.text.data(), node.text.data() + node.text.size(), value);
    if (error != std::errc{} || end != node.text.data() + node.text.size() || !std::isfinite(value)) return {};
    return value;
}

std::string number_text(double number) {
    if (number == std::floor(number) && std::abs(number) < 1e15) return fmt::format("{:.0f}", number);
    return fmt::format("{}", number);
}

std::string method_of(std::string_view text) {
    std::string method{text};
    for (char& c : method) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return method;
}

std::string seconds_text(double seconds) {
    return base::format_duration(std::chrono::milliseconds{static_cast<int64_t>(std::clamp(seconds, 0.0, 1e9) * 1000)});
}

bool names_a_secret(std::string_view name) {
    constexpr std::array<std::string_view, 12> kWords{"authorization", "cookie",    "secret",     "token",
                                                      "passw",         "apikey",    "api-key",    "api_key",
                                                      "credential",    "signature", "access-key", "x-auth"};
    const std::string lower = base::lower(name);
    return lower == "key" || std::ranges::any_of(kWords, [&](std::string_view word) { return lower.contains(word); });
}

}  // namespace tl::app
