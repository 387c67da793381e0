// Login of browsers by OpenID Connect (Core 1.0, authorization code flow with PKCE). One more method of auth: its
// credential is a session cookie that the gateway has sealed, so that no session is kept here and every gateway with
// the secret takes it. Beside the method: three pages below `path` (start, callback, logout), and the redirect to the
// issuer for who opens a page without a session. Immutable, shared by cores.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/auth/key_source.h"
#include "gateway/auth/login_cookies.h"
#include "gateway/auth/login_issuer.h"
#include "gateway/auth/login_session.h"
#include "gateway/auth/method.h"
#include "gateway/auth/token_check.h"
#include "net/sealed.h"

namespace tl::gateway {

struct LoginOptions {
    TokenRules rules;  // of the ID token
    std::string realm;
    std::string cookie;
    std::string path;          // "/.login"
    std::string origin;        // "https://shop.example"; "": as the request says
    std::string after_logout;  // path; "": the issuer's own page, or a word of ours
    std::string scope;         // "openid profile"
    std::string parameters;    // more for the issuer, coded: "&prompt=consent"
    base::Duration session;    // from login to the last renewal's end
    base::Duration renew;      // before the token's end
    base::Duration wait;       // for the issuer, a request at most
};

// What seals sessions and attempts: the newest first, what is sealed is sealed by it. Empty: the secret is broken.
struct LoginSealers {
    net::Sealer session;
    net::Sealer attempt;
};

class Login final : public Method {
  public:
    using Verdict = proxy::Filter::Verdict;

    Login(LoginOptions options, std::vector<LoginSealers> sealers, std::shared_ptr<LoginIssuer> issuer,
          std::shared_ptr<KeySource> keys, proxy::StateSlot slot);

    std::string_view name() const override { return "login"; }
    std::string challenge() const override;
    bool is_used(const proxy::RequestContext& context) const override;
    std::optional<Finding> check(proxy::RequestContext& context) const override;
    rt::Task<Finding> check_later(proxy::RequestContext& context) const override;
    void strip(proxy::RequestContext& context) const override;

    // Whether somebody opens a page, who can be sent to the issuer; all others get 401.
    [[nodiscard]] static bool is_navigation(const proxy::RequestContext& context);
    // Sends the client to the issuer, and from there to what it has asked for.
    [[nodiscard]] rt::Task<Verdict> begin(proxy::RequestContext& context) const;

    // Whether the request is for one of the pages, and the answer.
    [[nodiscard]] bool is_page(const proxy::RequestContext& context) const;
    [[nodiscard]] rt::Task<Verdict> answer_page(proxy::RequestContext& context) const;

  private:
    // A session as a request brought it.
    struct Held {
        LoginSession session;
        proxy::IdentityPtr identity;
        base::WallTime look_again;  // until then it needs neither renewal nor end
        bool alive = false;         // the token has not ended
        bool due = false;           // to be renewed
    };
    [[nodiscard]] const LoginCookies& cookies(const proxy::RequestContext& context) const;
    [[nodiscard]] bool is_secure(const proxy::RequestContext& context) const;
    [[nodiscard]] std::string origin_of(const proxy::RequestContext& context) const;
    [[nodiscard]] std::optional<std::string> open(std::string_view text, net::Sealer LoginSealers::* by) const;
    [[nodiscard]] std::optional<Held> held_by(std::string_view cookie, base::WallTime now) const;
    [[nodiscard]] Finding refuse(std::string why) const;

    [[nodiscard]] rt::Task<TokenVerdict> verify(proxy::RequestContext& context, std::string token, rt::Wait wait) const;
    [[nodiscard]] rt::Task<Finding> settle_renewal(proxy::RequestContext& context, Held held, TokenAnswer answer,
                                                   rt::Wait wait) const;
    void keep(proxy::RequestContext& context, const LoginSession& session) const;
    // Values of Set-Cookie; empty: it is too long.
    [[nodiscard]] std::vector<std::string> seal_session(const proxy::RequestContext& context,
                                                        const LoginSession& session) const;

    // login_pages.cpp
    [[nodiscard]] rt::Task<Verdict> send_to_issuer(proxy::RequestContext& context, std::string return_to) const;
    [[nodiscard]] rt::Task<std::shared_ptr<const IssuerEndpoints>> endpoints(rt::Wait wait) const;
    [[nodiscard]] rt::Task<Verdict> finish(proxy::RequestContext& context) const;
    [[nodiscard]] rt::Task<Verdict> redeem(proxy::RequestContext& context, LoginAttempt attempt,
                                           std::string code) const;
    [[nodiscard]] rt::Task<Verdict> log_out(proxy::RequestContext& context) const;
    [[nodiscard]] Verdict refuse_attempt(proxy::RequestContext& context, std::string_view state, Finding finding) const;

    LoginOptions options_;
    std::vector<LoginSealers> sealers_;
    std::shared_ptr<LoginIssuer> issuer_;
    std::shared_ptr<KeySource> keys_;
    proxy::StateSlot slot_;
    LoginCookies plain_;
    LoginCookies secure_;
};

// What an ID token must say beside what all tokens must (OpenID Connect Core 3.1.3.7): "" or what is wrong. `nonce`
// "": it must have none or that of `former`, the claims of the session's token (12.2); nullptr for a first login.
[[nodiscard]] std::string wrong_id_token(const nlohmann::json& claims, const std::string& client,
                                         const std::string& nonce, const nlohmann::json* former);

}  // namespace tl::gateway
