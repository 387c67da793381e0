#include "net/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace tl::net {

Sha256 sha256(std::string_view bytes) {
    Sha256 digest{};
    ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
    return digest;
}

bool equal_in_constant_time(const Sha256& a, const Sha256& b) {
    return ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace tl::net
