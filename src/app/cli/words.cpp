#include "app/cli/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace tl::app {

std::string words_of_bytes(uint64_t bytes) {
    if (bytes == 0) return {};
    const auto value = static_cast<double>(bytes);
    if (bytes >= 1ULL << 30) return fmt::format("{:.1f} GB", value / (1ULL << 30));
    if (bytes >= 1ULL << 20) return fmt::format("{:.1f} MB", value / (1ULL << 20));
    if (bytes >= 1ULL << 10) return fmt::format("{:.0f} KB", value / (1ULL << 10));
    return fmt::format("{} B", bytes);
}

std::string words_of_latency(base::Duration d) {
    const auto micros = static_cast<double>(d.count()) / 1000;
    if (micros <= 0) return {};
    if (micros < 1000) return fmt::format("{:.0f} us", std::max(micros, 1.0));
    if (micros < 10'000) return fmt::format("{:.1f} ms", micros / 1000);
    if (micros < 1'000'000) return fmt::format("{:.0f} ms", micros / 1000);
    return fmt::format("{:.1f} s", micros / 1'000'000);
}

std::string words_of_age(base::Duration d) {
    const int64_t seconds = std::max<int64_t>(d.count() / 1'000'000'000, 0);
    if (seconds < 60) return fmt::format("{}s", seconds);
    if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
    if (seconds < 86400) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
    return fmt::format("{}d{:02}h", seconds / 86400, seconds / 3600 % 24);
}

std::string words_of_share(double share) {
    if (share <= 0) return "0 %";
    if (share < 0.001) return "<0.1 %";
    return share < 0.1 ? fmt::format("{:.1f} %", share * 100) : fmt::format("{:.0f} %", share * 100);
}

std::string words_of_rate(double per_second) {
    return per_second < 100 ? fmt::format("{:.1f}", per_second) : fmt::format("{:.0f}", per_second);
}

std::string clock_of(base::WallTime time) {
    const auto since = time.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since - seconds).count();
    const std::time_t t = seconds.count();
    std::tm tm{};
    localtime_r(&t, &tm);
    return fmt::format("{:02}:{:02}:{:02}.{:03}", tm.tm_hour, tm.tm_min, tm.tm_sec, millis);
}

std::string count_of(size_t count, std::string_view one) {
    return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

}  // namespace tl::app
