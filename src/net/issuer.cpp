#include "net/issuer.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <array>

#include "net/credential.h"

namespace tl::net {

namespace {

std::unexpected<base::Error> failed(std::string_view what) {
    return base::fail(base::Code::internal, fmt::format("{}: {}", what, take_openssl_error()));
}

std::string text_of(const BioPtr& out) {
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return size > 0 ? std::string{text, static_cast<size_t>(size)} : std::string{};
}

bool set_time(ASN1_TIME* time, base::WallTime to) {
    return ASN1_TIME_set(time, std::chrono::duration_cast<std::chrono::seconds>(to.time_since_epoch()).count()) !=
           nullptr;
}

// 127 random bits, so that no two certificates of one authority ever have the same (CA/Browser Forum 7.1).
bool set_serial(X509* certificate) {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
    bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7fU) | 0x40U);
    BIGNUM* const number = BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr);
    const bool set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
    BN_free(number);
    return set;
}

bool add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    if (extension == nullptr) return false;
    const bool added = X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

bool is_ip(const std::string& name) {
    std::array<unsigned char, sizeof(in6_addr)> raw{};
    return inet_pton(AF_INET, name.c_str(), raw.data()) == 1 || inet_pton(AF_INET6, name.c_str(), raw.data()) == 1;
}

std::string alternative_names(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        text += fmt::format("{}{}:{}", text.empty() ? "" : ",", is_ip(name) ? "IP" : "DNS", name);
    }
    return text;
}

// Unsigned, with a serial, its time and the subject "CN=name".
X509Ptr begin(const std::string& name, EVP_PKEY* key, Validity valid) {
    X509Ptr certificate{X509_new()};
    X509* const raw = certificate.get();
    const bool good = raw != nullptr && X509_set_version(raw, X509_VERSION_3) == 1 && set_serial(raw) &&
                      set_time(X509_getm_notBefore(raw), valid.from) &&
                      set_time(X509_getm_notAfter(raw), valid.until) && X509_set_pubkey(raw, key) == 1 &&
                      X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_UTF8,
                                                 reinterpret_cast<const unsigned char*>(name.data()),
                                                 static_cast<int>(name.size()), -1, 0) == 1;
    if (!good) certificate.reset();
    return certificate;
}

base::Result<IssuedCertificate> written(X509* certificate, EVP_PKEY* key) {
    const BioPtr certificate_out{BIO_new(BIO_s_mem())};
    const BioPtr key_out{BIO_new(BIO_s_mem())};
    const bool good = PEM_write_bio_X509(certificate_out.get(), certificate) == 1 &&
                      PEM_write_bio_PKCS8PrivateKey(key_out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1;
    if (!good) return failed("a certificate cannot be written");
    return IssuedCertificate{text_of(certificate_out), text_of(key_out)};
}

}  // namespace

base::Result<IssuedCertificate> make_authority(const std::string& name, Validity valid) {
    const KeyPtr key{EVP_EC_gen("P-256")};
    if (!key) return failed("no key can be made");
    const X509Ptr certificate = begin(name, key.get(), valid);
    X509* const raw = certificate.get();
    const bool good = raw != nullptr && X509_set_issuer_name(raw, X509_get_subject_name(raw)) == 1 &&
                      add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                      add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                      add_extension(raw, raw, NID_subject_key_identifier, "hash") &&
                      X509_sign(raw, key.get(), EVP_sha256()) > 0;
    if (!good) return failed("an authority cannot be made");
    return written(raw, key.get());
}

base::Result<IssuedCertificate> issue_certificate(const IssuedCertificate& authority,
                                                  const std::vector<std::string>& names, Validity valid) {
    const auto signer = Credential::parse(authority.certificate, authority.key);
    if (!signer) return base::fail(signer.error());
    if (names.empty()) return base::fail(base::Code::invalid, "a certificate needs a name");
    X509* const issuer = (*signer)->parts().certificate.get();
    const KeyPtr key{EVP_EC_gen("P-256")};
    if (!key) return failed("no key can be made");
    const X509Ptr certificate = begin(names.front(), key.get(), valid);
    X509* const raw = certificate.get();
    const bool good = raw != nullptr && X509_set_issuer_name(raw, X509_get_subject_name(issuer)) == 1 &&
                      add_extension(raw, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                      add_extension(raw, issuer, NID_key_usage, "critical,digitalSignature") &&
                      add_extension(raw, issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
                      add_extension(raw, issuer, NID_subject_key_identifier, "hash") &&
                      add_extension(raw, issuer, NID_authority_key_identifier, "keyid") &&
                      add_extension(raw, issuer, NID_subject_alt_name, alternative_names(names)) &&
                      X509_sign(raw, (*signer)->parts().key.get(), EVP_sha256()) > 0;
    if (!good) return failed("a certificate cannot be made");
    auto issued = written(raw, key.get());
    if (issued) issued->certificate += authority.certificate;
    return issued;
}

}  // namespace tl::net
