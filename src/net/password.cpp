#include "net/password.h"

#include <argon2.h>
#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "base/text.h"

namespace tl::net {

namespace {

constexpr uint32_t kMostMemory = 256 << 10;  // KiB
constexpr uint32_t kMostPasses = 16;
constexpr uint32_t kMostLanes = 16;

bool is_argon2(std::string_view hash) { return hash.starts_with("$argon2"); }

// "m=65536", with a value of 1 to `most`.
bool is_parameter(std::string_view text, std::string_view name, uint32_t most) {
    uint32_t value = 0;
    if (!text.starts_with(name)) return false;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + name.size(), end, value);
    return error == std::errc{} && stop == end && value >= 1 && value <= most;
}

bool is_base64(std::string_view text, size_t least, size_t most) {
    return text.size() >= least && text.size() <= most &&
           text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") ==
               std::string_view::npos;
}

// "$argon2id$v=19$m=65536,t=3,p=4$SALT$HASH". The library reads the same, but would take any amount of memory.
bool is_argon2_hash(std::string_view hash) {
    const auto parts = base::split(hash, '$');
    if (parts.size() != 6 || (parts[1] != "argon2id" && parts[1] != "argon2i") || parts[2] != "v=19") return false;
    const auto costs = base::split(parts[3], ',');
    return costs.size() == 3 && is_parameter(costs[0], "m=", kMostMemory) &&
           is_parameter(costs[1], "t=", kMostPasses) && is_parameter(costs[2], "p=", kMostLanes) &&
           is_base64(parts[4], 11, 86) && is_base64(parts[5], 22, 86);
}

}  // namespace

bool is_password_hash(const std::string& hash) {
    if (is_argon2(hash)) return is_argon2_hash(hash);
    static constexpr std::array<std::string_view, 6> kMethods{"$2b$", "$2y$", "$2a$", "$y$", "$6$", "$5$"};
    const bool known = std::ranges::any_of(kMethods, [&](std::string_view method) { return hash.starts_with(method); });
    // Asked of the library too: a prefix alone makes no hash. The result is a failure token ("*0") for what is none.
    if (!known || hash.size() > CRYPT_OUTPUT_SIZE || hash.find('\0') != std::string::npos) return false;
    return ::crypt_checksalt(hash.c_str()) != CRYPT_SALT_INVALID;
}

bool password_matches(const std::string& password, const std::string& hash) {
    if (password.find('\0') != std::string::npos || password.size() >= CRYPT_MAX_PASSPHRASE_SIZE) return false;
    if (is_argon2(hash)) {
        if (!is_argon2_hash(hash)) return false;
        const auto type = hash.starts_with("$argon2id$") ? Argon2_id : Argon2_i;
        return ::argon2_verify(hash.c_str(), password.data(), password.size(), type) == ARGON2_OK;
    }
    const auto room = std::make_unique<crypt_data>();  // 32 KiB: too much for a stack
    const char* const made = ::crypt_r(password.c_str(), hash.c_str(), room.get());
    if (made == nullptr || made[0] == '*') return false;
    const std::string_view found{made};
    const bool same = found.size() == hash.size() && ::CRYPTO_memcmp(found.data(), hash.data(), hash.size()) == 0;
    ::OPENSSL_cleanse(room.get(), sizeof(crypt_data));
    return same;
}

}  // namespace tl::net
