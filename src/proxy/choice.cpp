#include "proxy/choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "proxy/door.h"
#include "proxy/request_key.h"

namespace tl::proxy {

using telemetry::kNoName;
using telemetry::NameId;

namespace {

constexpr size_t kTokenDigits = 16;

uint64_t parse_token(std::string_view text) {
    uint64_t token = 0;
    if (text.size() != kTokenDigits) return 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), token, 16);
    return error == std::errc{} && end == text.data() + text.size() ? token : 0;
}

}  // namespace

// When no instance of a version can take requests the others take its part: a split is no reason to fail.
NameId version_by_split(const Shaping& shaping, Upstream& upstream, base::Random& random, std::optional<uint64_t> who) {
    double dice = who ? static_cast<double>(base::mix(*who) >> 11) * 0x1p-53 : random.unit();
    double present = 0;
    for (const VersionShare& one : shaping.split) {
        if (dice < one.share && upstream.has(one.version)) [[likely]]
            return one.version;
        if (dice < one.share) break;
        dice -= one.share;
    }
    for (const VersionShare& one : shaping.split) present += upstream.has(one.version) ? one.share : 0;
    dice = random.unit() * present;
    for (const VersionShare& one : shaping.split) {
        if (!upstream.has(one.version) || one.share <= 0) continue;
        if (dice < one.share) return one.version;
        dice -= one.share;
    }
    return kNoName;
}

Choice::Choice(RequestContext& context, Upstream& upstream, base::Random& random)
    : context_(&context), upstream_(&upstream), random_(&random) {
    where_.zone = context.door.zone;
    const Shaping* const shaping = context.route->shaping.get();
    const BalanceRule& rule = upstream.rule().balance;
    if (rule.sticky) look_at_cookie(*rule.sticky, shaping);
    if (shaping != nullptr) choose_version(*shaping);
    if (rule.hashes()) hash_ = hash_of(context, rule.key);
    context.record.version = static_cast<uint16_t>(where_.version);
}

void Choice::choose_version(const Shaping& shaping) {
    const auto& headers = context_->head().headers;
    const auto fits = std::ranges::find_if(
        shaping.matches, [&](const VersionMatch& match) { return all_match(match.headers, headers); });
    where_.version = fits != shaping.matches.end() ? fits->version : shaping.version;
    if (where_.version == kNoName && !shaping.split.empty()) {
        // Who is with an instance already stays with its version.
        const auto who = shaping.split_by ? hash_of(*context_, *shaping.split_by) : std::nullopt;
        where_.version = stuck_ != nullptr ? stuck_->version : version_by_split(shaping, *upstream_, *random_, who);
    }
    if (stuck_ != nullptr && where_.version != kNoName && stuck_->version != where_.version) stuck_ = nullptr;
}

void Choice::look_at_cookie(const StickyRule& rule, const Shaping* shaping) {
    const auto value = find_cookie(context_->head().headers, rule.cookie);
    token_ = value ? parse_token(*value) : 0;
    if (token_ == 0) return;
    Instance* const instance = upstream_->find_token(token_);
    if (instance == nullptr) return;
    // A version that gets nothing any more does not keep its clients.
    const bool wanted = shaping == nullptr || shaping->split.empty() ||
                        std::ranges::any_of(shaping->split, [&](const VersionShare& one) {
                            return one.version == instance->version && one.share > 0;
                        });
    if (wanted) stuck_ = instance;
}

Instance* Choice::pick(base::TimePoint now, std::span<const uint64_t> tried) {
    Instance* instance = nullptr;
    if (stuck_ != nullptr && tried.empty() && stuck_->ejected_until <= now && !upstream_->full(*stuck_)) {
        instance = stuck_;
    } else {
        instance = upstream_->pick(where_, {.random = *random_, .now = now, .tried = tried, .hash = hash_});
    }
    if (instance != nullptr) settle(*instance);
    return instance;
}

void Choice::settle(const Instance& instance) {
    context_->record.version = static_cast<uint16_t>(instance.version);
    const auto& sticky = upstream_->rule().balance.sticky;
    context_->set_cookie = {};
    if (sticky && instance.token != token_) make_cookie(*sticky, instance);
}

// HttpOnly: scripts have no use for it. SameSite: other sites cannot send it along (RFC 6265bis 4.1.2.7).
void Choice::make_cookie(const StickyRule& rule, const Instance& instance) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(rule.max_age).count();
    context_->set_cookie = context_->arena.copy(
        fmt::format("{}={:016x}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax", rule.cookie, instance.token, seconds));
}

}  // namespace tl::proxy
