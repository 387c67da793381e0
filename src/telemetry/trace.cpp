#include "telemetry/trace.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/text.h"

namespace tl::telemetry {

namespace {

constexpr unsigned kKnownFlags = TraceContext::kSampled | TraceContext::kRandom;
constexpr uint8_t kNoDigit = 0xff;

// Value of each lower-case hex digit.
constexpr auto kDigits = [] {
    std::array<uint8_t, 256> digits{};
    digits.fill(kNoDigit);
    for (uint8_t i = 0; i < 10; ++i) digits['0' + i] = i;
    for (uint8_t i = 0; i < 6; ++i) digits['a' + i] = static_cast<uint8_t>(10 + i);
    return digits;
}();

constexpr uint8_t digit_of(char c) { return kDigits[static_cast<uint8_t>(c)]; }

// Up to 16 lower-case digits; nullopt on any other byte. Looks for bad ones once, at the end.
std::optional<uint64_t> read_hex(std::string_view digits) {
    uint64_t value = 0;
    uint8_t seen = 0;
    for (const char c : digits) {
        const uint8_t digit = digit_of(c);
        seen |= digit;
        value = value << 4 | (digit & 15U);
    }
    if (seen == kNoDigit) return std::nullopt;
    return value;
}

// Eight digits at once: the nibbles are spread over the bytes of a word, then all become letters together.
char* put_hex32(char* out, uint32_t value) {
    uint64_t spread = value;
    spread = (spread | spread << 16) & 0x0000ffff0000ffffULL;
    spread = (spread | spread << 8) & 0x00ff00ff00ff00ffULL;
    spread = (spread | spread << 4) & 0x0f0f0f0f0f0f0f0fULL;
    const uint64_t above_nine = (spread + 0x0606060606060606ULL) >> 4 & 0x0101010101010101ULL;
    spread += 0x3030303030303030ULL + above_nine * ('a' - '0' - 10);
    spread = __builtin_bswap64(spread);  // the first digit is the highest one; memory is little-endian
    static_assert(std::endian::native == std::endian::little);
    std::memcpy(out, &spread, sizeof spread);
    return out + sizeof spread;
}

char* put_hex64(char* out, uint64_t value) {
    out = put_hex32(out, static_cast<uint32_t>(value >> 32));
    return put_hex32(out, static_cast<uint32_t>(value));
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
    return TraceContext{.trace = trace, .span = *span, .flags = static_cast<uint8_t>(*flags & kKnownFlags)};
}

void write_traceparent(const TraceContext& context, std::span<char, kTraceparentSize> out) {
    char* at = out.data();
    *at++ = '0';
    *at++ = '0';
    *at++ = '-';
    at = put_hex64(at, context.trace.high);
    at = put_hex64(at, context.trace.low);
    *at++ = '-';
    at = put_hex64(at, context.span);
    *at++ = '-';
    // Only the two flags that level 2 knows: their byte has one digit.
    *at++ = '0';
    *at = static_cast<char>('0' + (context.flags & kKnownFlags));
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
        const uint8_t digit = digit_of(base::to_lower(text[i]));
        if (digit == kNoDigit) return std::nullopt;
        uint64_t& bits = i < 16 ? prefix.bits.high : prefix.bits.low;
        uint64_t& mask = i < 16 ? prefix.mask.high : prefix.mask.low;
        const int shift = 60 - static_cast<int>(4 * (i % 16));
        bits |= static_cast<uint64_t>(digit) << shift;
        mask |= 15ULL << shift;
    }
    return prefix;
}

}  // namespace tl::telemetry
