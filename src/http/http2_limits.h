// What one HTTP/2 connection may ask of us, and how often. Each default with its reason: docs/http2.md. The budgets are
// for frames that cost the receiver work and the sender nothing; who spends one faster than it refills is told
// ENHANCE_YOUR_CALM and closed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tl::http {

struct Http2Budget {
    uint32_t burst;
    uint32_t per_second;
};

// Why a connection was closed for asking too much. Order: Http2Limits::budgets first.
enum class Http2Abuse : uint8_t {
    rapid_reset,     // streams reset before they were answered, by the peer or through its faults (CVE-2023-44487)
    settings,        // SETTINGS
    pings,           // PING
    empty_frames,    // DATA without data that do not end a stream, and the like
    priorities,      // PRIORITY, PRIORITY_UPDATE
    window_updates,  // WINDOW_UPDATE
    unknown_frames,  // extensions that nobody has asked for
    continuations,   // CONTINUATION frames of one field section
    unread_answers,  // acknowledgements and resets that the peer causes and does not read
};
inline constexpr size_t kHttp2Abuses = static_cast<size_t>(Http2Abuse::unread_answers) + 1;
inline constexpr size_t kHttp2Budgets = static_cast<size_t>(Http2Abuse::unknown_frames) + 1;
[[nodiscard]] std::string_view to_string(Http2Abuse abuse);  // "rapid_reset": in counters
[[nodiscard]] std::string_view describe(Http2Abuse abuse);   // a sentence: in the log

struct Http2Limits {
    uint32_t streams = 128;                    // requests in flight on one connection
    uint32_t stream_window = 256 * 1024;       // bytes of one body that may wait for the other side
    uint32_t connection_window = 1024 * 1024;  // the same for all bodies of a client's connection together
    uint32_t continuations = 8;                // CONTINUATION frames of one field section
    size_t unread_answers = 1000;              // control frames of ours that wait for the peer to read
    std::array<Http2Budget, kHttp2Budgets> budgets{{
        {.burst = 200, .per_second = 100},    // rapid_reset
        {.burst = 32, .per_second = 4},       // settings
        {.burst = 200, .per_second = 50},     // pings
        {.burst = 100, .per_second = 20},     // empty_frames
        {.burst = 500, .per_second = 100},    // priorities
        {.burst = 4000, .per_second = 2000},  // window_updates
        {.burst = 100, .per_second = 20},     // unknown_frames
    }};
};

}  // namespace tl::http
