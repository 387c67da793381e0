#include "gateway/auth/token_check.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.h"
#include "gateway/auth/strict_json.h"

namespace tl::gateway {

namespace {

using nlohmann::json;

constexpr size_t kMostTries = 8;  // keys that a token without a kid is tried with

TokenVerdict refuse(std::string why, bool unknown_key = false) {
    return {.identity = nullptr, .until = {}, .why = std::move(why), .unknown_key = unknown_key};
}

enum class Signed : uint8_t { yes, no, unknown_key };

Signed check_signature(const Token& token, net::SignatureAlgorithm algorithm, const KeySet& keys) {
    bool tried = false;
    size_t tries = 0;
    for (const SigningKey& key : keys.keys) {
        // A key without a name may be any; a token without one is tried with each that fits.
        if (token.kid && !key.kid.empty() && key.kid != *token.kid) continue;
        if (key.algorithm && *key.algorithm != algorithm) continue;
        if (!key.key->fits(algorithm) || ++tries > kMostTries) continue;
        tried = true;
        if (key.key->verify(algorithm, token.signed_part, token.signature)) return Signed::yes;
    }
    if (token.kid && !keys.has(*token.kid)) return Signed::unknown_key;
    return tried ? Signed::no : Signed::unknown_key;
}

// RFC 7519 2, NumericDate: seconds since 1970, with a fraction or without. The second value is false for what is none.
struct Date {
    bool there = false;
    bool good = true;
    base::WallTime at{};
};
Date date_at(const json& claims, const char* name) {
    const auto found = claims.find(name);
    if (found == claims.end()) return {};
    constexpr double kMost = 9e9;  // the year 2255: the clock counts nanoseconds in 64 bits
    if (!found->is_number()) return {.there = true, .good = false};
    const auto seconds = found->get<double>();
    if (!std::isfinite(seconds) || seconds < 0) return {.there = true, .good = false};
    const auto nanos = static_cast<int64_t>(std::min(seconds, kMost) * 1e9);
    return {.there = true, .good = true, .at = base::WallTime{base::Duration{nanos}}};
}

bool has_audience(const json& claims, const std::vector<std::string>& wanted) {
    const auto audience = claims.find("aud");
    if (audience == claims.end()) return false;
    const auto is_wanted = [&](const json& one) {
        return one.is_string() && std::ranges::find(wanted, one.get_ref<const std::string&>()) != wanted.end();
    };
    return audience->is_array() ? std::any_of(audience->begin(), audience->end(), is_wanted) : is_wanted(*audience);
}

std::string wrong_claims(const json& claims, const TokenRules& rules) {
    if (!rules.issuer.empty() && text_at(claims, "iss") != rules.issuer) return "the token is of another issuer";
    if (!rules.audiences.empty() && !has_audience(claims, rules.audiences)) return "the token is for another audience";
    return {};
}

std::string wrong_times(const json& claims, const TokenRules& rules, base::WallTime now) {
    const Date expires = date_at(claims, "exp");
    const Date begins = date_at(claims, "nbf");
    const Date issued = date_at(claims, "iat");
    if (!expires.good || !begins.good || !issued.good) return "a time in the token is no number of seconds";
    if (!expires.there) return "the token does not say when it expires";
    if (now >= expires.at + rules.leeway) return "the token has expired";
    if (begins.there && now + rules.leeway < begins.at) return "the token is not valid yet";
    if (issued.there && now + rules.leeway < issued.at) return "the token was issued in the future";
    return {};
}

// A list of words, or one text with spaces between them (RFC 8693 4.2).
std::vector<std::string> words_of(const json* value) {
    std::vector<std::string> words;
    if (value == nullptr) return words;
    if (value->is_string()) {
        for (const std::string_view word : base::split(value->get_ref<const std::string&>(), ' ')) {
            if (!word.empty()) words.emplace_back(word);
        }
    }
    if (!value->is_array()) return words;
    for (const json& one : *value) {
        if (one.is_string()) words.push_back(one.get<std::string>());
    }
    return words;
}

}  // namespace

proxy::IdentityPtr identity_of(const json& claims, const TokenRules& rules) {
    auto identity = std::make_shared<proxy::Identity>();
    identity->method = rules.method;
    if (const json* const subject = find_path(claims, rules.subject); subject != nullptr && subject->is_string()) {
        identity->subject = subject->get<std::string>();
    }
    if (const json* const plan = find_path(claims, rules.plan); plan != nullptr && plan->is_string()) {
        identity->plan = plan->get<std::string>();
    }
    const bool standard = claims.contains("scope");  // RFC 8693 4.2; "scp" is what others write
    identity->scopes = words_of(find_path(claims, standard ? "scope" : "scp"));
    identity->roles = words_of(find_path(claims, rules.roles));
    identity->claims = claims;
    return identity;
}

TokenVerdict check_token(const Token& token, const KeySet& keys, const TokenRules& rules, base::WallTime now) {
    const auto algorithm = net::signature_algorithm(token.algorithm);
    if (!algorithm || std::ranges::find(rules.algorithms, *algorithm) == rules.algorithms.end()) {
        return refuse("the token's algorithm is not one that is allowed");
    }
    std::string_view type = token.type;
    if (type.starts_with("application/")) type.remove_prefix(12);
    if (!rules.type.empty() && !base::iequals(type, rules.type)) return refuse("the token is of another type");
    switch (check_signature(token, *algorithm, keys)) {
        case Signed::yes: break;
        case Signed::no: return refuse("the token's signature is wrong");
        case Signed::unknown_key: return refuse("the token is signed by a key that is not known", true);
    }
    // Only what is signed is looked at, so that nobody learns from refusals what would do.
    if (std::string why = wrong_claims(token.claims, rules); !why.empty()) return refuse(std::move(why));
    if (std::string why = wrong_times(token.claims, rules, now); !why.empty()) return refuse(std::move(why));
    proxy::IdentityPtr identity = identity_of(token.claims, rules);
    if (identity->subject.empty()) return refuse("the token names no subject");
    return {.identity = std::move(identity), .until = date_at(token.claims, "exp").at + rules.leeway, .why = {}};
}

}  // namespace tl::gateway
