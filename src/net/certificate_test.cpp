// Certificates and keys as values: what is read, what is refused and in which words, what our own authority signs.
#include "net/certificate.h"

#include "net/tls_testing.h"

namespace tl::net {

TEST(Certificate, says_what_a_person_wants_to_know) {
    const TestAuthority authority;
    const auto facts = authority.credential({"Shop.example", "*.shop.example", "10.0.0.1", "::1"})->facts();
    EXPECT_EQ(facts.names, (std::vector<std::string>{"shop.example", "*.shop.example", "10.0.0.1", "::1"}));
    EXPECT_EQ(facts.issuer, "CN=test root");
    EXPECT_EQ(facts.key, "EC P-256");
    EXPECT_EQ(facts.sha256.size(), 64U);
    EXPECT_EQ(facts.out_of_time(base::wall_now()), "");
    EXPECT_TRUE(facts.out_of_time(facts.until + kDay).starts_with("expired on 20"));
    EXPECT_TRUE(facts.out_of_time(facts.from - kDay).starts_with("valid from 20"));
}

TEST(Certificate, a_mistake_in_a_file_is_named) {
    const TestAuthority authority;
    const IssuedCertificate one = authority.sign({"a.example"}, valid_from_to(-1, 1));
    const IssuedCertificate other = authority.sign({"b.example"}, valid_from_to(-1, 1));
    const auto said = [](std::string_view certificate, std::string_view key) {
        const auto parsed = Credential::parse(certificate, key);
        return parsed ? std::string{"good"} : parsed.error().context;
    };
    EXPECT_EQ(said(one.certificate, one.key), "good");
    EXPECT_EQ(said(one.certificate + one.key, one.certificate + one.key), "good");
    EXPECT_EQ(said(one.certificate, other.key), "the key does not belong to the certificate (CN=a.example)");
    EXPECT_EQ(said("nothing", one.key), "there is no certificate in PEM form");
    EXPECT_EQ(said("", ""), "there is no certificate in PEM form");
    EXPECT_EQ(said(one.certificate, one.certificate), "there is no private key in PEM form");
    const std::string broken =
        one.certificate.substr(0, one.certificate.find("-----END")) + "-----END CERTIFICATE-----\n";
    std::string damaged = one.certificate;
    damaged[100] = '!';
    EXPECT_TRUE(said(damaged, one.key).starts_with("a certificate cannot be read: ")) << said(damaged, one.key);
    EXPECT_EQ(said(broken, one.key), "good");  // its chain is left out, which is no mistake that can be seen
    const std::string encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBDQ\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n";
    EXPECT_NE(said(one.certificate, encrypted), "good");
}

TEST(Certificate, no_certificate_means_no_server) {
    const auto server = TlsServer::make({.credentials = {}, .client_ca = {}, .tickets = nullptr});
    ASSERT_FALSE(server.has_value());
    EXPECT_EQ(server.error().context, "TLS needs a certificate");
    const auto client = TlsClient::make({.ca = "nonsense", .name = {}, .credential = nullptr});
    ASSERT_FALSE(client.has_value());
    EXPECT_EQ(client.error().context, "there is no certificate in PEM form");
}

}  // namespace tl::net
