// The issuer of logins as all data cores see it: where its endpoints are (OpenID Connect Discovery 1.0), and the token
// endpoint (RFC 6749 4.1.3, 6), which is asked on the control core. A session is renewed once at a time, however many
// requests of however many cores ask for it, for issuers that rotate refresh tokens take a second use for theft.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "gateway/auth/issuer_http.h"
#include "gateway/auth/published.h"
#include "gateway/policies/keeper.h"

namespace tl::gateway {

struct LoginIssuerOptions {
    std::string issuer;
    std::string client;
    std::string secret;                                // of the client; "": a public one, with PKCE alone
    std::string ca;                                    // as of IssuerRequest
    base::Duration timeout = std::chrono::seconds{5};  // of one request to it
    net::Resolver* resolver = nullptr;
};

struct IssuerEndpoints {
    std::string authorization;
    std::string token;
    std::string end_session;      // "": it has none
    bool secret_in_form = false;  // it does not take the secret in Authorization
    bool names_itself = false;    // its answers have `iss` (RFC 9207)
};
// Of a discovery document; the error says what is missing in it.
[[nodiscard]] base::Result<IssuerEndpoints> parse_endpoints(std::string_view document, const std::string& issuer);

// What the token endpoint said.
struct TokenAnswer {
    enum class Kind : uint8_t { granted, refused, unavailable } kind = Kind::unavailable;
    std::string id_token;  // "" where a renewal brought none
    std::string refresh_token;
    int64_t expires_in = 0;  // seconds; 0: not said
    std::string why;         // never with a secret in it
};
[[nodiscard]] TokenAnswer parse_token_answer(uint16_t status, std::string_view body);

class LoginIssuer final : public Kept {
  public:
    static constexpr size_t kMostBytes = 256 << 10;  // of a discovery document
    static constexpr size_t kMostAnswer = 64 << 10;  // of the token endpoint
    static constexpr size_t kMostJobs = 256;         // at a time, all cores; more are told that it is unavailable
    static constexpr size_t kMostKnown = 4096;       // renewals that are remembered
    static constexpr base::Duration kRemembered = std::chrono::seconds{30};
    static constexpr base::Duration kRefresh = std::chrono::minutes{5};

    explicit LoginIssuer(LoginIssuerOptions options);
    ~LoginIssuer() override;

    // Any core.
    [[nodiscard]] const Published<IssuerEndpoints>& endpoints() const { return endpoints_; }
    [[nodiscard]] const LoginIssuerOptions& options() const { return options_; }
    // The token endpoint did not answer a moment ago: whoever can do without it does not ask.
    [[nodiscard]] bool resting() const;

    // Any core; always an answer, at the wait's end `unavailable`.
    [[nodiscard]] rt::Task<TokenAnswer> exchange(std::string code, std::string verifier, std::string redirect_uri,
                                                 rt::Wait wait) const;
    [[nodiscard]] rt::Task<TokenAnswer> renew(std::string refresh_token, rt::Wait wait) const;

    [[nodiscard]] rt::Task<void> run(rt::Cancel& stop) override;

  private:
    struct Job;   // one question of a data core
    struct Desk;  // where they are put; outlives this for messages that are under way
    using JobPtr = std::shared_ptr<Job>;

    [[nodiscard]] rt::Task<TokenAnswer> ask(JobPtr job, rt::Wait wait) const;
    void take(JobPtr job);
    [[nodiscard]] rt::Task<void> work(JobPtr job);
    [[nodiscard]] rt::Task<TokenAnswer> post(std::string form);
    [[nodiscard]] rt::Task<base::Result<IssuerEndpoints>> discover(rt::Wait wait);
    void finish(const JobPtr& job, const TokenAnswer& answer);

    LoginIssuerOptions options_;
    Published<IssuerEndpoints> endpoints_;
    std::shared_ptr<Desk> desk_;
};

}  // namespace tl::gateway
