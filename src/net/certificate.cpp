#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "net/credential.h"

namespace tl::net {

namespace {

constexpr size_t kMostCertificates = 4096;  // of one file: more than any bundle of roots has

// A key that wants a passphrase is refused: nobody could type it when the machine starts.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
}

std::string ip_text(const ASN1_OCTET_STRING* ip) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = ASN1_STRING_length(ip) == 4 ? AF_INET : AF_INET6;
    if (family == AF_INET6 && ASN1_STRING_length(ip) != 16) return {};
    return inet_ntop(family, ASN1_STRING_get0_data(ip), text.data(), text.size()) != nullptr ? text.data() : "";
}

// Names with bytes that no name has are left out: they are shown, logged and put into header fields.
std::string plain_text(const ASN1_STRING* text) {
    const std::string_view view{reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                static_cast<size_t>(ASN1_STRING_length(text))};
    const bool plain = std::ranges::all_of(view, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
    return plain ? std::string{view} : std::string{};
}

void read_names(X509* certificate, CertificateFacts& facts) {
    auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
        std::string text;
        if (name->type == GEN_DNS) text = base::lower(plain_text(name->d.dNSName));
        if (name->type == GEN_IPADD) text = ip_text(name->d.iPAddress);
        if (!text.empty()) facts.names.push_back(text);
        if (name->type == GEN_URI) text = plain_text(name->d.uniformResourceIdentifier);
        if (name->type == GEN_URI && !text.empty()) facts.uris.push_back(text);
    }
    GENERAL_NAMES_free(names);
}

std::string key_words(EVP_PKEY* key) {
    if (key == nullptr) return "unknown";
    std::array<char, 64> group{};
    size_t length = 0;
    if (EVP_PKEY_is_a(key, "RSA")) return fmt::format("RSA {}", EVP_PKEY_get_bits(key));
    if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) == 1) {
        const std::string_view name{group.data(), length};
        return fmt::format("EC {}", name == "prime256v1" ? "P-256" : name == "secp384r1" ? "P-384" : name);
    }
    const char* name = EVP_PKEY_get0_type_name(key);
    return name != nullptr ? (std::string_view{name} == "ED25519" ? "Ed25519" : name) : "unknown";
}

base::Result<KeyPtr> read_key(std::string_view text) {
    bool asked = false;
    const BioPtr in = read_from(text);
    KeyPtr key{PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, &asked)};
    const std::string why = take_openssl_error();
    if (key) return key;
    if (asked) {
        return base::fail(base::Code::invalid,
                          "the key is encrypted with a passphrase; decrypt it (openssl pkey -in KEY -out PLAIN)");
    }
    const bool none = text.find("PRIVATE KEY-----") == std::string_view::npos;
    return base::fail(base::Code::invalid,
                      none ? "there is no private key in PEM form" : "the private key cannot be read: " + why);
}

}  // namespace

std::string CertificateFacts::out_of_time(base::WallTime now) const {
    if (now > until) return "expired on " + to_date(until);
    if (now < from) return "valid from " + to_date(from) + " only";
    return {};
}

CertificateFacts facts_of(X509* certificate) {
    CertificateFacts facts{.subject = to_text(X509_get_subject_name(certificate)),
                           .issuer = to_text(X509_get_issuer_name(certificate)),
                           .names = {},
                           .uris = {},
                           .from = to_wall_time(X509_get0_notBefore(certificate)),
                           .until = to_wall_time(X509_get0_notAfter(certificate)),
                           .key = key_words(X509_get0_pubkey(certificate)),
                           .sha256 = {}};
    read_names(certificate, facts);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1) {
        facts.sha256 = base::to_hex({reinterpret_cast<const char*>(digest.data()), size});
    }
    return facts;
}

base::Result<std::vector<X509Ptr>> read_certificates(std::string_view text) {
    std::vector<X509Ptr> all;
    const BioPtr in = read_from(text);
    while (all.size() < kMostCertificates) {
        X509Ptr one{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)};
        if (!one) break;
        all.push_back(std::move(one));
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const std::string why = take_openssl_error();
    if (!all.empty() && at_end) return all;
    const bool none = text.find("BEGIN CERTIFICATE") == std::string_view::npos;
    return base::fail(base::Code::invalid,
                      none ? "there is no certificate in PEM form" : "a certificate cannot be read: " + why);
}

Credential::Credential() : parts_(std::make_unique<Parts>()) {}
Credential::~Credential() = default;

base::Result<CredentialPtr> Credential::parse(std::string_view certificates, std::string_view key) {
    auto all = read_certificates(certificates);
    if (!all) return base::fail(std::move(all.error()));
    auto private_key = read_key(key);
    if (!private_key) return base::fail(std::move(private_key.error()));
    auto credential = std::make_shared<Credential>();
    Parts& parts = *credential->parts_;
    parts.certificate = std::move(all->front());
    for (size_t i = 1; i < all->size(); ++i) parts.chain.push_back(std::move((*all)[i]));
    parts.key = std::move(*private_key);
    credential->facts_ = facts_of(parts.certificate.get());
    const bool pair = X509_check_private_key(parts.certificate.get(), parts.key.get()) == 1;
    ERR_clear_error();
    if (!pair) {
        return base::fail(base::Code::conflict,
                          fmt::format("the key does not belong to the certificate ({})", credential->facts_.subject));
    }
    return credential;
}

base::Result<void> use_credential(SSL_CTX* context, const Credential& credential) {
    const Credential::Parts& parts = credential.parts();
    STACK_OF(X509)* chain = sk_X509_new_null();
    for (const X509Ptr& one : parts.chain) sk_X509_push(chain, one.get());
    const int used = SSL_CTX_use_cert_and_key(context, parts.certificate.get(), parts.key.get(), chain, 1);
    sk_X509_free(chain);
    if (used == 1) return {};
    return base::fail(base::Code::invalid, fmt::format("the certificate {} cannot be used: {}",
                                                       credential.facts().subject, take_openssl_error()));
}

base::Result<std::vector<CertificateFacts>> parse_certificates(std::string_view text) {
    auto all = read_certificates(text);
    if (!all) return base::fail(std::move(all.error()));
    std::vector<CertificateFacts> facts;
    for (const X509Ptr& one : *all) facts.push_back(facts_of(one.get()));
    return facts;
}

}  // namespace tl::net
