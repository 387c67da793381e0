#include "proxy/deadline.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "proxy/client.h"
#include "proxy/door.h"

namespace tl::proxy {

using namespace std::chrono_literals;
using codec::Field;

namespace {

constexpr base::Duration kLongest = 24h;

std::string_view write_number(uint64_t number, std::string_view unit, base::Arena& arena) {
    std::array<char, 32> text;
    char* end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
    for (const char c : unit) *end++ = c;
    return arena.copy({text.data(), static_cast<size_t>(end - text.data())});
}

}  // namespace

std::optional<base::Duration> parse_request_timeout(std::string_view text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
    if (error != std::errc{} || !(number >= 0)) return std::nullopt;
    double milliseconds = number;
    if (unit == "s") milliseconds *= 1000;
    if (unit != "s" && unit != "ms" && !unit.empty()) return std::nullopt;
    if (milliseconds > static_cast<double>(kLongest / 1ms)) return std::nullopt;
    return base::Duration{static_cast<int64_t>(milliseconds * 1e6)};
}

std::optional<base::Duration> parse_grpc_timeout(std::string_view text) {
    if (text.size() < 2 || text.size() > 9) return std::nullopt;
    int64_t number = 0;
    const char* const last = text.data() + text.size() - 1;
    if (text.front() == '-' || std::from_chars(text.data(), last, number).ptr != last) return std::nullopt;
    const auto units = [number](base::Duration unit) { return unit * std::min<int64_t>(number, kLongest / unit); };
    switch (*last) {
        case 'H': return units(1h);
        case 'M': return units(1min);
        case 'S': return units(1s);
        case 'm': return units(1ms);
        case 'u': return units(1us);
        case 'n': return units(1ns);
        default: return std::nullopt;
    }
}

std::string_view write_grpc_timeout(base::Duration left, base::Arena& arena) {
    constexpr int64_t kMost = 99'999'999;
    if (left / 1us <= kMost) return write_number(static_cast<uint64_t>(left / 1us), "u", arena);
    return write_number(static_cast<uint64_t>(std::min<int64_t>(left / 1ms, kMost)), "m", arena);
}

base::TimePoint deadline_of(RequestContext& context) {
    const base::TimePoint ours = base::deadline_after(context.began, context.route->traffic.timeout);
    const bool trusted = trusts_caller(context);
    base::TimePoint deadline = std::min(ours, context.deadline);
    context.shortened = deadline < ours;
    if (!trusted && !context.grpc) return deadline;
    for (const codec::Header& header : context.head().headers) {
        std::optional<base::Duration> given;
        if (header.field == Field::x_request_timeout && trusted) given = parse_request_timeout(header.value);
        if (header.field == Field::grpc_timeout) {
            given = parse_grpc_timeout(header.value);
            if (given) context.call_deadline = base::deadline_after(context.began, *given);
        }
        if (given) deadline = std::min(deadline, base::deadline_after(context.began, *given));
    }
    context.shortened = deadline < ours;
    return deadline;
}

void tell_deadline(RequestContext& context, base::TimePoint deadline, base::TimePoint now) {
    codec::HeaderTable& headers = context.head().headers;
    const base::Duration left = deadline > now ? deadline - now : base::Duration{};
    headers.set(Field::x_request_timeout, write_number(static_cast<uint64_t>(left / 1ms), "ms", context.arena));
    const bool whole = context.transcoding != nullptr && context.transcoding->unary();
    const base::TimePoint by = whole ? std::min(deadline, context.call_deadline) : context.call_deadline;
    if (by == base::kNever) return;
    const base::Duration of_call = by > now ? by - now : base::Duration{};
    headers.set(Field::grpc_timeout, write_grpc_timeout(of_call, context.arena));
}

}  // namespace tl::proxy
