// How API keys are written down: JSON with a number for its form, so that a later program can tell.
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "base/text.h"
#include "gateway/auth/api_keys.h"
#include "gateway/auth/strict_json.h"

namespace tl::gateway {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kForm = 1;

int64_t seconds_of(base::WallTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}
base::WallTime time_of(int64_t seconds) { return base::WallTime{std::chrono::seconds{seconds}}; }

std::optional<net::Sha256> hash_of(const std::string& hex) {
    net::Sha256 hash{};
    if (hex.size() != 2 * hash.size()) return std::nullopt;
    if (hex.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
    for (size_t i = 0; i < hash.size(); ++i) {
        hash[i] = static_cast<uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
    }
    return hash;
}

Json write_secret(const KeySecret& secret) {
    const std::string_view bytes{reinterpret_cast<const char*>(secret.hash.data()), secret.hash.size()};
    Json json{{"id", secret.id}, {"sha256", base::to_hex(bytes)}, {"made", seconds_of(secret.made)}};
    if (secret.until != base::WallTime::max()) json["until"] = seconds_of(secret.until);
    return json;
}

// What is missing or of another type throws, and is told as a broken file.
KeySecret read_secret(const Json& json) {
    KeySecret secret{.id = json.at("id").get<std::string>(), .made = time_of(json.at("made").get<int64_t>())};
    const auto hash = hash_of(json.at("sha256").get<std::string>());
    if (!hash) throw std::invalid_argument("a hash is none");
    secret.hash = *hash;
    if (json.contains("until")) secret.until = time_of(json.at("until").get<int64_t>());
    return secret;
}

ApiKey read_key(const Json& json) {
    ApiKey key{.name = json.at("name").get<std::string>(),
               .plan = json.at("plan").get<std::string>(),
               .scopes = json.at("scopes").get<std::vector<std::string>>(),
               .roles = json.at("roles").get<std::vector<std::string>>(),
               .created = time_of(json.at("created").get<int64_t>()),
               .secrets = {}};
    key.used->store(json.at("used").get<int64_t>(), std::memory_order_relaxed);
    for (const Json& secret : json.at("secrets")) key.secrets.push_back(read_secret(secret));
    if (key.secrets.empty()) throw std::invalid_argument("a key has no secret");
    return key;
}

}  // namespace

std::string write_api_keys(const ApiKeys& keys) {
    Json list = Json::array();
    for (const ApiKey& key : keys) {
        Json secrets = Json::array();
        for (const KeySecret& secret : key.secrets) secrets.push_back(write_secret(secret));
        list.push_back({{"name", key.name},
                        {"plan", key.plan},
                        {"scopes", key.scopes},
                        {"roles", key.roles},
                        {"created", seconds_of(key.created)},
                        {"used", key.used->load(std::memory_order_relaxed)},
                        {"secrets", std::move(secrets)}});
    }
    return Json{{"form", kForm}, {"keys", std::move(list)}}.dump(1) + "\n";
}

base::Result<ApiKeys> read_api_keys(std::string_view text) {
    try {
        const Json json = Json::parse(text);
        if (json.at("form").get<int>() != kForm) {
            return base::fail(base::Code::invalid, "it was written by a later version of Trunkline");
        }
        ApiKeys keys;
        for (const Json& key : json.at("keys")) keys.push_back(read_key(key));
        return keys;
    } catch (const std::exception& broken) {
        return base::fail(base::Code::invalid, std::string{"it is damaged: "} + broken.what());
    }
}

}  // namespace tl::gateway
