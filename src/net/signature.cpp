#include "net/signature.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "net/openssl.h"

namespace tl::net {

namespace {

using ContextPtr = std::unique_ptr<EVP_PKEY_CTX, FreeBy<EVP_PKEY_CTX_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, FreeBy<EVP_MD_CTX_free>>;
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, FreeBy<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, FreeBy<OSSL_PARAM_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, FreeBy<BN_free>>;
using PointPairPtr = std::unique_ptr<ECDSA_SIG, FreeBy<ECDSA_SIG_free>>;

constexpr int kLeastRsaBits = 2048;
constexpr int kMostRsaBits = 8192;  // more would be a way to make us work
constexpr size_t kLeastSecret = 32;

enum class Family : uint8_t { rsa, pss, ec, ed25519, secret };

struct Algorithm {
    std::string_view name;
    Family family;
    int bits;  // of the digest
};
constexpr std::array<Algorithm, 13> kAlgorithms{{{"RS256", Family::rsa, 256},
                                                 {"RS384", Family::rsa, 384},
                                                 {"RS512", Family::rsa, 512},
                                                 {"PS256", Family::pss, 256},
                                                 {"PS384", Family::pss, 384},
                                                 {"PS512", Family::pss, 512},
                                                 {"ES256", Family::ec, 256},
                                                 {"ES384", Family::ec, 384},
                                                 {"ES512", Family::ec, 512},
                                                 {"EdDSA", Family::ed25519, 0},
                                                 {"HS256", Family::secret, 256},
                                                 {"HS384", Family::secret, 384},
                                                 {"HS512", Family::secret, 512}}};

const Algorithm& facts(SignatureAlgorithm algorithm) { return kAlgorithms[static_cast<size_t>(algorithm)]; }

struct Curve {
    std::string_view name;  // in a JWK
    const char* group;      // in OpenSSL
    size_t bytes;           // of a coordinate
    int digest;             // the one algorithm that goes with it (RFC 7518 3.4)
};
constexpr std::array<Curve, 3> kCurves{
    {{"P-256", "prime256v1", 32, 256}, {"P-384", "secp384r1", 48, 384}, {"P-521", "secp521r1", 66, 512}}};

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

const EVP_MD* digest_of(int bits) {
    if (bits == 384) return EVP_sha384();
    return bits == 512 ? EVP_sha512() : EVP_sha256();
}

NumberPtr number_of(std::string_view big_endian) {
    return NumberPtr{BN_bin2bn(bytes_of(big_endian), static_cast<int>(big_endian.size()), nullptr)};
}

std::unexpected<base::Error> complain(std::string_view what) {
    return base::fail(base::Code::invalid, fmt::format("{}: {}", what, take_openssl_error()));
}

// A public key of its parameters; OpenSSL checks that a point is on its curve.
KeyPtr key_of(const char* type, OSSL_PARAM_BLD* builder) {
    const ParamsPtr params{OSSL_PARAM_BLD_to_param(builder)};
    const ContextPtr context{EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr)};
    EVP_PKEY* key = nullptr;
    const bool made = params && context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) == 1;
    return KeyPtr{made ? key : nullptr};
}

const Curve* curve_of(EVP_PKEY* key) {
    std::array<char, 64> group{};
    if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1) return nullptr;
    for (const Curve& curve : kCurves) {
        if (std::string_view{group.data()} == curve.group) return &curve;
    }
    return nullptr;
}

// JWS writes r and s side by side, each of full length; OpenSSL wants DER.
std::string to_der(std::string_view pair, const Curve& curve) {
    if (pair.size() != 2 * curve.bytes) return {};
    const PointPairPtr signature{ECDSA_SIG_new()};
    NumberPtr r = number_of(pair.substr(0, curve.bytes));
    NumberPtr s = number_of(pair.substr(curve.bytes));
    if (!signature || !r || !s) return {};
    if (ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
    (void)r.release();  // they are the signature's now
    (void)s.release();
    std::string der(static_cast<size_t>(std::max(0, i2d_ECDSA_SIG(signature.get(), nullptr))), '\0');
    auto* at = reinterpret_cast<unsigned char*>(der.data());
    if (i2d_ECDSA_SIG(signature.get(), &at) <= 0) return {};
    return der;
}

bool hmac_matches(const std::string& secret, int bits, std::string_view data, std::string_view signature) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> made{};
    unsigned length = 0;
    const bool done = HMAC(digest_of(bits), secret.data(), static_cast<int>(secret.size()), bytes_of(data), data.size(),
                           made.data(), &length) != nullptr;
    return done && signature.size() == length && CRYPTO_memcmp(made.data(), signature.data(), length) == 0;
}

// RFC 7518 3.5: the salt is as long as the digest, MGF1 uses the same one (OpenSSL's default).
bool use_pss(EVP_PKEY_CTX* context) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

}  // namespace

struct VerifyingKey::Parts {
    KeyPtr key;
    Family family = Family::secret;  // pss is not used: an RSA key does both
    const Curve* curve = nullptr;
    std::string secret;
};

std::optional<SignatureAlgorithm> signature_algorithm(std::string_view name) {
    for (size_t i = 0; i < kAlgorithms.size(); ++i) {
        if (kAlgorithms[i].name == name) return static_cast<SignatureAlgorithm>(i);
    }
    return std::nullopt;
}
std::string_view to_string(SignatureAlgorithm algorithm) { return facts(algorithm).name; }
bool is_symmetric(SignatureAlgorithm algorithm) { return facts(algorithm).family == Family::secret; }

VerifyingKey::VerifyingKey(Parts parts) : parts_(std::make_unique<Parts>(std::move(parts))) {}
VerifyingKey::~VerifyingKey() { OPENSSL_cleanse(parts_->secret.data(), parts_->secret.size()); }

VerifyingKey::Made VerifyingKey::make(Parts parts) {
    return std::shared_ptr<const VerifyingKey>{new VerifyingKey{std::move(parts)}};
}

VerifyingKey::Made VerifyingKey::rsa(std::string_view modulus, std::string_view exponent) {
    const NumberPtr n = number_of(modulus);
    const NumberPtr e = number_of(exponent);
    const ParamBuilderPtr builder{OSSL_PARAM_BLD_new()};
    if (!n || !e || !builder) return complain("an RSA key");
    const int bits = BN_num_bits(n.get());
    if (bits < kLeastRsaBits || bits > kMostRsaBits) {
        return base::fail(base::Code::invalid,
                          fmt::format("an RSA key has {} bits, not {} to {}", bits, kLeastRsaBits, kMostRsaBits));
    }
    // An even exponent or 1 proves nothing, one of thousands of bits takes its time.
    if (!BN_is_odd(e.get()) || BN_is_one(e.get()) || BN_num_bits(e.get()) > 64) {
        return base::fail(base::Code::invalid, "an RSA key has a bad exponent");
    }
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
    KeyPtr key = key_of("RSA", builder.get());
    if (!key) return complain("an RSA key");
    return make({.key = std::move(key), .family = Family::rsa});
}

VerifyingKey::Made VerifyingKey::ec(std::string_view curve, std::string_view x, std::string_view y) {
    const auto* const known = std::ranges::find(kCurves, curve, &Curve::name);
    if (known == kCurves.end()) {
        return base::fail(base::Code::invalid, "an EC key is on a curve other than P-256, P-384 and P-521");
    }
    if (x.size() != known->bytes || y.size() != known->bytes) {
        return base::fail(base::Code::invalid, "an EC key's coordinates are not as long as its curve wants");
    }
    const std::string point = "\x04" + std::string{x} + std::string{y};
    const ParamBuilderPtr builder{OSSL_PARAM_BLD_new()};
    if (!builder) return complain("an EC key");
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, known->group, 0);
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
    KeyPtr key = key_of("EC", builder.get());
    if (!key) return complain("an EC key");
    return make({.key = std::move(key), .family = Family::ec, .curve = known});
}

VerifyingKey::Made VerifyingKey::ed25519(std::string_view x) {
    if (x.size() != 32) return base::fail(base::Code::invalid, "an Ed25519 key has 32 bytes");
    KeyPtr key{EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size())};
    if (!key) return complain("an Ed25519 key");
    return make({.key = std::move(key), .family = Family::ed25519});
}

VerifyingKey::Made VerifyingKey::secret(std::string_view bytes) {
    if (bytes.size() < kLeastSecret) {
        return base::fail(base::Code::invalid, fmt::format("a secret has at least {} bytes", kLeastSecret));
    }
    return make({.key = nullptr, .secret = std::string{bytes}});
}

VerifyingKey::Made VerifyingKey::pem(std::string_view text) {
    KeyPtr key;
    if (text.find("-----BEGIN CERTIFICATE-----") != std::string_view::npos) {
        const X509Ptr certificate{PEM_read_bio_X509(read_from(text).get(), nullptr, nullptr, nullptr)};
        if (certificate) key.reset(X509_get_pubkey(certificate.get()));
    } else {
        key.reset(PEM_read_bio_PUBKEY(read_from(text).get(), nullptr, nullptr, nullptr));
    }
    if (!key) return complain("no public key and no certificate");
    switch (EVP_PKEY_get_base_id(key.get())) {
        case EVP_PKEY_ED25519: return make({.key = std::move(key), .family = Family::ed25519});
        case EVP_PKEY_RSA:
            if (EVP_PKEY_get_bits(key.get()) < kLeastRsaBits) break;
            return make({.key = std::move(key), .family = Family::rsa});
        case EVP_PKEY_EC:
            if (const Curve* const curve = curve_of(key.get()); curve != nullptr) {
                return make({.key = std::move(key), .family = Family::ec, .curve = curve});
            }
            break;
        default: break;
    }
    return base::fail(base::Code::invalid,
                      "a key is neither RSA (2048 bits or more), EC (P-256, P-384, P-521) nor Ed25519");
}

bool VerifyingKey::fits(SignatureAlgorithm algorithm) const {
    const Algorithm& wanted = facts(algorithm);
    if (wanted.family == Family::pss) return parts_->family == Family::rsa;
    if (wanted.family != parts_->family) return false;
    if (wanted.family == Family::ec) return parts_->curve->digest == wanted.bits;
    // RFC 7518 3.2: a key as long as the digest at least.
    return wanted.family != Family::secret || parts_->secret.size() * 8 >= static_cast<size_t>(wanted.bits);
}

bool VerifyingKey::verify(SignatureAlgorithm algorithm, std::string_view data, std::string_view signature) const {
    if (!fits(algorithm) || signature.empty()) return false;
    const Algorithm& wanted = facts(algorithm);
    if (wanted.family == Family::secret) return hmac_matches(parts_->secret, wanted.bits, data, signature);
    std::string der;
    if (wanted.family == Family::ec) {
        der = to_der(signature, *parts_->curve);
        if (der.empty()) return false;
        signature = der;
    } else if (wanted.family != Family::ed25519) {
        // OpenSSL would take one with leading zeros left out.
        if (signature.size() != static_cast<size_t>(EVP_PKEY_get_size(parts_->key.get()))) return false;
    }
    const DigestContextPtr context{EVP_MD_CTX_new()};
    EVP_PKEY_CTX* options = nullptr;  // the context's
    const EVP_MD* const digest = wanted.family == Family::ed25519 ? nullptr : digest_of(wanted.bits);
    bool good = context && EVP_DigestVerifyInit(context.get(), &options, digest, nullptr, parts_->key.get()) == 1;
    if (good && wanted.family == Family::pss) good = use_pss(options);
    good = good &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(data), data.size()) == 1;
    if (!good) ERR_clear_error();
    return good;
}

}  // namespace tl::net
