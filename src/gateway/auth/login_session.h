// What a login remembers in the browser, in plain form: an attempt, from the redirect to the issuer until its answer,
// and a session, from then on. Sealed by net/sealed.h on its way. Pure; fuzzed by tests/fuzz/fuzz_login.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace tl::gateway {

struct LoginAttempt {
    std::string state;         // what the issuer's answer must bring back (RFC 6749 10.12)
    std::string nonce;         // what its token must say (OpenID Connect Core 3.1.2.1)
    std::string verifier;      // of PKCE (RFC 7636 4.1)
    std::string redirect_uri;  // as it was sent
    std::string return_to;     // path and query
    base::WallTime until{};
    bool operator==(const LoginAttempt&) const = default;
};

struct LoginSession {
    std::string token;       // the ID token; its signature was checked when it came
    std::string refresh;     // the refresh token; "": none
    base::WallTime until{};  // the token's end: who it names holds until then
    base::WallTime end{};    // no renewal reaches beyond it
    bool operator==(const LoginSession&) const = default;
};

// Times are kept by the second.
[[nodiscard]] std::string write_attempt(const LoginAttempt& attempt);
[[nodiscard]] std::optional<LoginAttempt> read_attempt(std::string_view text);
[[nodiscard]] std::string write_session(const LoginSession& session);
[[nodiscard]] std::optional<LoginSession> read_session(std::string_view text);

// Whether a path and query names a page of this origin for every browser: "/" and no second slash or backslash behind
// it, visible ASCII only, at most kMostReturn bytes.
inline constexpr size_t kMostReturn = 2048;
[[nodiscard]] bool is_local_target(std::string_view target);

}  // namespace tl::gateway
