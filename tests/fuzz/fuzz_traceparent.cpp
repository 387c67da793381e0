// Any bytes as a traceparent: what is accepted is valid, keeps its ids when written and read again, and bytes behind
// it count in the way that its version allows.
#include <array>
#include <string>

#include "fuzz_support.h"
#include "telemetry/trace.h"

namespace {

using namespace tl::telemetry;
using tl::fuzz::require;

void check_accepted(std::string_view text, const TraceContext& context) {
    require(context.trace.valid() && context.span != 0, "an id of zeros was accepted");
    require(context.flags <= 3, "an unknown flag was kept");
    require(text.size() >= kTraceparentSize && !text.starts_with("ff"), "a forbidden form was accepted");
    require(!text.starts_with("00") || text.size() == kTraceparentSize, "version 00 has one length");
    require(text.substr(3, 32) == to_hex(context.trace), "the trace id differs");
    require(text.substr(36, 16) == span_hex(context.span), "the span id differs");

    std::array<char, kTraceparentSize> out{};
    write_traceparent(context, out);
    const auto again = parse_traceparent({out.data(), out.size()});
    require(again && again->trace == context.trace && again->span == context.span && again->flags == context.flags,
            "what was written is not read the same");
    const std::string longer = std::string{text} + "x";
    const bool future = !text.starts_with("00") && text.size() > kTraceparentSize;
    require(parse_traceparent(longer).has_value() == future, "bytes behind it count wrongly");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto context = parse_traceparent(text)) check_accepted(text, *context);
    if (const auto prefix = parse_trace_id(text)) {
        require(text.size() >= 8 && text.size() <= 32, "a prefix of a wrong length");
        require(prefix->matches(prefix->bits), "a prefix does not match itself");
    }
    return 0;
}
