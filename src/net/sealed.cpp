#include "net/sealed.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <algorithm>

#include "net/openssl.h"

namespace tl::net {

namespace {

using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, FreeBy<EVP_CIPHER_CTX_free>>;
using KdfPtr = std::unique_ptr<EVP_KDF, FreeBy<EVP_KDF_free>>;
using KdfContextPtr = std::unique_ptr<EVP_KDF_CTX, FreeBy<EVP_KDF_CTX_free>>;

constexpr size_t kNonce = 12;
constexpr size_t kTag = 16;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes_of(char* at) { return reinterpret_cast<unsigned char*>(at); }

OSSL_PARAM octets(const char* name, std::string_view text) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(text.data()), text.size());
}

bool derive(std::string_view secret, std::string_view purpose, std::array<uint8_t, 32>& key) {
    const KdfPtr kdf{::EVP_KDF_fetch(nullptr, "HKDF", nullptr)};
    const KdfContextPtr context{kdf == nullptr ? nullptr : ::EVP_KDF_CTX_new(kdf.get())};
    if (context == nullptr) return false;
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                 octets(OSSL_KDF_PARAM_KEY, secret), octets(OSSL_KDF_PARAM_INFO, purpose),
                                 octets(OSSL_KDF_PARAM_SALT, "trunkline"), OSSL_PARAM_construct_end()};
    return ::EVP_KDF_derive(context.get(), key.data(), key.size(), params) == 1;
}

}  // namespace

base::Result<Sealer> Sealer::make(std::string_view secret, std::string_view purpose) {
    if (secret.size() < kLeastSecret) {
        return base::fail(base::Code::invalid,
                          fmt::format("a secret has {} bytes at least, this one has {}", kLeastSecret, secret.size()));
    }
    Sealer sealer;
    if (!derive(secret, purpose, sealer.key_)) return base::fail(base::Code::internal, take_openssl_error());
    return sealer;
}

Sealer::~Sealer() { ::OPENSSL_cleanse(key_.data(), key_.size()); }

std::string Sealer::seal(std::string_view plain) const {
    std::string sealed(kNonce + plain.size() + kTag, '\0');
    const CipherPtr cipher{::EVP_CIPHER_CTX_new()};
    unsigned char* const nonce = bytes_of(sealed.data());
    unsigned char* const text = nonce + kNonce;
    int written = 0;
    int rest = 0;
    const bool good =
        plain.size() + kOverhead <= kMostSealed && cipher != nullptr && ::RAND_bytes(nonce, kNonce) == 1 &&
        ::EVP_EncryptInit_ex(cipher.get(), ::EVP_aes_256_gcm(), nullptr, key_.data(), nonce) == 1 &&
        ::EVP_EncryptUpdate(cipher.get(), text, &written, bytes_of(plain), static_cast<int>(plain.size())) == 1 &&
        ::EVP_EncryptFinal_ex(cipher.get(), text + written, &rest) == 1 &&
        ::EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag, text + plain.size()) == 1;
    return good ? sealed : std::string{};
}

std::optional<std::string> Sealer::open(std::string_view sealed) const {
    if (sealed.size() < kOverhead || sealed.size() > kMostSealed) return std::nullopt;
    const std::string_view text = sealed.substr(kNonce, sealed.size() - kOverhead);
    std::array<unsigned char, kTag> tag{};
    std::copy_n(sealed.end() - kTag, kTag, tag.begin());
    std::string plain(text.size(), '\0');
    const CipherPtr cipher{::EVP_CIPHER_CTX_new()};
    int written = 0;
    int rest = 0;
    const bool good =
        cipher != nullptr &&
        ::EVP_DecryptInit_ex(cipher.get(), ::EVP_aes_256_gcm(), nullptr, key_.data(), bytes_of(sealed)) == 1 &&
        ::EVP_DecryptUpdate(cipher.get(), bytes_of(plain.data()), &written, bytes_of(text),
                            static_cast<int>(text.size())) == 1 &&
        ::EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1 &&
        ::EVP_DecryptFinal_ex(cipher.get(), bytes_of(plain.data()) + written, &rest) == 1;
    if (!good) {
        ::ERR_clear_error();
        return std::nullopt;
    }
    return plain;
}

}  // namespace tl::net
