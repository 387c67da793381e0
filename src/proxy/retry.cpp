#include "proxy/retry.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "proxy/door.h"
#include "rt/loop.h"

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kLongestRetryAfter = 24h;
constexpr std::string_view kCause = "X-Trunkline-Cause";

// "Sun, 06 Nov 1994 08:49:37 GMT", the only form that may still be sent.
std::optional<base::WallTime> parse_date(std::string_view text) {
    std::tm parts{};
    const std::string whole{text};
    const char* const end = strptime(whole.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == nullptr || *end != '\0') return std::nullopt;
    return base::WallTime{std::chrono::seconds{timegm(&parts)}};
}

// Not so: an answer that is no HTTP, and certificates, which are wrong until somebody changes them.
bool may_pass(base::Code code) {
    switch (code) {
        case base::Code::invalid:
        case base::Code::cert_expired:
        case base::Code::cert_mismatch:
        case base::Code::cert_untrusted: return false;
        default: return true;
    }
}

bool declares(const RetryRule& rule, const Answer& answer) {
    if (answer.call) return (rule.calls & call_bit(*answer.call)) != 0;
    return std::ranges::find(rule.statuses, answer.status) != rule.statuses.end();
}

// gRFC A6: milliseconds; anything that is no such number asks for no other try at all.
base::Duration parse_pushback(std::string_view text) {
    uint32_t milliseconds = 0;
    const char* const last = text.data() + text.size();
    const bool number = std::from_chars(text.data(), last, milliseconds).ptr == last && !text.empty();
    return number ? std::chrono::milliseconds{milliseconds} : kLongestRetryAfter;
}

// What the service asks for before it is asked again.
base::Duration least_wait(const Answer& answer) {
    const codec::Header* const pushback = answer.end == nullptr ? nullptr : answer.end->find("grpc-retry-pushback-ms");
    if (pushback != nullptr) return parse_pushback(pushback->value);
    const codec::Header* const later = answer.head->find(codec::Field::retry_after);
    const auto asked = later == nullptr ? std::nullopt : parse_retry_after(later->value, base::wall_now());
    return asked.value_or(0s);
}

}  // namespace

std::optional<base::Duration> parse_retry_after(std::string_view text, base::WallTime now) {
    uint32_t seconds = 0;
    const char* const last = text.data() + text.size();
    if (std::from_chars(text.data(), last, seconds).ptr == last && !text.empty()) {
        return std::min<base::Duration>(std::chrono::seconds{seconds}, kLongestRetryAfter);
    }
    const auto date = parse_date(text);
    if (!date) return std::nullopt;
    return std::clamp<base::Duration>(*date - now, base::Duration{}, kLongestRetryAfter);
}

base::Duration backoff(base::Duration first, base::Duration longest, size_t made, base::Random& random) {
    const auto doubled = first * (int64_t{1} << std::clamp<size_t>(made, 1, 20)) / 2;
    const auto most = static_cast<double>(std::min(doubled, longest).count());
    return base::Duration{static_cast<int64_t>(most * random.unit())};
}

bool Retry::rather_than(const Answer& answer, Used used) {
    if (answer.status < 400 && !answer.call) [[likely]]
        return false;
    if (!declares(context_->route->traffic.retry, answer)) return false;
    // A proxy of ours behind this one has given up already; it was nearer to the fault.
    if (answer.head->find(kCause) != nullptr) return false;
    // The same instance would only say the same.
    if (!context_->idempotent || !allowed(used) || !has_other()) return false;
    return grant(least_wait(answer), false);
}

bool Retry::after(const base::Error& error, Used used) {
    const RetryRule& rule = context_->route->traffic.retry;
    if (error.side != base::Side::upstream || !may_pass(error.code) || !allowed(used)) return false;
    if (!used.sent) return rule.unsent && grant(0s, has_other());
    const bool declared = error.code == base::Code::timeout ? rule.timeout : rule.reset;
    return declared && context_->idempotent && grant(0s, false);
}

// Of what every retry needs, all but the budget: that is paid last.
bool Retry::allowed(Used used) {
    if (made_ >= context_->route->traffic.attempts || context_->exchange->response_started()) return false;
    return used.body_intact && upstream_->breaker().closed() && !nested();
}

bool Retry::nested() {
    if (!nested_) {
        nested_ = context_->door.trusts_callers && context_->head().headers.find(kRequestAttempt) != nullptr;
    }
    return *nested_;
}

bool Retry::may_hedge() { return context_->idempotent && upstream_->breaker().closed() && !nested() && has_other(); }

bool Retry::pay() {
    RetryBudgets& budgets = upstream_->budgets();
    if (budgets.of(context_->door.caller).take(rt::this_loop().now(), upstream_->rule().budget)) return true;
    budgets.count_refused();
    return false;
}

bool Retry::grant(base::Duration least_wait, bool at_once) {
    const RetryRule& rule = context_->route->traffic.retry;
    // Longer than anybody should wait here: the caller is told and may come again.
    if (least_wait > rule.longest_wait) return false;
    rt::Loop& loop = rt::this_loop();
    const base::Duration wait =
        at_once ? base::Duration{}
                : std::max(least_wait, backoff(rule.backoff, rule.longest_wait, made_, loop.random()));
    if (base::deadline_after(loop.now(), wait) >= deadline_ || !pay()) return false;
    granted_ = wait;
    return true;
}

}  // namespace tl::proxy
