#include "net/password.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <memory>

namespace tl::net {

bool is_password_hash(const std::string& hash) {
    static constexpr std::array<std::string_view, 6> kMethods{"$2b$", "$2y$", "$2a$", "$y$", "$6$", "$5$"};
    const bool known = std::ranges::any_of(kMethods, [&](std::string_view method) { return hash.starts_with(method); });
    // Asked of the library too: a prefix alone makes no hash. The result is a failure token ("*0") for what is none.
    if (!known || hash.size() > CRYPT_OUTPUT_SIZE || hash.find('\0') != std::string::npos) return false;
    return ::crypt_checksalt(hash.c_str()) != CRYPT_SALT_INVALID;
}

bool password_matches(const std::string& password, const std::string& hash) {
    if (password.find('\0') != std::string::npos || password.size() >= CRYPT_MAX_PASSPHRASE_SIZE) return false;
    const auto room = std::make_unique<crypt_data>();  // 32 KiB: too much for a stack
    const char* const made = ::crypt_r(password.c_str(), hash.c_str(), room.get());
    if (made == nullptr || made[0] == '*') return false;
    const std::string_view found{made};
    const bool same = found.size() == hash.size() && ::CRYPTO_memcmp(found.data(), hash.data(), hash.size()) == 0;
    ::OPENSSL_cleanse(room.get(), sizeof(crypt_data));
    return same;
}

}  // namespace tl::net
