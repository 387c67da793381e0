// Trace context: who a request belongs to, carried from hop to hop by the `traceparent` header (W3C Trace
// Context, level 2). Plain values without an owner; parsing and writing neither allocate nor fail otherwise
// than by nullopt. Not for `tracestate`, which is passed through untouched, and not for secrets: ids are
// guessable.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/random.h"

namespace tl::telemetry {

struct TraceId {
    uint64_t high = 0;
    uint64_t low = 0;

    [[nodiscard]] bool valid() const { return (high | low) != 0; }
    friend bool operator==(const TraceId&, const TraceId&) = default;
};

using SpanId = uint64_t;  // 0 is "none"

struct TraceContext {
    static constexpr uint8_t kSampled = 1;  // the caller keeps its record of this trace
    static constexpr uint8_t kRandom = 2;   // the lower 7 bytes of the trace id are random (level 2)

    TraceId trace;
    SpanId span = 0;  // of the hop that sends this context
    uint8_t flags = 0;
};

inline constexpr size_t kTraceparentSize = 55;

// Section 3.2 and 4.3: version 00 is exactly 55 bytes; a higher version may go on behind a dash; ff,
// upper-case digits and ids of zeros are refused. Flags that level 2 does not define are dropped. nullopt:
// start a new trace.
[[nodiscard]] std::optional<TraceContext> parse_traceparent(std::string_view text);

// Always version 00.
void write_traceparent(const TraceContext& context, std::span<char, kTraceparentSize> out);

// The first hop: fresh ids, sampled and random.
[[nodiscard]] TraceContext new_trace(base::Random& random);
// The next hop of the same trace: a fresh span, the same flags. The parent is `context.span`.
[[nodiscard]] TraceContext child_of(const TraceContext& context, base::Random& random);

[[nodiscard]] std::string to_hex(TraceId id);     // 32 lower-case digits
[[nodiscard]] std::string span_hex(SpanId id);    // 16
[[nodiscard]] std::string short_hex(TraceId id);  // the first 8, enough to find it again by a TracePrefix

// A trace as a person names it: all 32 digits, or at least the first 8.
struct TracePrefix {
    static constexpr int kFewest = 8;

    TraceId bits;  // zeros behind the digits
    TraceId mask;

    [[nodiscard]] bool matches(TraceId id) const {
        return ((id.high ^ bits.high) & mask.high) == 0 && ((id.low ^ bits.low) & mask.low) == 0;
    }
};

// 8 to 32 hex digits of either case; nullopt otherwise.
[[nodiscard]] std::optional<TracePrefix> parse_trace_id(std::string_view text);

}  // namespace tl::telemetry
