#include "gateway/policies/auth.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "codec/http1.h"
#include "gateway/auth/key_source.h"
#include "gateway/auth/password_file.h"
#include "gateway/auth/signature.h"
#include "gateway/policies/auth_files.h"
#include "gateway/policies/policies.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using manifest::list_of;
using manifest::one_of;
using manifest::text;

namespace {

constexpr const char* kConsumer = "X-Consumer";

std::optional<std::string> check_issuer(std::string_view issuer) {
    if (issuer.find_first_of(" \t\r\n") == std::string_view::npos) return std::nullopt;
    return "is no issuer: it has white space";
}

std::optional<std::string> check_header(std::string_view name) {
    if (!codec::is_token(name)) return "is no name of a header";
    if (codec::lookup_field(name) != codec::Field::other) return "is a header with another meaning";
    return std::nullopt;
}

bool is_url(std::string_view where) { return where.find("://") != std::string_view::npos; }

void check_jwt(const JwtConfig& jwt, manifest::Position at, manifest::Diagnostics& diagnostics) {
    const bool discovers = !jwt.jwks && !jwt.secret;
    if (jwt.jwks && jwt.secret) {
        diagnostics.error(jwt.secret->at, "jwt: a secret cannot stand beside jwks",
                          "who knows a secret can sign with it: use one of the two");
    }
    if (discovers && !parse_key_url(jwt.issuer)) {
        diagnostics.error(at, "jwt: where the issuer's keys are is not said",
                          "give jwks (a URL or a file), or an issuer whose https URL has a discovery document");
    }
    if (jwt.jwks && is_url(jwt.jwks->value) && !parse_key_url(jwt.jwks->value)) {
        diagnostics.error(jwt.jwks->at,
                          fmt::format("jwks \"{}\" must be an https URL", base::printable(jwt.jwks->value)),
                          "plain http is for this machine only");
    }
    for (const std::string& name : jwt.algorithms) {
        if (net::is_symmetric(*net::signature_algorithm(name)) == jwt.secret.has_value()) continue;
        diagnostics.error(at,
                          fmt::format("jwt: algorithm {} is {}", name,
                                      jwt.secret ? "not for a secret" : "for a secret, and there is none"),
                          "HS256, HS384 and HS512 go with `secret`, all others with keys");
    }
}

void check_auth(const AuthConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (config.methods.empty() && !config.api_key && !config.basic && config.jwt.empty() && !config.signature &&
        !config.login) {
        diagnostics.error(at, "auth names no method", "say api_key, basic, jwt, login, signature, mtls or anonymous");
    }
    const auto authorization =
        config.api_key ? std::ranges::count(config.api_key->from, KeyPlace::Kind::authorization, &KeyPlace::kind) : 0;
    for (auto one = config.jwt.begin(); one != config.jwt.end(); ++one) {
        if (std::ranges::count(config.jwt.begin(), one, one->issuer, &JwtConfig::issuer) == 0) continue;
        diagnostics.error(one->at, fmt::format("jwt: issuer {} stands here twice", base::printable(one->issuer)),
                          "a token's iss decides which entry it is held against");
    }
    if (authorization == 0 || (config.jwt.empty() && !config.basic)) return;
    for (const KeyPlace& place : config.api_key->from) {
        if (place.kind != KeyPlace::Kind::authorization) continue;
        const bool taken = (!config.jwt.empty() && base::iequals(place.name, "Bearer")) ||
                           (config.basic && base::iequals(place.name, "Basic"));
        if (taken)
            diagnostics.error(at, fmt::format("auth: api_key and another method both read {}", to_string(place)));
    }
}

const manifest::Object<ApiKeyConfig>& api_key_schema() {
    static const auto schema =
        manifest::Object<ApiKeyConfig>("API keys")
            .field(
                "from", &ApiKeyConfig::from,
                list_of(manifest::custom<KeyPlace>("header NAME, authorization SCHEME or query NAME", parse_key_place,
                                                   [](const KeyPlace& place) { return to_string(place); }))
                    .at_least(1)
                    .or_single())
            .doc("Where a request has its key.")
            .example("authorization Bearer")
            .field("keep", &ApiKeyConfig::keep, manifest::boolean())
            .doc("Whether the service gets the key, too.");
    return schema;
}

const manifest::Object<BasicConfig>& basic_schema() {
    static const auto schema = manifest::Object<BasicConfig>("HTTP Basic")
                                   .field("file", &BasicConfig::file, text("a file"))
                                   .required()
                                   .doc("Users and hashes of their passwords, as htpasswd -B writes them.")
                                   .example("users.htpasswd")
                                   .field("keep", &BasicConfig::keep, manifest::boolean())
                                   .doc("Whether the service gets name and password, too.");
    return schema;
}

manifest::Words algorithm_names() {
    std::vector<std::string> names;
    for (int i = 0; i <= static_cast<int>(net::SignatureAlgorithm::hs512); ++i) {
        names.emplace_back(net::to_string(static_cast<net::SignatureAlgorithm>(i)));
    }
    return one_of(std::move(names));
}

const manifest::Object<JwtConfig>& jwt_schema() {
    static const auto schema =
        manifest::Object<JwtConfig>("JSON Web Tokens")
            .position(&JwtConfig::at)
            .field("issuer", &JwtConfig::issuer, text("an issuer").check(check_issuer))
            .required()
            .doc("Who must have made the token (its iss).")
            .example("https://issuer.example/")
            .field("audience", &JwtConfig::audience, list_of(text("an audience")).at_least(1).or_single())
            .required()
            .doc("For whom it must have been made (its aud): one of these; \"*\" for anybody.")
            .field("jwks", &JwtConfig::jwks, text("a URL or a file"))
            .doc("The issuer's keys: a JWKS by https, or a file with a JWKS, a public key or a certificate.")
            .default_is("what the issuer's discovery document says")
            .field("secret", &JwtConfig::secret, text("a file"))
            .doc("A file with the secret that tokens are signed with, instead of keys.")
            .field("algorithms", &JwtConfig::algorithms, list_of(algorithm_names()).unique().or_single())
            .doc("Algorithms that a token may be signed with.")
            .default_is("all but HS*, and with `secret` these alone")
            .field("type", &JwtConfig::type, text("a type such as at+jwt"))
            .doc("What the token's typ must say.")
            .default_is("anything")
            .field("subject", &JwtConfig::subject, text("a claim"))
            .doc("The claim that names the caller.")
            .field("roles", &JwtConfig::roles, text("a claim"))
            .doc("The claim with the caller's roles.")
            .example("realm_access.roles")
            .field("plan", &JwtConfig::plan, text("a claim"))
            .doc("The claim with the caller's plan.")
            .field("leeway", &JwtConfig::leeway, manifest::duration().range(0s, 10min))
            .doc("By how much clocks may differ.")
            .field("ca", &JwtConfig::ca, text("a file"))
            .doc("Who may have signed the certificate of the issuer's server, as PEM.")
            .default_is("the system's roots")
            .field("refresh", &JwtConfig::refresh, manifest::duration().range(1s, 24h))
            .doc("How often the keys are fetched again.")
            .field("wait", &JwtConfig::wait, manifest::duration().range(0s, 30s))
            .doc("How long a request waits for keys that are not here yet.")
            .field("keep", &JwtConfig::keep, manifest::boolean())
            .doc("Whether the service gets the token, too.")
            .validate(check_jwt);
    return schema;
}

std::optional<std::string> check_component(std::string_view name) {
    for (const std::string_view known :
         {"@method", "@authority", "@path", "@query", "@scheme", "@target-uri", "@request-target"}) {
        if (name == known) return std::nullopt;
    }
    if (codec::is_token(name) && base::lower(name) == name) return std::nullopt;
    return "is no component: write @method, @authority, @path, @query, @target-uri or a header's name in lower case";
}

void check_signature(const SignatureConfig& config, manifest::Position /*at*/, manifest::Diagnostics& diagnostics) {
    for (const auto& [id, key] : config.keys) {
        if (key.key.has_value() != key.secret.has_value()) continue;
        diagnostics.error(id.at, fmt::format("signature: key \"{}\" needs a file", base::printable(id.value)),
                          "give one of key (a public key) and secret");
    }
}

const manifest::Object<SignatureKeyConfig>& signature_key_schema() {
    static const auto schema = manifest::Object<SignatureKeyConfig>("a key")
                                   .field("key", &SignatureKeyConfig::key, text("a file"))
                                   .doc("A public key or a certificate, as PEM.")
                                   .example("partner.pem")
                                   .field("secret", &SignatureKeyConfig::secret, text("a file"))
                                   .doc("A file with a secret of 32 bytes or more, for hmac-sha256.")
                                   .field("roles", &SignatureKeyConfig::roles, list_of(text("a role")).or_single())
                                   .doc("What `allow` finds as the caller's roles.")
                                   .field("plan", &SignatureKeyConfig::plan, text("a plan"))
                                   .doc("What limits and quotas find as the caller's plan.")
                                   .default_is("none");
    return schema;
}

const manifest::Object<SignatureConfig>& signature_schema() {
    static const auto schema =
        manifest::Object<SignatureConfig>("signed requests")
            .position(&SignatureConfig::at)
            .field("keys", &SignatureConfig::keys,
                   manifest::map_of(signature_key_schema().or_scalar("key"))
                       .names(text("a key id").at_most(128))
                       .at_least(1)
                       .at_most(1000))
            .required()
            .doc("Key ids to their keys; the id is who the caller is.")
            .example("{ partner: partner.pem }")
            .field("algorithms", &SignatureConfig::algorithms,
                   list_of(one_of(message_algorithm_names())).unique().or_single())
            .doc("Algorithms that a request may be signed with.")
            .default_is("all that fit the key")
            .field("covers", &SignatureConfig::covers,
                   list_of(text("a component").check(check_component)).unique().at_most(32).or_single())
            .doc("What must be signed.")
            .field("body", &SignatureConfig::body, manifest::boolean())
            .doc("A request with a body must sign its Content-Digest, and the body is held against it.")
            .field("label", &SignatureConfig::label, text("a label"))
            .doc("Which of several signatures counts.")
            .default_is("the only one")
            .field("tag", &SignatureConfig::tag, text("a tag"))
            .doc("What its tag must say.")
            .default_is("anything")
            .field("max_age", &SignatureConfig::max_age, manifest::duration().range(1s, 24h))
            .doc("How old a signature may be.")
            .field("leeway", &SignatureConfig::leeway, manifest::duration().range(0s, 10min))
            .doc("By how much clocks may differ.")
            .field("most", &SignatureConfig::most, manifest::size().range(1024, 64 << 20))
            .doc("Bytes of a body, which is held until its digest is known.")
            .validate(check_signature);
    return schema;
}

base::Result<void> only_error(const auto& result) {
    if (!result) return base::fail(result.error());
    return {};
}

}  // namespace

std::string file_in(const std::string& folder, const std::string& file) {
    return file.starts_with('/') ? file : folder + "/" + file;
}

std::string_view trimmed_secret(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    return text;
}

bool AuthConfig::takes(std::string_view method) const {
    if (method == "api_key" && api_key) return true;
    return std::ranges::find(methods, method) != methods.end();
}

std::vector<IdentityHeader> AuthConfig::identity_headers() const {
    std::vector<IdentityHeader> all{{kConsumer, "subject"}};
    for (const auto& [name, from] : headers) {
        if (base::iequals(name.value, kConsumer)) {
            all.front().from = from;
        } else {
            all.push_back({name.value, from});
        }
    }
    return all;
}

void AuthConfig::check(const PolicyCheck& check) const {
    if (basic)
        check_file(basic->file, check, [](const std::string& read) { return only_error(parse_passwords(read)); });
    for (const auto& [id, key] : signature ? signature->keys : manifest::OrderedMap<SignatureKeyConfig>{}) {
        if (key.key)
            check_file(*key.key, check,
                       [](const std::string& read) { return only_error(net::VerifyingKey::pem(read)); });
        if (key.secret)
            check_file(*key.secret, check, [](const std::string& read) {
                return only_error(net::VerifyingKey::secret(trimmed_secret(read)));
            });
    }
    if (login) check_login(*login, check);
    for (const JwtConfig& one : jwt) {
        if (one.jwks && !is_url(one.jwks->value)) {
            check_file(*one.jwks, check, [](const std::string& read) { return only_error(parse_key_file(read)); });
        }
        if (one.secret) {
            check_file(*one.secret, check, [](const std::string& read) {
                return only_error(net::VerifyingKey::secret(trimmed_secret(read)));
            });
        }
        if (one.ca) check_file(*one.ca, check, [](const std::string&) { return base::Result<void>{}; });
    }
}

const manifest::Object<AuthConfig>& auth_schema() {
    static const auto schema =
        manifest::Object<AuthConfig>("an auth policy")
            .position(&AuthConfig::at)
            .field("methods", &AuthConfig::methods,
                   list_of(one_of({"api_key", "mtls", "anonymous"})).unique().or_single())
            .doc("Methods that need no further word: api_key, mtls, and anonymous for requests without a credential.")
            .example("[api_key, anonymous]")
            .field("api_key", &AuthConfig::api_key, api_key_schema().or_scalar("from"))
            .doc("API keys, made by `trunkline keys create`.")
            .field("basic", &AuthConfig::basic, basic_schema().or_scalar("file"))
            .doc("Names and passwords (HTTP Basic).")
            .field("jwt", &AuthConfig::jwt, list_of(jwt_schema()).at_most(16).or_single())
            .doc("Bearer tokens of an issuer, or of several.")
            .field("signature", &AuthConfig::signature, signature_schema())
            .doc("Requests that are signed (HTTP Message Signatures, RFC 9421).")
            .field("login", &AuthConfig::login, login_schema())
            .doc("Logins of browsers at an issuer (OpenID Connect), kept in a cookie.")
            .field("headers", &AuthConfig::headers,
                   manifest::map_of(
                       text("subject, method, plan, scopes, roles or claims.NAME").check(check_identity_source))
                       .names(text("a header's name").check(check_header))
                       .at_most(32))
            .doc("Further headers for the service: name to where its value comes from.")
            .default_is("X-Consumer: subject")
            .example("{ X-Tier: claims.tier }")
            .field("realm", &AuthConfig::realm, text("a name"))
            .doc("What a browser shows when it asks for a password.")
            .validate(check_auth);
    return schema;
}

}  // namespace tl::gateway
