// Trunkline's own log: one line an event, to stderr, readable on a terminal and JSON lines elsewhere.
// Thread-safe (one write a line). Not for access records (telemetry/) nor for services' output (supervisor/).
// Never pass a secret; pass outside text through base::printable.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tl::base {

enum class Level : uint8_t { debug, info, warning, error };
enum class LogFormat : uint8_t { readable, json };

// Process-wide, set once in main before threads start.
void configure_log(Level least, LogFormat format, bool colour);
[[nodiscard]] bool log_enabled(Level level);
void write_log(Level level, std::string_view room, std::string_view message);

// How loud an error is: the peer's fault is not our alarm.
[[nodiscard]] Level level_of(const Error& error);

template <class... Args>
void log(Level level, std::string_view room, fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(level)) write_log(level, room, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tl::base

#define TL_LOG(level, room, ...) ::tl::base::log(::tl::base::Level::level, room, __VA_ARGS__)
