#include "gateway/auth/api_keys.h"

#include <algorithm>

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "codec/base64url.h"
#include "storage/whole_file.h"

namespace tl::gateway {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view kPrefix = "tlk_";
constexpr size_t kIdDigits = 8;
constexpr size_t kKeyLength = kPrefix.size() + kIdDigits + 1 + 43;
constexpr base::Duration kSaveUses = 1min;

struct MadeSecret {
    std::string key;
    KeySecret secret;
};

MadeSecret make_secret(const ApiKeys& keys, base::WallTime now) {
    const auto is_taken = [&](const std::string& id) {
        return std::ranges::any_of(keys, [&](const ApiKey& key) {
            return std::ranges::any_of(key.secrets, [&](const KeySecret& secret) { return secret.id == id; });
        });
    };
    std::string id;
    do {
        id = base::to_hex(base::random_bytes(kIdDigits / 2));
    } while (is_taken(id));
    std::string key = std::string{kPrefix} + id + "_" + codec::encode_base64url(base::random_bytes(32));
    KeySecret secret{.id = std::move(id), .hash = net::sha256(key), .made = now};
    return {std::move(key), std::move(secret)};
}

bool is_name(std::string_view name) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-";
    return !name.empty() && name.size() <= 128 && name.find_first_not_of(kLetters) == std::string_view::npos;
}

// Scopes, roles and plans are words: no spaces, for a scope list is separated by them.
bool is_word(std::string_view word) {
    return !word.empty() && word.size() <= 128 &&
           std::ranges::all_of(word, [](char c) { return c > ' ' && c < '\x7f'; });
}

void forget_ended(ApiKeys& keys, base::WallTime now) {
    for (ApiKey& key : keys) {
        std::erase_if(key.secrets, [&](const KeySecret& secret) { return secret.until <= now; });
    }
}

}  // namespace

std::string_view id_of_key(std::string_view key) {
    const bool formed = key.size() == kKeyLength && key.starts_with(kPrefix) && key[kPrefix.size() + kIdDigits] == '_';
    return formed ? key.substr(kPrefix.size(), kIdDigits) : std::string_view{};
}

std::shared_ptr<ApiKeyStore> ApiKeyStore::of(Keeper& keeper, const std::string& folder) {
    return keeper.keep<ApiKeyStore>("api keys in " + folder, folder);
}

ApiKeyStore::ApiKeyStore(std::string folder) : file_(folder.empty() ? "" : folder + "/api_keys.json") {
    if (!file_.empty()) {
        const auto text = storage::read_file(file_, kMostBytes);
        auto keys = text ? read_api_keys(*text) : base::Result<ApiKeys>{};
        if (!text && text.error().code != base::Code::not_found) broken_ = text.error().message();
        if (!keys) broken_ = file_ + ": " + keys.error().message();
        if (text && keys) saved_ = *text;
        if (keys) keys_ = std::move(*keys);
        // Without the file nobody's key is right; to guess would be worse.
        if (!broken_.empty()) TL_LOG(error, "auth", "API keys cannot be read, so all are refused: {}", broken_);
    }
    published_.publish(std::make_shared<const ApiKeys>(keys_));
}

base::Result<void> ApiKeyStore::usable() const {
    if (file_.empty()) return base::fail(base::Code::unavailable, "there is no state folder to keep keys in");
    if (broken_.empty()) return {};
    return base::fail(base::Code::unavailable, "the keys cannot be read, so none is changed: " + broken_);
}

base::Result<void> ApiKeyStore::commit(ApiKeys next) {
    std::string text = write_api_keys(next);
    TL_TRY(storage::replace_file(file_, text, 0600));
    saved_ = std::move(text);
    keys_ = std::move(next);
    published_.publish(std::make_shared<const ApiKeys>(keys_));
    return {};
}

base::Result<std::string> ApiKeyStore::create(ApiKey wanted, base::WallTime now) {
    TL_TRY(usable());
    if (!is_name(wanted.name)) {
        return base::fail(base::Code::invalid,
                          "a key's name has letters, digits and . _ @ - only, 128 of them at most");
    }
    const bool words = std::ranges::all_of(wanted.scopes, is_word) && std::ranges::all_of(wanted.roles, is_word) &&
                       (wanted.plan.empty() || is_word(wanted.plan));
    if (!words || wanted.scopes.size() + wanted.roles.size() > 100) {
        return base::fail(base::Code::invalid, "a plan, a scope and a role are words without spaces; 100 at most");
    }
    if (std::ranges::find(keys_, wanted.name, &ApiKey::name) != keys_.end()) {
        return base::fail(base::Code::conflict, "there is a key of this name; rotate or revoke it");
    }
    if (keys_.size() >= kMost) return base::fail(base::Code::too_large, "there are 10000 keys, which is the most");
    MadeSecret made = make_secret(keys_, now);
    wanted.created = now;
    wanted.secrets = {made.secret};
    ApiKeys next = keys_;
    next.push_back(std::move(wanted));
    TL_TRY(commit(std::move(next)));
    return std::move(made.key);
}

base::Result<std::string> ApiKeyStore::rotate(const std::string& name, base::Duration grace, base::WallTime now) {
    TL_TRY(usable());
    ApiKeys next = keys_;
    const auto key = std::ranges::find(next, name, &ApiKey::name);
    if (key == next.end()) return base::fail(base::Code::not_found, "there is no key of this name");
    MadeSecret made = make_secret(keys_, now);
    // One former secret at a time: whoever rotates twice means the first one to end.
    key->secrets.resize(1);
    key->secrets.front().until = now + grace;
    key->secrets.insert(key->secrets.begin(), made.secret);
    forget_ended(next, now);
    TL_TRY(commit(std::move(next)));
    return std::move(made.key);
}

base::Result<void> ApiKeyStore::revoke(const std::string& name) {
    TL_TRY(usable());
    ApiKeys next = keys_;
    if (std::erase_if(next, [&](const ApiKey& key) { return key.name == name; }) == 0) {
        return base::fail(base::Code::not_found, "there is no key of this name");
    }
    return commit(std::move(next));
}

void ApiKeyStore::save_uses() {
    if (file_.empty() || !broken_.empty()) return;
    std::string text = write_api_keys(keys_);
    if (text == saved_) return;
    const auto written = storage::replace_file(file_, text, 0600);
    if (written) saved_ = std::move(text);
    if (!written) TL_LOG(warning, "auth", "when API keys were used last is not saved: {}", written.error().message());
}

rt::Task<void> ApiKeyStore::run(rt::Cancel& stop) {
    while (!stop.requested()) {
        co_await rt::sleep(kSaveUses, &stop);
        save_uses();
    }
}

}  // namespace tl::gateway
