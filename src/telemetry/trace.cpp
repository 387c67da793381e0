#include "telemetry/trace.h"

#include "base/text.h"

namespace tl::telemetry {

namespace {

constexpr std::string_view kHex = "0123456789abcdef";

constexpr int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

// Up to 16 lower-case digits; nullopt on any other byte.
std::optional<uint64_t> read_hex(std::string_view digits) {
    uint64_t value = 0;
    for (const char c : digits) {
        const int digit = digit_of(c);
        if (digit < 0) return std::nullopt;
        value = value << 4 | static_cast<uint64_t>(digit);
    }
    return value;
}

char* put_hex(char* out, uint64_t value, int digits) {
    for (int i = digits - 1; i >= 0; --i) *out++ = kHex[value >> (4 * i) & 15];
    return out;
}

uint64_t next_nonzero(base::Random& random) {
    for (;;) {
        if (const uint64_t value = random.next(); value != 0) return value;
    }
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view text) {
    // version "-" trace-id "-" parent-id "-" flags
    //    0..2       3..35        36..52       53..55
    if (text.size() < kTraceparentSize) return std::nullopt;
    if (text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
    const auto version = read_hex(text.substr(0, 2));
    if (!version || *version == 0xff) return std::nullopt;
    if (text.size() > kTraceparentSize && (*version == 0 || text[kTraceparentSize] != '-')) return std::nullopt;
    const auto high = read_hex(text.substr(3, 16));
    const auto low = read_hex(text.substr(19, 16));
    const auto span = read_hex(text.substr(36, 16));
    const auto flags = read_hex(text.substr(53, 2));
    if (!high || !low || !span || !flags) return std::nullopt;
    const TraceId trace{*high, *low};
    if (!trace.valid() || *span == 0) return std::nullopt;
    constexpr unsigned kKnown = TraceContext::kSampled | TraceContext::kRandom;
    return TraceContext{.trace = trace, .span = *span, .flags = static_cast<uint8_t>(*flags & kKnown)};
}

void write_traceparent(const TraceContext& context, std::span<char, kTraceparentSize> out) {
    char* at = put_hex(out.data(), 0, 2);
    *at++ = '-';
    at = put_hex(at, context.trace.high, 16);
    at = put_hex(at, context.trace.low, 16);
    *at++ = '-';
    at = put_hex(at, context.span, 16);
    *at++ = '-';
    put_hex(at, context.flags, 2);
}

TraceContext new_trace(base::Random& random) {
    TraceContext context;
    context.trace.high = random.next();
    context.trace.low = next_nonzero(random);
    context.span = next_nonzero(random);
    context.flags = TraceContext::kSampled | TraceContext::kRandom;
    return context;
}

TraceContext child_of(const TraceContext& context, base::Random& random) {
    return {.trace = context.trace, .span = next_nonzero(random), .flags = context.flags};
}

std::string to_hex(TraceId id) { return base::hex64(id.high) + base::hex64(id.low); }

std::string span_hex(SpanId id) { return base::hex64(id); }

std::string short_hex(TraceId id) { return base::hex64(id.high).substr(0, TracePrefix::kFewest); }

std::optional<TracePrefix> parse_trace_id(std::string_view text) {
    if (text.size() < TracePrefix::kFewest || text.size() > 32) return std::nullopt;
    TracePrefix prefix;
    for (size_t i = 0; i < text.size(); ++i) {
        const int digit = digit_of(base::to_lower(text[i]));
        if (digit < 0) return std::nullopt;
        uint64_t& bits = i < 16 ? prefix.bits.high : prefix.bits.low;
        uint64_t& mask = i < 16 ? prefix.mask.high : prefix.mask.low;
        const int shift = 60 - static_cast<int>(4 * (i % 16));
        bits |= static_cast<uint64_t>(digit) << shift;
        mask |= 15ULL << shift;
    }
    return prefix;
}

}  // namespace tl::telemetry
