#include "base/log.h"

#include <unistd.h>

#include <atomic>

#include "base/clock.h"
#include "base/outlet.h"
#include "base/units.h"

namespace tl::base {

namespace {

// The one process-wide setting: written by main before any thread exists.
std::atomic<Level> g_least{Level::info};
std::atomic<LogFormat> g_format{LogFormat::readable};
std::atomic<bool> g_colour{false};

struct LevelStyle {
    std::string_view name;
    std::string_view colour;
};

LevelStyle style_of(Level level) {
    switch (level) {
        case Level::debug: return {"debug", "\033[2m"};
        case Level::info: return {"info", "\033[36m"};
        case Level::warning: return {"warning", "\033[33m"};
        case Level::error: return {"error", "\033[31m"};
    }
    return {"?", ""};
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        const auto u = static_cast<uint8_t>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (u < 0x20) {
            out += fmt::format("\\u{:04x}", u);
        } else {
            out += c;
        }
    }
    out += '"';
}

std::string json_line(Level level, std::string_view room, std::string_view message) {
    std::string line = fmt::format(R"({{"time":"{}","level":"{}","room":"{}","message":)", format_time(wall_now()),
                                   style_of(level).name, room);
    append_json_string(line, message);
    line += "}\n";
    return line;
}

std::string readable_line(Level level, std::string_view room, std::string_view message) {
    const LevelStyle style = style_of(level);
    const std::string time = format_time(wall_now()).substr(11, 12);
    if (!g_colour) return fmt::format("{} {:7} {}: {}\n", time, style.name, room, message);
    return fmt::format("\033[2m{}\033[0m {}{:7}\033[0m {}: {}\n", time, style.colour, style.name, room, message);
}

}  // namespace

void configure_log(Level least, LogFormat format, bool colour) {
    g_least = least;
    g_format = format;
    g_colour = colour;
}

bool log_enabled(Level level) { return level >= g_least.load(std::memory_order_relaxed); }

void write_log(Level level, std::string_view room, std::string_view message) {
    const std::string line =
        g_format == LogFormat::json ? json_line(level, room, message) : readable_line(level, room, message);
    // A log that cannot be written, or that nobody reads, must not stop the product: then the line is lost.
    static const Outlet err{STDERR_FILENO};
    [[maybe_unused]] const auto taken = err.write(line);
}

Level level_of(const Error& error) {
    switch (error.side) {
        case Side::downstream: return Level::debug;
        case Side::upstream: return Level::info;
        case Side::internal: return error.code == Code::cancelled ? Level::debug : Level::warning;
    }
    return Level::warning;
}

}  // namespace tl::base
