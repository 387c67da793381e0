// Who a request comes from: API keys, HTTP Basic, JSON Web Tokens, client certificates, logins of browsers, or nobody
// where that is allowed. A request with a wrong credential is refused by the method that the credential belongs to; it
// never passes as anonymous. The methods themselves are in gateway/auth/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/auth/key_place.h"
#include "gateway/identity_headers.h"
#include "gateway/policies/context.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct PolicyCheck;

struct ApiKeyConfig {
    std::vector<KeyPlace> from{KeyPlace{}};
    bool keep = false;
};

struct BasicConfig {
    manifest::Located<std::string> file;
    bool keep = false;
};

struct JwtConfig {
    manifest::Position at;
    std::string issuer;
    std::vector<std::string> audience;                     // "*": any
    std::optional<manifest::Located<std::string>> jwks;    // a URL or a file
    std::optional<manifest::Located<std::string>> secret;  // a file
    std::vector<std::string> algorithms;                   // empty: all of the kind
    std::string type;
    std::string subject = "sub";
    std::string roles = "roles";
    std::string plan = "plan";
    base::Duration leeway = std::chrono::seconds{30};
    std::optional<manifest::Located<std::string>> ca;
    base::Duration refresh = std::chrono::minutes{5};
    base::Duration wait = std::chrono::seconds{2};
    bool keep = true;
};

struct SignatureKeyConfig {
    std::optional<manifest::Located<std::string>> key;     // a file: a public key or a certificate
    std::optional<manifest::Located<std::string>> secret;  // a file
    std::vector<std::string> roles;
    std::string plan;
};

struct SignatureConfig {
    manifest::Position at;
    manifest::OrderedMap<SignatureKeyConfig> keys;
    std::vector<std::string> algorithms;  // empty: all that fit a key
    std::vector<std::string> covers{"@method", "@authority", "@path", "@query"};
    std::string label;
    std::string tag;
    base::Duration max_age = std::chrono::minutes{5};
    base::Duration leeway = std::chrono::seconds{30};
    bool body = true;
    uint64_t most = 1 << 20;  // bytes of a body, which is held for its digest
};
struct LoginConfig {
    manifest::Position at;
    std::string issuer;
    std::string client;
    std::optional<manifest::Located<std::string>> secret;  // a file
    manifest::Located<std::string> session_secret;         // a file
    std::optional<manifest::Located<std::string>> former_session_secret;
    std::vector<std::string> scopes{"openid"};
    manifest::Located<std::string> path{"/.login", {}};
    std::string url;  // "": as the request says
    std::string cookie = "trunkline_session";
    base::Duration session = std::chrono::hours{12};
    base::Duration renew = std::chrono::minutes{1};
    base::Duration wait = std::chrono::seconds{5};
    std::string after_logout;
    manifest::OrderedMap<std::string> parameters;
    std::string subject = "sub";
    std::string roles = "roles";
    std::string plan = "plan";
    base::Duration leeway = std::chrono::seconds{30};
    std::optional<manifest::Located<std::string>> ca;
};
// login_config.cpp
[[nodiscard]] const manifest::Object<LoginConfig>& login_schema();
void check_login(const LoginConfig& login, const PolicyCheck& check);

struct AuthConfig {
    manifest::Position at;
    std::vector<std::string> methods;  // those that need no further word: "api_key", "mtls", "anonymous"
    std::optional<ApiKeyConfig> api_key;
    std::optional<BasicConfig> basic;
    std::vector<JwtConfig> jwt;  // of different issuers
    std::optional<SignatureConfig> signature;
    std::optional<LoginConfig> login;
    manifest::OrderedMap<std::string> headers;  // beside X-Consumer
    std::string realm = "trunkline";

    [[nodiscard]] bool takes(std::string_view method) const;
    // X-Consumer and those of `headers`.
    [[nodiscard]] std::vector<IdentityHeader> identity_headers() const;
    void check(const PolicyCheck& check) const;
};

[[nodiscard]] const manifest::Object<AuthConfig>& auth_schema();
[[nodiscard]] FilterPtr make_auth_filter(const AuthConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
