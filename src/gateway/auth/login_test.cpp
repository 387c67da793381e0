// The parts of a login that need no socket: its cookies, what they say, what an issuer answers. Whole logins:
// tests/conformance/test_policy_login.py.
#include "gateway/auth/login.h"

#include <gtest/gtest.h>

namespace tl::gateway {
namespace {

using namespace std::chrono_literals;

base::WallTime at(int seconds) { return base::WallTime{std::chrono::seconds{seconds}}; }

// What a browser sends back for these Set-Cookie values.
std::string sent_back(const std::vector<std::string>& set) {
    std::string line;
    for (const std::string& one : set) {
        if (one.find("Max-Age=0") == std::string::npos) line += one.substr(0, one.find(';')) + "; ";
    }
    return line;
}

TEST(LoginCookies, come_back_as_they_were_in_as_many_pieces_as_they_need) {
    const LoginCookies cookies{"s", false};
    for (const size_t size : {size_t{1}, LoginCookies::kPiece, LoginCookies::kPiece + 1, 3 * LoginCookies::kPiece,
                              LoginCookies::kPiece * LoginCookies::kMostPieces}) {
        std::string text(size, 'x');
        text.back() = 'y';
        const auto set = cookies.write_session(text, 1h, {});
        EXPECT_EQ(set.size(), (size + LoginCookies::kPiece - 1) / LoginCookies::kPiece);
        for (const std::string& one : set) EXPECT_LE(one.size(), 4096U);
        const std::string line = sent_back(set);
        codec::HeaderTable headers;
        headers.add(codec::Field::cookie, line);
        EXPECT_EQ(cookies.read_session(headers), text);
    }
    EXPECT_TRUE(
        cookies.write_session(std::string(LoginCookies::kPiece * LoginCookies::kMostPieces + 1, 'x'), 1h, {}).empty());
}

TEST(LoginCookies, that_lack_a_piece_or_count_wrongly_are_none) {
    const LoginCookies cookies{"s", false};
    for (const char* line : {"", "s=", "s=1", "s=x", "s=0.a", "s=5.a", "s=2.a", "s=-1.a", "s_1=a", "s=12.a", "S=1.a"}) {
        codec::HeaderTable headers;
        headers.add(codec::Field::cookie, line);
        EXPECT_FALSE(cookies.read_session(headers)) << line;
    }
    codec::HeaderTable headers;
    const std::string huge = "s=1." + std::string(LoginCookies::kPiece * LoginCookies::kMostPieces + 1, 'x');
    headers.add(codec::Field::cookie, huge);
    EXPECT_FALSE(cookies.read_session(headers));
}

TEST(LoginCookies, pieces_of_a_larger_session_are_deleted) {
    const LoginCookies cookies{"s", false};
    codec::HeaderTable had;
    had.add(codec::Field::cookie, "s=3.a; s_1=b; s_2=c; s_go3=d; other=e");
    const auto set = cookies.write_session("x", 1h, had);
    ASSERT_EQ(set.size(), 3U);
    EXPECT_TRUE(set[1].starts_with("s_1=; ") && set[1].find("Max-Age=0") != std::string::npos);
    EXPECT_TRUE(set[2].starts_with("s_2=; "));
    EXPECT_EQ(cookies.drop_session(had).size(), 3U);
}

TEST(LoginCookies, are_taken_out_of_requests_and_nothing_else_is) {
    const LoginCookies cookies{"s", false};
    base::Arena arena;
    codec::HeaderTable headers;
    headers.add(codec::Field::host, "a");
    headers.add(codec::Field::cookie, "s=1.a; theme=dark;s_1=b;s_go7=c; s_go8=d; s_4=e; s_x=f; ss=g; xs=h");
    headers.add(codec::Field::cookie, "s=1.a");
    headers.add("X-Last", "z");
    cookies.strip(headers, arena);
    ASSERT_EQ(headers.size(), 3U);
    EXPECT_EQ(headers.value(codec::Field::cookie), "theme=dark; s_go8=d; s_4=e; s_x=f; ss=g; xs=h");
    EXPECT_EQ(headers[2].value, "z");
}

TEST(LoginCookies, by_https_are_of_this_host_alone) {
    const LoginCookies cookies{"s", true};
    const std::string set = cookies.write_attempt("abc", "text", 10min);
    EXPECT_TRUE(set.starts_with("__Host-s_go")) << set;
    EXPECT_TRUE(set.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure")) << set;
    codec::HeaderTable headers;
    headers.add(codec::Field::cookie, "s=1.a");
    EXPECT_FALSE(cookies.has_session(headers));
}

TEST(LoginSession, is_read_as_it_was_written) {
    const LoginSession session{.token = "a.b.c", .refresh = "r\"\\", .until = at(100), .end = at(9000)};
    EXPECT_EQ(read_session(write_session(session)), session);
    const LoginAttempt attempt{.state = "s",
                               .nonce = "n",
                               .verifier = "v",
                               .redirect_uri = "https://a/b",
                               .return_to = "/c?d=e",
                               .until = at(100)};
    EXPECT_EQ(read_attempt(write_attempt(attempt)), attempt);
    EXPECT_FALSE(read_session(write_attempt(attempt)));
    EXPECT_FALSE(read_attempt(write_session(session)));
}

TEST(LoginSession, refuses_what_it_has_not_written) {
    for (const char* text :
         {"", "{}", R"({"v":2,"token":"a","until":1,"end":1})", R"({"v":1,"token":"","until":1,"end":1})",
          R"({"v":1,"token":"a","until":-1,"end":1})", R"({"v":1,"token":"a","until":1e300,"end":1})",
          R"({"v":1,"token":"a","until":1})", R"({"v":1,"token":["a"],"until":1,"end":1})"}) {
        EXPECT_FALSE(read_session(text)) << text;
    }
    LoginAttempt attempt{.state = "s", .nonce = "n", .verifier = "v", .redirect_uri = "u", .return_to = "//evil"};
    EXPECT_FALSE(read_attempt(write_attempt(attempt)));
}

TEST(LoginSession, pages_to_return_to_are_of_this_site) {
    for (const char* good : {"/", "/a", "/a?b=//c", "/a//b", "/?x=https://evil.example/"}) {
        EXPECT_TRUE(is_local_target(good)) << good;
    }
    for (const char* bad : {"", "a", "//a", "/\\a", "\\a", "https://a", "/a\r\nb", "/a b", "/a\\b", "/\ta", "/a#b",
                            "javascript:alert(1)", "/\xc3\xa9"}) {
        EXPECT_FALSE(is_local_target(bad)) << bad;
    }
    EXPECT_FALSE(is_local_target("/" + std::string(kMostReturn, 'a')));
}

TEST(LoginIssuer, endpoints_are_of_the_issuer_that_was_asked) {
    const std::string good =
        R"({"issuer":"https://i","authorization_endpoint":"https://i/a","token_endpoint":"https://i/t",
        "token_endpoint_auth_methods_supported":["client_secret_post"],"end_session_endpoint":"http://elsewhere/e"})";
    const auto found = parse_endpoints(good, "https://i");
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->secret_in_form);
    EXPECT_EQ(found->end_session, "") << "plain http to another machine";
    EXPECT_FALSE(parse_endpoints(good, "https://i/"));
    EXPECT_FALSE(parse_endpoints(R"({"issuer":"https://i"})", "https://i"));
    EXPECT_FALSE(parse_endpoints(R"({"issuer":"https://i","authorization_endpoint":"javascript:x",
        "token_endpoint":"https://i/t"})",
                                 "https://i"));
    EXPECT_FALSE(parse_endpoints("[]", "https://i"));
}

TEST(LoginIssuer, says_yes_no_or_nothing) {
    using Kind = TokenAnswer::Kind;
    const std::string good = R"({"token_type":"bearer","id_token":"a.b.c","refresh_token":"r","expires_in":60})";
    const TokenAnswer granted = parse_token_answer(200, good);
    EXPECT_EQ(granted.kind, Kind::granted);
    EXPECT_EQ(granted.id_token + granted.refresh_token, "a.b.cr");
    EXPECT_EQ(granted.expires_in, 60);
    EXPECT_EQ(parse_token_answer(200, "<html>").kind, Kind::unavailable);
    EXPECT_EQ(parse_token_answer(503, good).kind, Kind::unavailable);
    EXPECT_EQ(parse_token_answer(429, good).kind, Kind::unavailable);
    const TokenAnswer refused = parse_token_answer(400, R"({"error":"invalid_grant","error_description":"secret"})");
    EXPECT_EQ(refused.kind, Kind::refused);
    EXPECT_EQ(refused.why, "the issuer refused it: invalid_grant");
    EXPECT_EQ(parse_token_answer(400, R"({"error":"<b>\n"})").why, "the issuer refused it: an error");
}

TEST(LoginToken, is_for_this_client_and_this_login) {
    const auto claims = [](const char* text) { return nlohmann::json::parse(text); };
    const auto first = [&](const char* text, const std::string& nonce) {
        return wrong_id_token(claims(text), "shop", nonce, nullptr);
    };
    EXPECT_EQ(first(R"({"aud":"shop","nonce":"n"})", "n"), "");
    EXPECT_NE(first(R"({"aud":"shop","nonce":"m"})", "n"), "");
    EXPECT_NE(first(R"({"aud":"shop"})", "n"), "");
    EXPECT_NE(first(R"({"aud":"shop"})", ""), "") << "no nonce is none that was sent";
    EXPECT_NE(first(R"({"aud":["shop","b"],"nonce":"n"})", "n"), "");
    EXPECT_EQ(first(R"({"aud":["shop","b"],"azp":"shop","nonce":"n"})", "n"), "");
    EXPECT_NE(first(R"({"aud":"shop","azp":"b","nonce":"n"})", "n"), "");
    const auto former = claims(R"({"sub":"alice","nonce":"n"})");
    const auto again = [&](const char* text) { return wrong_id_token(claims(text), "shop", {}, &former); };
    EXPECT_EQ(again(R"({"sub":"alice"})"), "");
    EXPECT_EQ(again(R"({"sub":"alice","nonce":"n"})"), "");
    EXPECT_NE(again(R"({"sub":"alice","nonce":"m"})"), "");
    EXPECT_NE(again(R"({"sub":"bob"})"), "");
}

}  // namespace
}  // namespace tl::gateway
