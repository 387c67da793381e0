#include "gateway/policies/allowance.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "base/units.h"

namespace tl::gateway {

using namespace std::chrono_literals;

namespace {

enum class Form : uint8_t { rate, quota, count };

constexpr base::Duration kLongest = 31 * 24h;  // of a rate; beyond it, it is a quota

std::optional<uint64_t> parse_number(std::string_view text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (number == 0 || number > kMostAllowance) return std::nullopt;
    return number;
}

std::optional<Period> parse_rate_period(std::string_view text) {
    if (text == "s") return Period{.length = 1s};
    if (text == "m") return Period{.length = 1min};
    if (text == "h") return Period{.length = 1h};
    if (text == "d") return Period{.length = 24h};
    const auto length = base::parse_duration(text);
    if (!length || *length < 1ms || *length > kLongest) return std::nullopt;
    return Period{.length = *length};
}

std::optional<Period> parse_calendar(std::string_view text) {
    if (text == "hour") return Period{.kind = Period::Kind::hour};
    if (text == "day") return Period{.kind = Period::Kind::day};
    if (text == "month") return Period{.kind = Period::Kind::month};
    return std::nullopt;
}

// Takes the words behind the count off `rest`, one at a time.
std::string_view next_word(std::string_view& rest) {
    rest = base::trim(rest);
    const size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view word = rest.substr(0, end);
    rest = base::trim(rest.substr(end));
    return word;
}

std::expected<void, std::string> parse_amount(std::string_view word, Form form, Allowance& into) {
    const size_t slash = word.find('/');
    const auto number = parse_number(word.substr(0, slash));
    if (!number) return std::unexpected("must begin with a whole number from 1 on");
    into.count = *number;
    if (slash == std::string_view::npos) return {};
    const std::string_view period = word.substr(slash + 1);
    if (form == Form::count)
        return std::unexpected("counts requests at a time and has no period; write 20, or 20 by client");
    into.period = form == Form::rate ? parse_rate_period(period) : parse_calendar(period);
    if (into.period) return {};
    if (form == Form::rate)
        return std::unexpected("must be per s, m, h, d or a time up to 31d, such as 100/s or 100/10s");
    return std::unexpected("must be per hour, day or month, such as 10000/month");
}

std::expected<Allowance, std::string> parse(std::string_view text, Form form) {
    std::string_view rest = text;
    Allowance out;
    if (const auto amount = parse_amount(next_word(rest), form, out); !amount) return std::unexpected(amount.error());
    while (!rest.empty()) {
        const std::string_view word = next_word(rest);
        if (word == "burst" && form == Form::rate && !out.burst) {
            out.burst = parse_number(next_word(rest));
            if (!out.burst) return std::unexpected("has a burst that is no whole number from 1 on");
        } else if (word == "by" && !out.by) {
            // Everything up to "burst": some keys have a name behind them.
            const size_t end = std::min(rest.find(" burst "), rest.size());
            auto key = parse_caller_key(rest.substr(0, end));
            if (!key) return std::unexpected("counts by a key that " + key.error());
            out.by = std::move(*key);
            rest = base::trim(rest.substr(end));
        } else {
            return std::unexpected(fmt::format("has \"{}\" where {} may follow", word,
                                               form == Form::rate ? "\"by KEY\" or \"burst N\"" : "\"by KEY\""));
        }
    }
    return out;
}

}  // namespace

std::expected<Allowance, std::string> parse_rate(std::string_view text) { return parse(text, Form::rate); }
std::expected<Allowance, std::string> parse_quota(std::string_view text) { return parse(text, Form::quota); }
std::expected<Allowance, std::string> parse_count(std::string_view text) { return parse(text, Form::count); }

std::string to_string(const Period& period) {
    switch (period.kind) {
        case Period::Kind::hour: return "hour";
        case Period::Kind::day: return "day";
        case Period::Kind::month: return "month";
        case Period::Kind::length: break;
    }
    if (period.length == 1s) return "s";
    if (period.length == 1min) return "m";
    if (period.length == 1h) return "h";
    if (period.length == 24h) return "d";
    return base::format_duration(period.length);
}

std::string format_allowance(const Allowance& allowance) {
    std::string text = fmt::to_string(allowance.count);
    if (allowance.period) text += "/" + to_string(*allowance.period);
    if (allowance.by) text += " by " + to_string(*allowance.by);
    if (allowance.burst) text += fmt::format(" burst {}", *allowance.burst);
    return text;
}

}  // namespace tl::gateway
