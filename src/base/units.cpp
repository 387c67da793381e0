#include "base/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <ctime>

namespace tl::base {

namespace {

struct Unit {
    std::string_view name;
    uint64_t factor;
};

constexpr std::array<Unit, 6> kTimeUnits{{{"d", 86'400'000'000'000},
                                          {"h", 3'600'000'000'000},
                                          {"m", 60'000'000'000},
                                          {"s", 1'000'000'000},
                                          {"ms", 1'000'000},
                                          {"us", 1'000}}};
constexpr std::array<Unit, 10> kSizeUnits{{{"B", 1},
                                           {"KB", 1ULL << 10},
                                           {"KiB", 1ULL << 10},
                                           {"K", 1ULL << 10},
                                           {"MB", 1ULL << 20},
                                           {"MiB", 1ULL << 20},
                                           {"M", 1ULL << 20},
                                           {"GB", 1ULL << 30},
                                           {"GiB", 1ULL << 30},
                                           {"G", 1ULL << 30}}};

template <size_t N>
std::optional<uint64_t> factor_of(const std::array<Unit, N>& units, std::string_view name) {
    for (const Unit& unit : units) {
        if (unit.name == name) return unit.factor;
    }
    return std::nullopt;
}

// Takes one "<digits><letters>" off the front of `text`; nullopt on anything else or overflow.
template <size_t N>
std::optional<uint64_t> take_term(std::string_view& text, const std::array<Unit, N>& units) {
    uint64_t number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    const size_t length = std::min(text.find_first_of("0123456789"), text.size());
    const auto factor = factor_of(units, text.substr(0, length));
    if (!factor) return std::nullopt;
    text.remove_prefix(length);
    uint64_t product = 0;
    if (__builtin_mul_overflow(number, *factor, &product)) return std::nullopt;
    return product;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
    if (text == "0") return Duration{0};
    if (text.empty()) return std::nullopt;
    uint64_t total = 0;
    while (!text.empty()) {
        const auto term = take_term(text, kTimeUnits);
        if (!term || __builtin_add_overflow(total, *term, &total)) return std::nullopt;
    }
    if (total > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
    return Duration{static_cast<int64_t>(total)};
}

std::string format_duration(Duration d) {
    auto left = static_cast<uint64_t>(std::max<int64_t>(d.count(), 0));
    std::string text;
    for (const Unit& unit : kTimeUnits) {
        if (left < unit.factor) continue;
        text += fmt::format("{}{}", left / unit.factor, unit.name);
        left %= unit.factor;
    }
    return text.empty() ? "0" : text;
}

std::optional<uint64_t> parse_size(std::string_view text) {
    uint64_t plain = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), plain);
    if (ec == std::errc{} && end == text.data() + text.size()) return plain;
    const auto term = take_term(text, kSizeUnits);
    if (!term || !text.empty()) return std::nullopt;
    return term;
}

std::string format_size(uint64_t bytes) {
    for (const auto& [name, factor] : {Unit{"GB", 1ULL << 30}, Unit{"MB", 1ULL << 20}, Unit{"KB", 1ULL << 10}}) {
        if (bytes >= factor && bytes % factor == 0) return fmt::format("{}{}", bytes / factor, name);
    }
    return fmt::format("{}", bytes);
}

std::string format_time(WallTime time) {
    const auto since = time.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since - seconds).count();
    const std::time_t t = seconds.count();
    std::tm tm{};
    gmtime_r(&t, &tm);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                       tm.tm_hour, tm.tm_min, tm.tm_sec, millis);
}

}  // namespace tl::base
