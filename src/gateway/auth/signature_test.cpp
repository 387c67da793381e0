// HTTP Message Signatures against the vectors of RFC 9421, Appendix B, whose request is B.2's test-request.
#include "gateway/auth/signature.h"

#include <gtest/gtest.h>

#include "codec/base64url.h"

namespace tl::gateway {
namespace {

constexpr std::string_view kDigest =
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
constexpr std::string_view kKeyEd25519 =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n"
    "-----END PUBLIC KEY-----\n";
constexpr std::string_view kSecret =
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";

codec::RequestHead request(std::string_view input, std::string_view signature) {
    codec::RequestHead head;
    head.method_text = "POST";
    head.target = "/foo?param=Value&Pet=dog";
    head.path = "/foo";
    head.query = "param=Value&Pet=dog";
    head.authority = "example.com";
    head.headers.add("Host", "example.com");
    head.headers.add("Date", "Tue, 20 Apr 2021 02:07:55 GMT");
    head.headers.add("Content-Type", "application/json");
    head.headers.add("Content-Digest", kDigest);
    head.headers.add("Content-Length", "18");
    head.headers.add("Signature-Input", input);
    head.headers.add("Signature", signature);
    return head;
}

std::string why(const codec::RequestHead& head) {
    const auto found = find_signature(head.headers, "");
    if (!found) return found.error();
    const auto base = signature_base(*found, head, true);
    return base ? *base : base.error();
}

TEST(MessageSignatures, OfTheStandardsAppendixAreRight) {
    // B.2.5, hmac-sha256
    const auto hmac =
        request("sig-b25=(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"",
                "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:");
    auto found = find_signature(hmac.headers, "");
    ASSERT_TRUE(found) << found.error();
    auto base = signature_base(*found, hmac, true);
    ASSERT_TRUE(base) << base.error();
    EXPECT_EQ(*base,
              "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n"
              "\"content-type\": application/json\n"
              "\"@signature-params\": (\"date\" \"@authority\" \"content-type\");created=1618884473;"
              "keyid=\"test-shared-secret\"");
    const auto secret = net::VerifyingKey::secret(*codec::decode_base64(kSecret));
    ASSERT_TRUE(secret);
    EXPECT_TRUE((*secret)->verify(net::SignatureAlgorithm::hs256, *base, found->signature));
    EXPECT_FALSE((*secret)->verify(net::SignatureAlgorithm::hs256, *base + " ", found->signature));

    // B.2.6, ed25519
    const auto signed_head = request(
        "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");"
        "created=1618884473;keyid=\"test-key-ed25519\"",
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:");
    found = find_signature(signed_head.headers, "");
    ASSERT_TRUE(found) << found.error();
    base = signature_base(*found, signed_head, true);
    ASSERT_TRUE(base) << base.error();
    const auto key = net::VerifyingKey::pem(kKeyEd25519);
    ASSERT_TRUE(key);
    EXPECT_TRUE((*key)->verify(net::SignatureAlgorithm::eddsa, *base, found->signature));
}

TEST(MessageSignatures, HaveEachComponentInItsOneForm) {
    auto head = request(
        "s=(\"@method\" \"@target-uri\" \"@scheme\" \"@request-target\" \"@query\" "
        "\"@query-param\";name=\"Pet\" \"x-a\");created=1;keyid=\"k\"",
        "s=:aGk=:");
    head.authority = "Example.com:443";
    head.headers.add("X-A", "  one ");
    head.headers.add("x-a", "two");
    EXPECT_EQ(why(head),
              "\"@method\": POST\n\"@target-uri\": https://example.com/foo?param=Value&Pet=dog\n\"@scheme\": https\n"
              "\"@request-target\": /foo?param=Value&Pet=dog\n\"@query\": ?param=Value&Pet=dog\n"
              "\"@query-param\";name=\"Pet\": dog\n\"x-a\": one, two\n"
              "\"@signature-params\": (\"@method\" \"@target-uri\" \"@scheme\" \"@request-target\" \"@query\" "
              "\"@query-param\";name=\"Pet\" \"x-a\");created=1;keyid=\"k\"");
}

TEST(MessageSignatures, ThatLeaveADoubtAreNone) {
    const auto base_of = [](std::string components, std::string_view signature = "s=:aGk=:") {
        return why(request("s=(" + components + ");created=1", signature));
    };
    EXPECT_EQ(base_of("\"@method\" \"@method\""), "the component \"@method\" is named twice");
    EXPECT_EQ(base_of("\"@status\""), "the component @status is not known");
    EXPECT_EQ(base_of("\"@signature-params\""), "the component @signature-params is not known");
    EXPECT_EQ(base_of("\"x-nothing\""), "the request has no x-nothing");
    EXPECT_EQ(base_of("\"Date\""), "the component \"Date\" is not taken here");
    EXPECT_EQ(base_of("\"date\";bs"), "the component \"date\";bs is not taken here");
    EXPECT_EQ(base_of("date"), "a component is no text");
    EXPECT_EQ(base_of("\"@method\";req"), "@method has a parameter that is not known");
    EXPECT_EQ(base_of("\"@query-param\""), "@query-param needs one name");
    EXPECT_EQ(base_of("\"@query-param\";name=\"no\""), "there is no parameter no");
    EXPECT_EQ(base_of("\"date\"", "t=:aGk=:"), "Signature has no bytes for what Signature-Input names");
    EXPECT_EQ(base_of("\"date\"", "s=\"aGk=\""), "Signature has no bytes for what Signature-Input names");
    EXPECT_EQ(why(request("s=();created=1, t=();created=1", "s=:aGk=:, t=:aGk=:")),
              "the request has several signatures, and no label says which one counts");
    EXPECT_EQ(why(request("s=1", "s=:aGk=:")), "Signature-Input names no list of components");
    EXPECT_EQ(why(request("s=(", "s=:aGk=:")), "Signature-Input is no dictionary of RFC 8941");
    auto twice = request("s=(\"@query-param\";name=\"a\");created=1", "s=:aGk=:");
    twice.query = "a=1&%61=2";
    EXPECT_EQ(why(twice), "the parameter a is there twice");
}

TEST(MessageSignatures, AreTakenByTheirTimesAndWhatTheyCover) {
    SignatureOptions options;
    options.keys.push_back({.id = "k", .key = nullptr, .roles = {}, .plan = {}});
    options.covers = {"@method"};
    options.tag = "app";
    const auto now = base::WallTime{std::chrono::seconds{10'000}};
    const auto verdict = [&](std::string parameters, bool body = false) {
        const std::string input = "s=(\"@method\")" + parameters;
        const auto head = request(input, "s=:aGk=:");
        const auto judged = judge_signature(options, *find_signature(head.headers, ""), body, now);
        return judged ? std::string{"good"} : judged.error();
    };
    EXPECT_EQ(verdict(";created=9990;keyid=\"k\";tag=\"app\""), "good");
    EXPECT_EQ(verdict(";created=10029;keyid=\"k\";tag=\"app\""), "good");
    EXPECT_EQ(verdict(";created=10031;keyid=\"k\";tag=\"app\""), "the signature was created in the future");
    EXPECT_EQ(verdict(";created=9669;keyid=\"k\";tag=\"app\""), "the signature is too old");
    EXPECT_EQ(verdict(";created=9990;expires=9960;keyid=\"k\";tag=\"app\""), "the signature has expired");
    EXPECT_EQ(verdict(";created=9990;expires=\"x\";keyid=\"k\";tag=\"app\""), "the signature has expired");
    EXPECT_EQ(verdict(";keyid=\"k\";tag=\"app\""), "the signature does not say when it was created");
    EXPECT_EQ(verdict(";created=9990;keyid=\"other\";tag=\"app\""), "the signature's keyid is not known");
    EXPECT_EQ(verdict(";created=9990;tag=\"app\""), "the signature's keyid is not known");
    EXPECT_EQ(verdict(";created=9990;keyid=\"k\""), "the signature's tag is not \"app\"");
    EXPECT_EQ(verdict(";created=9990;keyid=\"k\";tag=\"app\"", true),
              "the signature does not cover content-digest, and the request has a body");
    EXPECT_EQ(verdict(";created=999999999999999;keyid=\"k\";tag=\"app\""), "the signature was created in the future");
    EXPECT_EQ(verdict(";created=-999999999999999;keyid=\"k\";tag=\"app\""), "the signature is too old");
}

TEST(MessageSignatures, OfABodyAreOfItsDigest) {
    codec::HeaderTable headers;
    EXPECT_FALSE(digest_fits(headers, "{\"hello\": \"world\"}"));
    headers.add("Content-Digest", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
    EXPECT_TRUE(digest_fits(headers, "{\"hello\": \"world\"}"));
    EXPECT_FALSE(digest_fits(headers, "{\"hello\": \"World\"}"));
}

}  // namespace
}  // namespace tl::gateway
