#include "gateway/auth/key_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "gateway/auth/strict_json.h"
#include "storage/whole_file.h"

namespace tl::gateway {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kFirstRetry = 500ms;  // after a failed fetch; doubled up to the refresh
constexpr base::Duration kMostCoolDown = 15s;
constexpr base::Duration kLookAtFile = 2s;
}  // namespace

// A flag that data cores raise and the loop that they wake. Shared with messages that are under way.
struct KeySource::Wish {
    std::atomic<bool> raised{false};
    std::atomic<int64_t> quiet_until{0};   // steady clock, nanoseconds: the cool-down
    std::atomic<rt::Loop*> home{nullptr};  // the control loop, which outlives all data cores; nullptr: not running
    rt::Signal asked;                      // control core
};

KeySource::KeySource(KeySourceOptions options) : options_(std::move(options)), wish_(std::make_shared<Wish>()) {
    if (options_.file.empty()) return;
    const auto read = read_file();
    if (!read) TL_LOG(error, "auth", "keys of {}: {}", options_.file, read.error().message());
}

bool KeySource::want_newer(base::Duration patience) const {
    if (!options_.file.empty()) return false;
    const int64_t now = base::steady_now().time_since_epoch().count();
    const base::Duration quiet{wish_->quiet_until.load(std::memory_order_relaxed) - now};
    if (quiet > base::Duration{0}) return quiet <= patience;
    if (wish_->raised.exchange(true, std::memory_order_acq_rel)) return true;
    // A mailbox has a mutex: one message a cool-down, whatever clients send.
    rt::Loop* const home = wish_->home.load(std::memory_order_acquire);
    if (home != nullptr && home->post([wish = wish_] { wish->asked.notify_all(); })) return true;
    wish_->raised.store(false, std::memory_order_release);
    return false;
}

base::Result<void> KeySource::read_file() {
    const std::string stamp = storage::stamp_of(options_.file);
    auto text = storage::read_file(options_.file, kMostBytes);
    if (!text) return base::fail(std::move(text.error()));
    auto keys = parse_key_file(*text);
    if (!keys) return base::fail(std::move(keys.error()));
    stamp_ = stamp;
    keys_.publish(std::make_shared<const KeySet>(std::move(*keys)));
    return {};
}

rt::Task<base::Result<std::string>> KeySource::get(std::string url, rt::Wait wait) {
    return get_from_issuer(
        {.url = std::move(url), .ca = options_.ca, .resolver = options_.resolver, .form = {}, .most = kMostBytes},
        wait);
}

// OpenID Connect Discovery 1.0, 4.
rt::Task<base::Result<std::string>> KeySource::find_url(rt::Wait wait) {
    if (!options_.url.empty()) co_return options_.url;
    const auto text = co_await get(discovery_url(options_.issuer), wait);
    if (!text) co_return base::fail(text.error());
    const auto document = parse_strict_object(*text);
    if (!document) co_return base::fail(base::Code::invalid, "the discovery document is no JSON object");
    // 4.3: it must be of whom it was asked for.
    if (text_at(*document, "issuer") != options_.issuer) {
        co_return base::fail(base::Code::invalid, "the discovery document is of another issuer");
    }
    co_return text_at(*document, "jwks_uri");
}

rt::Task<base::Result<KeySet>> KeySource::fetch_keys(rt::Wait wait) {
    const auto url = co_await find_url(wait);
    if (!url) co_return base::fail(url.error());
    auto text = co_await get(*url, wait);
    if (!text) co_return base::fail(std::move(text.error()));
    auto keys = parse_key_set(*text);
    if (keys) fetched_text_ = std::move(*text);
    co_return keys;
}

void KeySource::settle(base::Result<KeySet> fetched, bool asked) {
    // Tokens with made-up kids must not make us ask the issuer all the time.
    cool_down_ = asked ? std::min(cool_down_ * 2, kMostCoolDown) : kLeastCoolDown;
    const std::string& name = options_.url.empty() ? options_.issuer : options_.url;
    if (!fetched) {
        if (!failing()) TL_LOG(warning, "auth", "keys of {}: {}", name, fetched.error().message());
    } else {
        if (failing()) TL_LOG(info, "auth", "keys of {}: here again", name);
        if (fetched_text_ != last_text_) {
            TL_LOG(info, "auth", "keys of {}: {} can be used, {} cannot", name, fetched->keys.size(),
                   fetched->left_out);
            keys_.publish(std::make_shared<const KeySet>(std::move(*fetched)));
            last_text_ = fetched_text_;
            cool_down_ = kLeastCoolDown;
        }
    }
    failing_.store(!fetched, std::memory_order_relaxed);
    const auto quiet = base::steady_now() + cool_down_;
    wish_->quiet_until.store(quiet.time_since_epoch().count(), std::memory_order_relaxed);
    wish_->raised.store(false, std::memory_order_release);
    ended_.fetch_add(1, std::memory_order_release);
}

rt::Task<void> KeySource::run(rt::Cancel& stop) {
    if (!options_.file.empty()) {
        while (!stop.requested()) {
            co_await rt::sleep(kLookAtFile, &stop);
            if (storage::stamp_of(options_.file) == stamp_) continue;
            const auto read = read_file();
            if (!read && !failing()) TL_LOG(error, "auth", "keys of {}: {}", options_.file, read.error().message());
            failing_.store(!read, std::memory_order_relaxed);
        }
        co_return;
    }
    wish_->home.store(&rt::this_loop(), std::memory_order_release);
    base::Duration retry = kFirstRetry;
    bool asked = false;
    while (!stop.requested()) {
        begun_.fetch_add(1, std::memory_order_release);
        auto fetched = co_await fetch_keys(rt::this_loop().within(options_.timeout, &stop));
        if (stop.requested()) break;
        const bool good = fetched.has_value();
        settle(std::move(fetched), asked);
        retry = good ? kFirstRetry : std::min(retry * 2, options_.refresh);
        const rt::Wake wake =
            co_await wish_->asked.wait(rt::this_loop().within(good ? options_.refresh : retry, &stop));
        asked = wake == rt::Wake::ready;
    }
    wish_->home.store(nullptr, std::memory_order_release);
}

}  // namespace tl::gateway
