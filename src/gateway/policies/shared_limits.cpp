#include "gateway/policies/shared_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "base/text.h"
#include "gateway/policies/caller_key.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using codec::RespReply;

namespace {

constexpr base::Duration kPatience = 5ms;      // of a request
constexpr base::Duration kAvoid = 100ms;       // nobody waits for so long after one has waited in vain
constexpr base::Duration kAnswerTime = 200ms;  // of a batch; then the connection is given up
constexpr base::Duration kConnectTime = 1s;    // with all that is said first
constexpr base::Duration kFirstPause = 100ms;  // between two tries to connect; doubled
constexpr base::Duration kLongestPause = 1s;
constexpr size_t kMostPending = 16384;
constexpr size_t kMostBatch = 256;
constexpr uint64_t kLongestLease = 60'000;  // ms
constexpr uint64_t kLeaseShare = 200;       // of the rate or quota: half a percent

// GCRA in microseconds. KEYS[1]: the caller; ARGV: interval, burst, wanted, owed. Says how many are granted, after how
// many microseconds there would be one, and how many are left for all.
constexpr std::string_view kRateScript = R"(
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local want, owed = tonumber(ARGV[3]), tonumber(ARGV[4])
local room = interval * burst
local tat = tonumber(redis.call('GET', KEYS[1]) or '0')
if tat < now then tat = now end
if tat > now + 2 * room then tat = now + 2 * room end
tat = tat + owed * interval
local free = math.max(0, math.floor((now + room - tat) / interval + 0.000001))
local grant = math.min(want, free)
tat = tat + grant * interval
if grant > 0 or owed > 0 then
  redis.call('SET', KEYS[1], string.format('%.3f', tat), 'PX', math.ceil((tat - now) / 1000) + 1000)
end
local retry = 0
if grant == 0 then retry = math.max(0, math.ceil(tat + interval - room - now)) end
return {grant, retry, free - grant}
)";

// KEYS[1]: the caller's count in a period; ARGV: how many there are, wanted, owed, and when it may be forgotten. Says
// the same.
constexpr std::string_view kQuotaScript = R"(
local most, want, owed = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local used = tonumber(redis.call('GET', KEYS[1]) or '0') + owed
local grant = math.min(want, math.max(0, most - used))
used = used + grant
if grant > 0 or owed > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', used))
  redis.call('EXPIREAT', KEYS[1], ARGV[4])
end
return {grant, 0, math.max(0, most - used)}
)";
constexpr uint64_t kKept = 86400;  // seconds behind a period's end: clocks differ

// Puts down what is left for all gateways.
struct Remaining {
    uint64_t now = 0;
    uint64_t state = 0;
    [[nodiscard]] bool idle(uint64_t seen) const { return Lease{now, 0}.idle(seen); }
    [[nodiscard]] std::optional<uint64_t> step(uint64_t /*seen*/) const { return state; }
    [[nodiscard]] uint64_t undo(uint64_t seen) const { return seen; }
};

uint64_t now_ms() { return static_cast<uint64_t>(base::steady_now().time_since_epoch() / 1ms); }

}  // namespace

SharedRate make_shared_rate(uint64_t period_ns, uint64_t count, uint64_t burst) {
    return {.interval_ns = (period_ns + count - 1) / count,
            .burst = burst,
            .lease = std::clamp<uint64_t>(std::min(count, burst) / kLeaseShare, 1, Lease::kMost / 2),
            .lasts_ms = std::clamp<uint64_t>(period_ns / 1'000'000, 100, kLongestLease)};
}

SharedRate make_shared_quota(uint64_t count, const QuotaWindow& window, uint64_t seconds_now) {
    return {.burst = count,
            .lease = std::clamp<uint64_t>(count / kLeaseShare, 1, Lease::kMost / 2),
            .lasts_ms = (window.end - std::min(seconds_now, window.end)) * 1000,
            .window = window.number,
            .ends = window.end};
}

std::string name_for_all(const CallerText& caller) {
    return fmt::format("{} {}", static_cast<int>(caller.kind), caller.bytes);
}

std::optional<uint64_t> Leases::left_for_all(uint64_t key, uint64_t now) const {
    const uint64_t told = left.peek(key);
    if (!Lease{now, 0}.holds(told)) return std::nullopt;
    return Lease::left_of(told) + Lease::left_of(table.peek(key));
}

SharedLimits::SharedLimits(RedisConfig config, std::string folder, bool live)
    : client_(std::move(config), std::move(folder)) {
    if (live) home_ = &rt::this_loop();
}

void SharedLimits::ask(Want want) {
    if (home_ == nullptr) return;
    // A full mailbox loses the question; the next request asks again.
    home_->post(
        [self = shared_from_this(), want = std::move(want)]() mutable { self->enqueue(std::move(want), nullptr); });
}

rt::Task<void> SharedLimits::ask_and_wait(Want want, rt::Cancel* cancel) {
    if (home_ == nullptr) co_return;
    auto waiter = std::make_shared<Waiter>();
    waiter->home = &rt::this_loop();
    const bool posted = home_->post([self = shared_from_this(), want = std::move(want), waiter]() mutable {
        self->enqueue(std::move(want), std::move(waiter));
    });
    if (!posted || waiter->finished) co_return;
    const rt::Wake wake = co_await waiter->done.wait(rt::this_loop().within(kPatience, cancel));
    if (wake != rt::Wake::timeout) co_return;
    avoid_until_.store((base::steady_now() + kAvoid).time_since_epoch().count(), std::memory_order_relaxed);
}

void SharedLimits::enqueue(Want want, WaiterPtr waiter) {
    const PendingKey key{want.leases.get(), want.key};
    const auto found = pending_.find(key);
    if (!up() || (found == pending_.end() && pending_.size() >= kMostPending)) {
        if (waiter != nullptr) finish({{}, {std::move(waiter)}});
        return;
    }
    Pending& pending = found != pending_.end() ? found->second : pending_[key];
    const uint64_t owed = pending.want.debt + want.debt;
    pending.want = std::move(want);
    pending.want.debt = owed;
    if (waiter != nullptr) pending.waiters.push_back(std::move(waiter));
    wanted_.notify_all();
}

void SharedLimits::finish(const Pending& pending) {
    for (const WaiterPtr& waiter : pending.waiters) {
        waiter->home->post([waiter] {
            waiter->finished = true;
            waiter->done.notify_all();
        });
    }
}

void SharedLimits::fail_all() {
    for (const auto& [key, pending] : pending_) finish(pending);
    pending_.clear();
}

// What all gateways must know alike: the script, and the salt of callers' names.
rt::Task<base::Result<void>> SharedLimits::open() {
    const rt::Wait wait = rt::this_loop().within(kConnectTime);
    const auto opened = co_await client_.open(wait);
    if (!opened) co_return opened;
    for (const auto& [sha, script] : {std::pair{&rate_script_, kRateScript}, std::pair{&quota_script_, kQuotaScript}}) {
        auto loaded = co_await client_.ask({"SCRIPT", "LOAD", std::string{script}}, wait);
        if (!loaded) co_return base::fail(std::move(loaded.error()));
        *sha = std::move(loaded->text);
    }
    const base::HashKey fresh = new_secret();
    const std::string name = client_.config().prefix + ":salt";
    const auto set = co_await client_.ask({"SET", name, base::hex64(fresh.low) + base::hex64(fresh.high), "NX"}, wait);
    if (!set) co_return base::fail(set.error());
    const auto salt = co_await client_.ask({"GET", name}, wait);
    if (!salt) co_return base::fail(salt.error());
    const std::string_view text = salt->text;
    const auto parse = [](std::string_view hex, uint64_t& into) {
        const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), into, 16);
        return error == std::errc{} && end == hex.data() + hex.size();
    };
    if (text.size() != 32 || !parse(text.substr(0, 16), salt_.low) || !parse(text.substr(16), salt_.high)) {
        co_return base::fail(base::Code::invalid, name + " holds something else; choose another prefix");
    }
    co_return base::Result<void>{};
}

rt::Task<void> SharedLimits::wait_and_reconnect(rt::Cancel& stop) {
    base::Duration pause = kFirstPause;
    while (!stop.requested()) {
        const auto opened = co_await open();
        if (opened) {
            if (told_) TL_LOG(info, "redis", "{}: is there again", client_.config().address);
            told_ = false;
            up_ = true;
            co_return;
        }
        client_.close();
        if (!told_) {
            TL_LOG(error, "redis", "{}: limits are not shared: {}", client_.config().address, opened.error().message());
        }
        told_ = true;
        [[maybe_unused]] const rt::Wake wake = co_await rt::sleep(pause, &stop);
        pause = std::min(pause * 2, kLongestPause);
    }
}

rt::Task<void> SharedLimits::run(rt::Cancel& stop) {
    if (home_ == nullptr) co_return;
    while (!stop.requested()) {
        if (!client_.is_open()) co_await wait_and_reconnect(stop);
        if (pending_.empty()) {
            [[maybe_unused]] const rt::Wake wake = co_await wanted_.wait({base::kNever, &stop});
            continue;
        }
        const auto served = co_await serve_batch();
        if (served) continue;
        up_ = false;
        client_.close();
        fail_all();
        if (!told_) {
            TL_LOG(error, "redis", "{}: limits are not shared: {}", client_.config().address, served.error().message());
        }
        told_ = true;
        [[maybe_unused]] const rt::Wake wake = co_await rt::sleep(kFirstPause, &stop);
    }
    up_ = false;
    fail_all();
    co_await client_.stop();
}

std::string SharedLimits::commands_for(const std::vector<Pending>& batch, bool whole_script) const {
    std::string commands;
    for (const Pending& one : batch) {
        const SharedRate& rate = one.want.rate;
        // Two hashes by a secret: 128 bits, which no caller can aim at another's.
        const uint64_t low = base::hash(one.want.caller, salt_);
        const uint64_t high = base::hash(one.want.caller, {salt_.high, ~salt_.low});
        const std::string key =
            fmt::format("{}:{}:{:016x}{:016x}", client_.config().prefix, one.want.leases->name, high, low);
        const std::string burst = fmt::to_string(rate.burst);
        const std::string wanted = fmt::to_string(rate.lease);
        const std::string owed = fmt::to_string(one.want.debt);
        const std::string_view how = whole_script ? "EVAL" : "EVALSHA";
        if (rate.window == 0) {
            const std::string interval = fmt::format("{:.3f}", static_cast<double>(rate.interval_ns) / 1000.0);
            const std::string_view script = whole_script ? kRateScript : std::string_view{rate_script_};
            const std::string_view words[] = {how, script, "1", key, interval, burst, wanted, owed};
            codec::append_command(commands, words);
        } else {
            const std::string of_period = fmt::format("{}:{}", key, rate.window);
            const std::string forget = fmt::to_string(rate.ends + kKept);
            const std::string_view script = whole_script ? kQuotaScript : std::string_view{quota_script_};
            const std::string_view words[] = {how, script, "1", of_period, burst, wanted, owed, forget};
            codec::append_command(commands, words);
        }
    }
    return commands;
}

rt::Task<base::Result<void>> SharedLimits::serve_batch() {
    std::vector<Pending> batch;
    while (!pending_.empty() && batch.size() < kMostBatch) {
        batch.push_back(std::move(pending_.begin()->second));
        pending_.erase(pending_.begin());
    }
    const rt::Wait wait = rt::this_loop().within(kAnswerTime);
    auto replies = co_await client_.exchange(commands_for(batch, false), batch.size(), wait);
    const auto forgotten = [](const RespReply& reply) {
        return reply.kind == RespReply::Kind::error && reply.text.starts_with("NOSCRIPT");
    };
    // Somebody has emptied Redis' scripts: all of this batch was refused alike.
    if (replies && std::ranges::any_of(*replies, forgotten)) {
        replies = co_await client_.exchange(commands_for(batch, true), batch.size(), wait);
    }
    for (size_t i = 0; i < batch.size(); ++i) {
        if (replies) apply(batch[i], (*replies)[i]);
        finish(batch[i]);
    }
    if (!replies) co_return base::fail(std::move(replies.error()));
    for (const RespReply& reply : *replies) {
        if (reply.kind == RespReply::Kind::list) continue;
        co_return base::fail(base::Code::refused, "Redis refuses the script: " + base::printable(reply.text));
    }
    co_return base::Result<void>{};
}

void SharedLimits::apply(const Pending& pending, const RespReply& reply) {
    if (reply.kind != RespReply::Kind::list || reply.items.size() != 3) return;
    const auto number = [&](size_t i) { return static_cast<uint64_t>(std::max<int64_t>(reply.items[i].number, 0)); };
    const Want& want = pending.want;
    const uint64_t now = now_ms();
    // Refused: until a whole lease would be there, so that a caller far over its limit costs few hops.
    const bool quota = want.rate.window != 0;
    const uint64_t retry =
        quota ? want.rate.lasts_ms * 1000 : number(1) + (want.rate.lease - 1) * want.rate.interval_ns / 1000;
    LeaseGrant grant{.now = now,
                     .granted = number(0),
                     .lasts = want.rate.lasts_ms,
                     .retry = std::clamp<uint64_t>((retry + 999) / 1000, 1, kLongestLease)};
    want.leases->table.update(want.key, grant);
    Remaining left{now, Lease::pack(now + want.rate.lasts_ms, number(2))};
    want.leases->left.update(want.key, left);
}

}  // namespace tl::gateway
