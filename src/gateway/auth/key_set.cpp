#include "gateway/auth/key_set.h"

#include <fmt/format.h>

#include <algorithm>

#include "codec/base64url.h"
#include "gateway/auth/strict_json.h"

namespace tl::gateway {

namespace {

using nlohmann::json;

// A big-endian number or coordinate; "" when it is missing or no base64url.
std::string bytes_at(const json& key, const char* name) {
    return codec::decode_base64url(text_at(key, name)).value_or("");
}

net::VerifyingKey::Made key_of(const json& key) {
    const std::string type = text_at(key, "kty");
    if (type == "RSA") return net::VerifyingKey::rsa(bytes_at(key, "n"), bytes_at(key, "e"));
    if (type == "EC") return net::VerifyingKey::ec(text_at(key, "crv"), bytes_at(key, "x"), bytes_at(key, "y"));
    if (type == "OKP" && text_at(key, "crv") == "Ed25519") return net::VerifyingKey::ed25519(bytes_at(key, "x"));
    return base::fail(base::Code::invalid, "a key of a kind that is not supported");
}

// RFC 7517 4.2, 4.3: a key may say that it is for something else.
bool is_for_signatures(const json& key) {
    if (key.contains("use") && text_at(key, "use") != "sig") return false;
    const auto operations = key.find("key_ops");
    return operations == key.end() || (operations->is_array() && std::find(operations->begin(), operations->end(),
                                                                           json("verify")) != operations->end());
}

std::optional<SigningKey> signing_key_of(const json& key) {
    if (!key.is_object() || !is_for_signatures(key)) return std::nullopt;
    SigningKey made{.kid = text_at(key, "kid"), .algorithm = std::nullopt, .key = nullptr};
    if (key.contains("alg")) {
        made.algorithm = net::signature_algorithm(text_at(key, "alg"));
        if (!made.algorithm) return std::nullopt;
    }
    auto verifying = key_of(key);
    if (!verifying || (made.algorithm && !(*verifying)->fits(*made.algorithm))) return std::nullopt;
    made.key = std::move(*verifying);
    return made;
}

}  // namespace

bool KeySet::has(std::string_view kid) const {
    return std::ranges::any_of(keys, [&](const SigningKey& key) { return key.kid == kid; });
}

base::Result<KeySet> parse_key_set(std::string_view text) {
    const auto document = parse_strict_object(text);
    if (!document) return base::fail(base::Code::invalid, "it is no JSON object");
    const auto keys = document->find("keys");
    if (keys == document->end() || !keys->is_array()) return base::fail(base::Code::invalid, "it has no list \"keys\"");
    if (keys->size() > KeySet::kMost) {
        return base::fail(base::Code::too_large, fmt::format("it has {} keys, over {}", keys->size(), KeySet::kMost));
    }
    KeySet set;
    for (const json& key : *keys) {
        auto made = signing_key_of(key);
        if (made) set.keys.push_back(std::move(*made));
        if (!made) ++set.left_out;
    }
    if (set.keys.empty()) return base::fail(base::Code::invalid, "it has no key that can check a signature");
    return set;
}

base::Result<KeySet> parse_key_file(std::string_view text) {
    if (text.find("-----BEGIN ") == std::string_view::npos) return parse_key_set(text);
    auto key = net::VerifyingKey::pem(text);
    if (!key) return base::fail(std::move(key.error()));
    KeySet set;
    set.keys.push_back({.kid = {}, .algorithm = std::nullopt, .key = std::move(*key)});
    return set;
}

}  // namespace tl::gateway
