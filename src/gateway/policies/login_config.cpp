#include "gateway/policies/login_config.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "codec/http1.h"
#include "gateway/policies/auth_files.h"
#include "gateway/policies/template.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using manifest::list_of;
using manifest::text;

namespace {

constexpr size_t kMostSecret = 64 << 10;

std::optional<std::string> check_issuer_url(std::string_view issuer) {
    if (parse_key_url(issuer)) return std::nullopt;
    return "must be an https URL; plain http is for this machine only";
}

std::optional<std::string> check_scope(std::string_view scope) {
    const bool good = std::ranges::all_of(scope, [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '\\'; });
    if (good && !scope.empty()) return std::nullopt;
    return "is no scope";
}

std::optional<std::string> check_local(std::string_view path) {
    if (is_local_target(path)) return std::nullopt;
    return "must be a path of this site, such as /bye";
}

std::optional<std::string> check_path(std::string_view path) {
    const auto parsed = proxy::PathPattern::parse(path);
    const bool literal = parsed && std::ranges::all_of(parsed->segments(), [](const proxy::Segment& segment) {
                             return segment.kind == proxy::Segment::Kind::literal;
                         });
    if (literal && path.size() > 1 && !path.ends_with('/') && is_local_target(path)) return std::nullopt;
    return "must be a path without a slash at its end, such as /.login";
}

std::optional<std::string> check_origin(std::string_view url) {
    const bool https = url.starts_with("https://");
    if ((https || url.starts_with("http://")) && codec::is_valid_authority(url.substr(https ? 8 : 7))) {
        return std::nullopt;
    }
    return "must be an origin without a path, such as https://shop.example";
}

std::optional<std::string> check_cookie(std::string_view name) {
    if (codec::is_token(name) && !base::lower(name).starts_with("__")) return std::nullopt;
    return "is no cookie's name; browsers mean something by names that begin with __";
}

std::optional<std::string> check_parameter(std::string_view name) {
    static const std::vector<std::string> kOurs{"response_type", "client_id", "redirect_uri",   "scope",
                                                "state",         "nonce",     "code_challenge", "code_challenge_method",
                                                "response_mode", "request",   "request_uri"};
    if (name.empty()) return "is no parameter";
    if (std::ranges::find(kOurs, name) == kOurs.end()) return std::nullopt;
    return "is a parameter that the login itself says";
}

std::string purpose_of(std::string_view what, const LoginConfig& config) {
    return fmt::format("login {} of {} at {}", what, config.client, config.issuer);
}

base::Result<LoginSealers> sealers_of(std::string_view secret, const LoginConfig& config) {
    auto session = net::Sealer::make(secret, purpose_of("session", config));
    if (!session) return base::fail(std::move(session.error()));
    auto attempt = net::Sealer::make(secret, purpose_of("attempt", config));
    if (!attempt) return base::fail(std::move(attempt.error()));
    return LoginSealers{.session = *session, .attempt = *attempt};
}

// Nothing is sealed by a former secret while the one in force cannot be read.
std::vector<LoginSealers> read_sealers(const LoginConfig& config, const std::string& folder) {
    std::vector<LoginSealers> all;
    std::vector<std::string> files{config.session_secret.value};
    if (config.former_session_secret) files.push_back(config.former_session_secret->value);
    for (const std::string& file : files) {
        const auto secret = storage::read_file(file_in(folder, file), kMostSecret);
        auto made = secret ? sealers_of(trimmed_secret(*secret), config) : base::fail(secret.error());
        if (!made) TL_LOG(error, "auth", "secret of sessions {}: {}", file, made.error().message());
        if (!made && all.empty()) return {};
        if (made) all.push_back(std::move(*made));
    }
    return all;
}

TokenRules rules_of(const LoginConfig& config) {
    TokenRules rules{.algorithms = {}, .issuer = config.issuer, .audiences = {config.client}, .type = {}};
    for (int i = 0; i <= static_cast<int>(net::SignatureAlgorithm::hs512); ++i) {
        const auto algorithm = static_cast<net::SignatureAlgorithm>(i);
        if (!net::is_symmetric(algorithm)) rules.algorithms.push_back(algorithm);
    }
    rules.leeway = config.leeway;
    rules.subject = config.subject;
    rules.roles = config.roles;
    rules.plan = config.plan;
    rules.method = "oidc";
    return rules;
}

std::string parameters_of(const LoginConfig& config) {
    std::string all;
    for (const auto& [name, value] : config.parameters) {
        all += '&';
        Template::append_coded(all, name.value, Template::Target::query);
        all += '=';
        Template::append_coded(all, value, Template::Target::query);
    }
    return all;
}

std::string scope_of(const LoginConfig& config) {
    std::vector<std::string> scopes = config.scopes;
    if (std::ranges::find(scopes, "openid") == scopes.end()) scopes.insert(scopes.begin(), "openid");
    return base::join(scopes, " ");
}

}  // namespace

void check_login(const LoginConfig& login, const PolicyCheck& check) {
    const auto is_secret = [](const std::string& read) -> base::Result<void> {
        if (auto made = net::Sealer::make(trimmed_secret(read), "check"); !made) {
            return base::fail(std::move(made.error()));
        }
        return {};
    };
    check_file(login.session_secret, check, is_secret);
    if (login.former_session_secret) check_file(*login.former_session_secret, check, is_secret);
    const auto is_there = [](const std::string&) { return base::Result<void>{}; };
    if (login.secret) check_file(*login.secret, check, is_there);
    if (login.ca) check_file(*login.ca, check, is_there);
}

const manifest::Object<LoginConfig>& login_schema() {
    static const auto schema =
        manifest::Object<LoginConfig>("logins of browsers")
            .position(&LoginConfig::at)
            .field("issuer", &LoginConfig::issuer, text("an issuer").check(check_issuer_url))
            .required()
            .doc("Who logs people in: an https URL with a discovery document.")
            .example("https://issuer.example/")
            .field("client", &LoginConfig::client, text("a client's id"))
            .required()
            .doc("By what name the issuer knows this gateway.")
            .field("secret", &LoginConfig::secret, text("a file"))
            .doc("A file with the client's secret.")
            .default_is("none: a public client")
            .field("session_secret", &LoginConfig::session_secret, text("a file"))
            .required()
            .doc("A file with the secret, of 32 bytes or more, by which sessions are sealed.")
            .example("session.secret")
            .field("former_session_secret", &LoginConfig::former_session_secret, text("a file"))
            .doc("The one before, whose sessions still count.")
            .field("scopes", &LoginConfig::scopes, list_of(text("a scope").check(check_scope)).unique().or_single())
            .doc("What the issuer is asked for; openid always.")
            .example("[openid, profile, offline_access]")
            .field("path", &LoginConfig::path, text("a path").check(check_path))
            .doc("Below it are start, callback and logout.")
            .field("url", &LoginConfig::url, text("an origin").check(check_origin))
            .doc("What browsers know this gateway by.")
            .default_is("what the request says")
            .example("https://shop.example")
            .field("cookie", &LoginConfig::cookie, text("a cookie's name").check(check_cookie))
            .doc("The session's cookie; by https __Host- stands before it.")
            .field("session", &LoginConfig::session, manifest::duration().range(1min, 720h))
            .doc("After what time somebody must log in again, renewals or not.")
            .field("renew", &LoginConfig::renew, manifest::duration().range(0s, 1h))
            .doc("How long before its token ends a session is renewed; a quarter of the token's life at most.")
            .field("wait", &LoginConfig::wait, manifest::duration().range(1s, 30s))
            .doc("How long a request waits for the issuer.")
            .field("after_logout", &LoginConfig::after_logout, text("a path").check(check_local))
            .doc("Where the browser is sent after a logout; the issuer must know its URL.")
            .default_is("the issuer's own page")
            .field("parameters", &LoginConfig::parameters,
                   manifest::map_of(text("a value")).names(text("a parameter").check(check_parameter)).at_most(16))
            .doc("More that the issuer is told when a login begins.")
            .example("{ prompt: consent }")
            .field("subject", &LoginConfig::subject, text("a claim"))
            .doc("The claim that names the caller.")
            .field("roles", &LoginConfig::roles, text("a claim"))
            .doc("The claim with the caller's roles.")
            .field("plan", &LoginConfig::plan, text("a claim"))
            .doc("The claim with the caller's plan.")
            .field("leeway", &LoginConfig::leeway, manifest::duration().range(0s, 10min))
            .doc("By how much clocks may differ.")
            .field("ca", &LoginConfig::ca, text("a file"))
            .doc("Who may have signed the certificate of the issuer's server, as PEM.")
            .default_is("the system's roots");
    return schema;
}

std::shared_ptr<const Login> make_login(const AuthConfig& auth, const LoginConfig& config, PolicyHome& home) {
    const auto path_of = [&](const auto& file) { return file ? file_in(home.folder, file->value) : std::string{}; };
    const std::string ca = path_of(config.ca);
    LoginIssuerOptions options{
        .issuer = config.issuer, .client = config.client, .ca = ca, .timeout = config.wait, .resolver = home.resolver};
    const std::string secret = path_of(config.secret);
    if (config.secret) {
        auto read = storage::read_file(secret, kMostSecret);
        if (!read) TL_LOG(error, "auth", "secret of client {}: {}", config.client, read.error().message());
        if (read) options.secret = trimmed_secret(*read);
    }
    const std::string at = fmt::format("{}|{}", config.issuer, ca);
    const std::string who = fmt::format("{}|{}|{}|{}|{}", at, config.client, secret,
                                        secret.empty() ? "" : storage::stamp_of(secret), config.wait.count());
    auto issuer = home.keeper.keep<LoginIssuer>("login at " + who, std::move(options));
    auto keys = home.keeper.keep<KeySource>(
        "login keys " + at, KeySourceOptions{.issuer = config.issuer, .ca = ca, .resolver = home.resolver});

    const std::string sealed_by = file_in(home.folder, config.session_secret.value);
    const std::string former = path_of(config.former_session_secret);
    // What cores remember of sessions depends on these: whoever changes one of them begins anew.
    const std::string seen =
        fmt::format("login {}|{}|{}|{}|{}|{}|{}|{}|{}", who, sealed_by, storage::stamp_of(sealed_by), former,
                    storage::stamp_of(former), config.subject, config.roles, config.plan, config.renew.count());
    return std::make_shared<const Login>(LoginOptions{.rules = rules_of(config),
                                                      .realm = auth.realm,
                                                      .cookie = config.cookie,
                                                      .path = config.path.value,
                                                      .origin = config.url,
                                                      .after_logout = config.after_logout,
                                                      .scope = scope_of(config),
                                                      .parameters = parameters_of(config),
                                                      .session = config.session,
                                                      .renew = config.renew,
                                                      .wait = config.wait},
                                         read_sealers(config, home.folder), std::move(issuer), std::move(keys),
                                         home.slots.of(seen));
}

}  // namespace tl::gateway
