#include "net/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

namespace tl::net {

namespace {

// OpenSSL's own one-shot call looks the algorithm up by its name each time, which costs more than the digest.
struct Digester {
    struct Free {
        void operator()(EVP_MD* one) const { EVP_MD_free(one); }
        void operator()(EVP_MD_CTX* one) const { EVP_MD_CTX_free(one); }
    };
    std::unique_ptr<EVP_MD, Free> method{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
    std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

}  // namespace

Sha256 sha256(std::string_view bytes) {
    thread_local const Digester digester;
    Sha256 digest{};
    EVP_MD_CTX* const context = digester.context.get();
    const bool done = EVP_DigestInit_ex2(context, digester.method.get(), nullptr) == 1 &&
                      EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1 &&
                      EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1;
    if (!done) std::abort();  // out of memory, or an OpenSSL without SHA-256
    return digest;
}

bool equal_in_constant_time(const Sha256& a, const Sha256& b) {
    return ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace tl::net
