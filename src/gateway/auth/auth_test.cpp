// The parts of authentication that need no socket: JSON, tokens' form, key sets, API keys and their file, passwords'
// file, counts of failures, the words of a certificate. Whole tokens: tests/conformance/test_policy_auth.py.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "codec/base64url.h"
#include "gateway/auth/api_key.h"
#include "gateway/auth/failure_counts.h"
#include "gateway/auth/key_set.h"
#include "gateway/auth/key_source.h"
#include "gateway/auth/mtls.h"
#include "gateway/auth/password_file.h"
#include "gateway/auth/strict_json.h"
#include "gateway/auth/token.h"
#include "storage/whole_file.h"

namespace tl::gateway {
namespace {

using namespace std::chrono_literals;

struct Folder {
    Folder() {
        char name[] = "/tmp/trunkline-auth-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

base::WallTime at(int seconds) { return base::WallTime{std::chrono::seconds{seconds}}; }

TEST(StrictJson, refuses_what_two_readers_could_read_differently) {
    EXPECT_TRUE(parse_strict_object(R"({"a": {"a": [1, {"a": 2}]}, "b": 1})"));
    EXPECT_FALSE(parse_strict_object(R"({"a": 1, "a": 2})"));
    EXPECT_FALSE(parse_strict_object(R"({"a": {"b": 1, "b": 2}})"));
    EXPECT_FALSE(parse_strict_object(R"({"a": 1, "\u0061": 2})"));
    EXPECT_FALSE(parse_strict_object("[]"));
    EXPECT_FALSE(parse_strict_object("{} x"));
    EXPECT_FALSE(parse_strict_object("{\"a\": \"\xff\"}"));
    EXPECT_FALSE(parse_strict_object(""));
    EXPECT_FALSE(parse_strict_object("{\"a\": " + std::string(100, '[') + std::string(100, ']') + "}"));
}

TEST(StrictJson, finds_claims_by_paths) {
    const auto json = *parse_strict_object(R"({"a": {"b": {"c": 1}, "b.c": 2}, "https://x.example/y": 3, "n": 4})");
    EXPECT_EQ(*find_path(json, "a.b.c"), 2);  // a name that is the whole rest goes first
    EXPECT_EQ(*find_path(json, "https://x.example/y"), 3);
    EXPECT_EQ(find_path(json, "n.b"), nullptr);
    EXPECT_EQ(find_path(json, "a.x"), nullptr);
    EXPECT_EQ(find_path(json, ""), nullptr);
}

std::string token_of(const std::string& header, const std::string& payload) {
    return codec::encode_base64url(header) + "." + codec::encode_base64url(payload) + ".c2ln";
}

TEST(Token, is_taken_apart) {
    const std::string text = token_of(R"({"alg":"RS256","kid":"k","typ":"at+jwt"})", R"({"sub":"alice"})");
    const auto token = parse_token(text);
    ASSERT_TRUE(token);
    EXPECT_EQ(token->algorithm, "RS256");
    EXPECT_EQ(token->kid, "k");
    EXPECT_EQ(token->type, "at+jwt");
    EXPECT_EQ(token->claims["sub"], "alice");
    EXPECT_EQ(token->signature, "sig");
    EXPECT_EQ(std::string{token->signed_part} + ".c2ln", text);
}

TEST(Token, of_another_form_is_refused_with_a_word) {
    for (const std::string& text : {std::string{}, std::string{".."}, std::string{"a.b"}, token_of("{}", "{}"),
                                    token_of(R"({"alg":7})", "{}"), token_of(R"({"alg":"x","crit":["y"]})", "{}"),
                                    token_of(R"({"alg":"x","kid":[]})", "{}"), token_of(R"({"alg":"x"})", "[]"),
                                    token_of(R"({"alg":"x"})", "{}") + ".x", std::string(kMostToken + 1, 'a')}) {
        const auto token = parse_token(text);
        ASSERT_FALSE(token) << text;
        EXPECT_FALSE(token.error().context.empty());
    }
}

TEST(KeySet, leaves_out_what_cannot_check_a_signature) {
    // RFC 8037 A.2.
    const std::string good =
        R"({"kty":"OKP","crv":"Ed25519","kid":"e","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
    const std::string others = R"({"kty":"oct","k":"AAAA"}, {"kty":"OKP","crv":"X25519","x":"AAAA"}, 7,
        {"kty":"RSA","n":"AQAB","e":"AQAB"}, {"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"},
        {"kty":"OKP","crv":"Ed25519","use":"enc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty":"OKP","crv":"Ed25519","alg":"RS256","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty":"OKP","crv":"Ed25519","key_ops":["sign"],"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
    const auto set = parse_key_set("{\"keys\": [" + good + ", " + others + "]}");
    ASSERT_TRUE(set);
    EXPECT_EQ(set->keys.size(), 1U);
    EXPECT_EQ(set->left_out, 8U);
    EXPECT_TRUE(set->has("e"));
    EXPECT_FALSE(parse_key_set("{\"keys\": [" + others + "]}"));
    EXPECT_FALSE(parse_key_set("{\"keys\": {}}"));
    EXPECT_FALSE(parse_key_set("[]"));
}

TEST(Signature, checks_the_example_of_rfc_8037) {
    const auto key =
        net::VerifyingKey::ed25519(*codec::decode_base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    ASSERT_TRUE(key);
    const std::string data = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    std::string signature = *codec::decode_base64url(
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
    EXPECT_TRUE((*key)->verify(net::SignatureAlgorithm::eddsa, data, signature));
    EXPECT_FALSE((*key)->verify(net::SignatureAlgorithm::es256, data, signature));
    EXPECT_FALSE((*key)->verify(net::SignatureAlgorithm::eddsa, data + "x", signature));
    signature.back() ^= 1;
    EXPECT_FALSE((*key)->verify(net::SignatureAlgorithm::eddsa, data, signature));
}

TEST(KeyUrl, is_https_or_of_this_machine) {
    const auto url = parse_key_url("https://issuer.example:8443/keys?x=1");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->host, "issuer.example");
    EXPECT_EQ(url->port, 8443);
    EXPECT_EQ(url->target, "/keys?x=1");
    EXPECT_EQ(url->authority, "issuer.example:8443");
    EXPECT_EQ(parse_key_url("http://[::1]:80/k")->host, "::1");
    EXPECT_TRUE(parse_key_url("http://127.0.0.1/k"));
    for (const char* none :
         {"http://issuer.example/k", "https://", "https:///k", "ftp://x/", "https://a@b/k", "keys.json", "https://x:0/",
          "https://x:99999/", "https://x/a b", "http://localhost.evil.example/"}) {
        EXPECT_FALSE(parse_key_url(none)) << none;
    }
}

TEST(ApiKeys, are_made_rotated_and_revoked_and_are_there_after_a_restart) {
    const Folder folder;
    std::string first;
    std::string second;
    {
        ApiKeyStore store{folder.path};
        ApiKey wanted;
        wanted.name = "partner";
        wanted.plan = "gold";
        wanted.scopes = {"orders:read"};
        first = *store.create(wanted, at(1000));
        EXPECT_EQ(store.create(wanted, at(1000)).error().code, base::Code::conflict);
        wanted.name = "not a name";
        EXPECT_EQ(store.create(wanted, at(1000)).error().code, base::Code::invalid);
        second = *store.rotate("partner", 1h, at(2000));
        EXPECT_EQ(store.rotate("nobody", 1h, at(2000)).error().code, base::Code::not_found);
        store.keys().front().used->store(77);
    }
    ApiKeyStore store{folder.path};
    ASSERT_EQ(store.keys().size(), 1U);
    const ApiKey& key = store.keys().front();
    EXPECT_EQ(key.plan, "gold");
    ASSERT_EQ(key.secrets.size(), 2U);
    EXPECT_EQ(key.secrets[0].hash, net::sha256(second));
    EXPECT_EQ(key.secrets[0].id, id_of_key(second));
    EXPECT_EQ(key.secrets[1].hash, net::sha256(first));
    EXPECT_EQ(key.secrets[1].until, at(2000) + 1h);
    EXPECT_TRUE(store.revoke("partner"));
    EXPECT_EQ(store.revoke("partner").error().code, base::Code::not_found);
    EXPECT_TRUE(ApiKeyStore{folder.path}.keys().empty());
}

TEST(ApiKeys, change_nothing_when_the_disk_does_not_take_it) {
    const Folder folder;
    ApiKeyStore store{folder.path};
    ApiKey wanted;
    wanted.name = "partner";
    ASSERT_TRUE(store.create(wanted, at(1)));
    const uint64_t version = store.published().version();
    std::filesystem::remove_all(folder.path);  // nothing can be created in there any more
    wanted.name = "other";
    EXPECT_FALSE(store.create(wanted, at(2)));
    EXPECT_FALSE(store.revoke("partner"));
    EXPECT_EQ(store.keys().size(), 1U);
    EXPECT_EQ(store.published().version(), version);
}

TEST(ApiKeys, of_a_damaged_file_are_refused_and_the_file_is_left_alone) {
    const Folder folder;
    const std::string file = folder.path + "/api_keys.json";
    ASSERT_TRUE(storage::replace_file(file, R"({"form": 2, "keys": []})", 0600));
    ApiKeyStore store{folder.path};
    EXPECT_TRUE(store.keys().empty());
    ApiKey wanted;
    wanted.name = "partner";
    EXPECT_EQ(store.create(wanted, at(1)).error().code, base::Code::unavailable);
    EXPECT_EQ(*storage::read_file(file, 1000), R"({"form": 2, "keys": []})");
}

TEST(KeyPlace, is_read_as_it_is_written) {
    for (const std::string text : {"header X-Key", "authorization Bearer", "query api_key"}) {
        EXPECT_EQ(to_string(*parse_key_place(text)), text);
    }
    for (const char* none :
         {"header", "X-Key", "header Authorization", "header Host", "cookie a", "query a b", "header "}) {
        EXPECT_FALSE(parse_key_place(none)) << none;
    }
}

TEST(Query, loses_a_parameter_and_nothing_else) {
    base::Arena arena;
    const auto left = [&](std::string_view query) { return std::string{without_parameter(query, "key", arena)}; };
    EXPECT_EQ(left("a=1&key=x&b=2"), "a=1&b=2");
    EXPECT_EQ(left("key=x"), "");
    EXPECT_EQ(left("key=x&key=y&a"), "a");
    EXPECT_EQ(left("key"), "");
    EXPECT_EQ(left("keys=1&mykey=2"), "keys=1&mykey=2");
}

TEST(Passwords, are_read_line_by_line_and_fast_hashes_are_refused) {
    const std::string hash = "$2y$10$abcdefghijklmnopqrstuuxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    const auto table = parse_passwords("# people\n\nalice:" + hash + ":staff, ops\r\nbob:" + hash + "\n");
    ASSERT_TRUE(table) << table.error().context;
    EXPECT_EQ(table->size(), 2U);
    EXPECT_EQ(table->find("alice")->second.roles, (std::vector<std::string>{"staff", "ops"}));
    for (const std::string& bad : {std::string{"alice"}, std::string{"alice:plain"}, std::string{"alice:{SHA}x"},
                                   std::string{"alice:$apr1$x$y"}, ":" + hash, "a:" + hash + "\na:" + hash}) {
        EXPECT_FALSE(parse_passwords(bad)) << bad;
    }
    EXPECT_NE(parse_passwords("a:" + hash + "\nb:x\n").error().context.find("line 2"), std::string::npos);
}

TEST(FailureCounts, bound_guessing_for_a_minute) {
    FailureCounts counts;
    const auto client = *net::Address::parse("192.0.2.1:1000");
    const auto same = *net::Address::parse("192.0.2.1:2000");
    const auto other = *net::Address::parse("192.0.2.2:1000");
    base::TimePoint now{1h};
    for (unsigned i = 0; i < FailureCounts::kMostFailures; ++i) {
        EXPECT_EQ(counts.blocked_for(same, now), 0s);
        counts.count(client, now);
    }
    EXPECT_EQ(counts.blocked_for(same, now + 20s), 40s);
    EXPECT_EQ(counts.blocked_for(other, now), 0s);
    EXPECT_EQ(counts.blocked_for(client, now + 60s), 0s);
    const auto six = *net::Address::parse("[2001:db8::1]:1");
    const auto neighbour = *net::Address::parse("[2001:db8::2:1]:1");
    for (unsigned i = 0; i < FailureCounts::kMostFailures; ++i) counts.count(six, now);
    EXPECT_NE(counts.blocked_for(neighbour, now), 0s);
}

TEST(Certificate, names_its_uri_then_its_name_then_its_subject) {
    EXPECT_EQ(identity_of_certificate(R"(Hash=ab;Subject="CN=x,O=\"y\"";URI=spiffe://shop/a;DNS=a.example)")->subject,
              "spiffe://shop/a");
    EXPECT_EQ(identity_of_certificate(R"(Hash=ab;Subject="CN=x;URI=spiffe://evil";DNS=a.example;DNS=b)")->subject,
              "a.example");
    const auto identity = identity_of_certificate(R"(Hash=ab;Subject="CN=x")");
    EXPECT_EQ(identity->subject, "CN=x");
    EXPECT_EQ(identity->claims["sha256"], "ab");
}

}  // namespace
}  // namespace tl::gateway
