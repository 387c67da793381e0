// The filter of the auth policy: which credential a request has, what its method says of it, and what the service is
// told.
#include <fmt/format.h>

#include <algorithm>
#include <expected>

#include "base/log.h"
#include "base/text.h"
#include "gateway/auth/api_key.h"
#include "gateway/auth/basic.h"
#include "gateway/auth/jwt.h"
#include "gateway/auth/mtls.h"
#include "gateway/auth/signature.h"
#include "gateway/policies/auth.h"
#include "gateway/policies/auth_files.h"
#include "gateway/policies/login_config.h"
#include "storage/whole_file.h"

namespace tl::gateway {

using proxy::RequestContext;

namespace {

constexpr size_t kMostSecret = 64 << 10;

proxy::IdentityPtr nobody() {
    auto identity = std::make_shared<proxy::Identity>();
    identity->method = "anonymous";
    return identity;
}

class AuthFilter final : public proxy::Filter {
  public:
    struct Parts {
        std::vector<MethodPtr> methods;
        MethodPtr connection;  // by what the connection says; nullptr: none
        bool anonymous = false;
        std::vector<IdentityHeader> headers;
        size_t most_signed = 0;              // bytes of bodies whose digest is signed; 0: nobody signs
        std::shared_ptr<const Login> login;  // one of the methods, too; nullptr: nobody logs in here
    };
    explicit AuthFilter(Parts parts) : parts_(std::move(parts)) {
        reads_authorization_ = std::ranges::any_of(parts_.methods, &Method::uses_authorization);
    }

    std::string_view name() const override { return "auth"; }

    Verdict on_request(RequestContext& context) const override {
        if (parts_.login != nullptr && parts_.login->is_page(context)) return Verdict::wait;
        auto method = choose(context);
        if (!method) return refuse(context, std::move(method.error()));
        if (*method == nullptr) return without_credential(context);
        std::optional<Finding> finding = (*method)->check(context);
        if (!finding || is_to_log_in(context, *method, *finding)) return Verdict::wait;
        return settle(context, **method, std::move(*finding));
    }
    rt::Task<Verdict> wait_request(RequestContext& context) const override {
        if (parts_.login != nullptr && parts_.login->is_page(context)) {
            const Verdict verdict = co_await parts_.login->answer_page(context);
            co_return verdict;
        }
        const Method* const method = choose(context).value();  // the same that had to wait; nullptr: for the login
        Finding finding;
        if (method != nullptr) {
            std::optional<Finding> now = method->check(context);
            if (now) finding = std::move(*now);
            if (!now) finding = co_await method->check_later(context);
            if (!is_to_log_in(context, method, finding)) co_return settle(context, *method, std::move(finding));
        }
        const Verdict verdict = co_await parts_.login->begin(context);
        co_return verdict;
    }
    void on_response(RequestContext& context, codec::ResponseHead& head) const override {
        if (context.session_fields == nullptr) return;
        for (const auto* field = context.session_fields; field != nullptr; field = field->next) {
            head.headers.add(field->name, field->value);
        }
        // No cache may give one client's session to another (RFC 9111 7.3).
        head.headers.set(codec::Field::cache_control, "no-store");
    }

    size_t most_body() const override { return parts_.most_signed; }
    Verdict on_body(RequestContext& context, std::string& body) const override {
        if (context.identity == nullptr || context.identity->method != "signature") return Verdict::proceed;
        if (digest_fits(context.head().headers, body)) return Verdict::proceed;
        context.note("auth", "signature refused: the body is another one");
        return refuse(context, unauthenticated("the body has not the SHA-256 that Content-Digest says"));
    }

  private:
    static Verdict refuse(RequestContext& context, proxy::Denial refusal) {
        context.refusal = std::move(refusal);
        return Verdict::refuse;
    }
    // The one method whose credential the request has; none: nullptr. A request with two is refused, for the service
    // would get one that nobody has checked.
    [[nodiscard]] std::expected<const Method*, proxy::Denial> choose(RequestContext& context) const {
        const codec::HeaderTable& headers = context.head().headers;
        if (reads_authorization_ && headers.count(codec::Field::authorization) > 1) {
            return std::unexpected(unauthenticated("the request has Authorization twice"));
        }
        const Method* chosen = nullptr;
        for (const MethodPtr& method : parts_.methods) {
            if (!method->is_used(context)) continue;
            if (chosen != nullptr) {
                return std::unexpected(unauthenticated(fmt::format(
                    "the request has two credentials, of {} and {}; send one", chosen->name(), method->name())));
            }
            chosen = method.get();
        }
        const bool unknown = reads_authorization_ && headers.find(codec::Field::authorization) != nullptr &&
                             (chosen == nullptr || !chosen->uses_authorization());
        if (unknown)
            return std::unexpected(unauthenticated("the scheme of Authorization is not one that is taken here"));
        return chosen;
    }
    Verdict without_credential(RequestContext& context) const {
        if (parts_.connection != nullptr && parts_.connection->is_used(context)) {
            return settle(context, *parts_.connection, *parts_.connection->check(context));
        }
        if (!parts_.anonymous) {
            if (parts_.login != nullptr && Login::is_navigation(context)) return Verdict::wait;
            return refuse(context, unauthenticated("the request has no credential"));
        }
        if (parts_.login != nullptr) parts_.login->strip(context);
        static const proxy::IdentityPtr kNobody = nobody();
        context.identity = kNobody;
        context.note("auth", "anonymous");
        return Verdict::proceed;
    }
    // A session that does not count any more, and somebody who can begin another one.
    [[nodiscard]] bool is_to_log_in(const RequestContext& context, const Method* method, const Finding& finding) const {
        return parts_.login != nullptr && method == parts_.login.get() && finding.identity == nullptr &&
               finding.refusal.cause == proxy::Cause::unauthenticated && Login::is_navigation(context);
    }
    // With the challenges of all methods, for the client may choose.
    [[nodiscard]] proxy::Denial unauthenticated(std::string why) const {
        proxy::Denial refusal{.cause = proxy::Cause::unauthenticated, .detail = std::move(why)};
        for (const MethodPtr& method : parts_.methods) {
            if (std::string challenge = method->challenge(); !challenge.empty()) {
                refusal.headers.emplace_back("WWW-Authenticate", std::move(challenge));
            }
        }
        return refusal;
    }
    Verdict settle(RequestContext& context, const Method& method, Finding finding) const {
        if (finding.identity == nullptr) {
            context.note("auth", base::printable(fmt::format("{} refused", method.name())));
            return refuse(context, std::move(finding.refusal));
        }
        context.identity = std::move(finding.identity);
        method.strip(context);
        if (parts_.login != nullptr) parts_.login->strip(context);
        for (const IdentityHeader& header : parts_.headers) {
            const std::string_view value = identity_value(*context.identity, header.from, context.arena);
            if (!value.empty()) context.head().headers.set(header.name, value);
        }
        context.note("auth", base::printable(fmt::format("{} {}", method.name(), context.identity->subject), 64));
        return Verdict::proceed;
    }

    Parts parts_;
    bool reads_authorization_ = false;
};

TokenRules rules_of(const JwtConfig& config) {
    TokenRules rules{.algorithms = {}, .issuer = config.issuer, .audiences = config.audience, .type = config.type};
    if (std::ranges::find(rules.audiences, "*") != rules.audiences.end()) rules.audiences.clear();
    for (int i = 0; i <= static_cast<int>(net::SignatureAlgorithm::hs512); ++i) {
        const auto algorithm = static_cast<net::SignatureAlgorithm>(i);
        const bool named = std::ranges::find(config.algorithms, net::to_string(algorithm)) != config.algorithms.end();
        if (net::is_symmetric(algorithm) != config.secret.has_value()) continue;
        if (config.algorithms.empty() || named) rules.algorithms.push_back(algorithm);
    }
    rules.leeway = config.leeway;
    rules.subject = config.subject;
    rules.roles = config.roles;
    rules.plan = config.plan;
    return rules;
}

KeySourceOptions source_of(const JwtConfig& config, const PolicyHome& home) {
    KeySourceOptions options{.refresh = config.refresh, .resolver = home.resolver};
    if (!config.jwks) {
        options.issuer = config.issuer;
    } else if (config.jwks->value.find("://") != std::string::npos) {
        options.url = config.jwks->value;
    } else {
        options.file = file_in(home.folder, config.jwks->value);
    }
    if (config.ca) options.ca = file_in(home.folder, config.ca->value);
    return options;
}

MethodPtr make_jwt(const AuthConfig& auth, const JwtConfig& config, PolicyHome& home) {
    JwtOptions options{.rules = rules_of(config), .realm = auth.realm, .wait = config.wait, .keep = config.keep};
    std::string algorithms;
    for (const auto algorithm : options.rules.algorithms) algorithms += fmt::format(" {}", net::to_string(algorithm));
    // What a cache of checked tokens depends on: whoever changes one of these begins anew.
    const std::string rules =
        fmt::format("{}|{}|{}|{}|{}|{}|{}|{}", config.issuer, base::join(config.audience, " "), algorithms, config.type,
                    config.subject, config.roles, config.plan, config.leeway.count());
    if (config.secret) {
        const std::string file = file_in(home.folder, config.secret->value);
        auto keys = std::make_shared<KeySet>();
        const auto text = storage::read_file(file, kMostSecret);
        auto key = text ? net::VerifyingKey::secret(trimmed_secret(*text)) : base::fail(text.error());
        if (key) keys->keys.push_back({.kid = {}, .algorithm = std::nullopt, .key = *key});
        if (!key) TL_LOG(error, "auth", "secret of {}: {}; all tokens are refused", file, key.error().message());
        // A new secret must not find tokens of the old one: a file that has changed is another cache.
        const auto slot = home.slots.of(fmt::format("jwt secret {} {} {}", file, storage::stamp_of(file), rules));
        return make_jwt_method(std::move(options), std::shared_ptr<const KeySet>{std::move(keys)}, slot);
    }
    const KeySourceOptions from = source_of(config, home);
    const std::string key =
        fmt::format("jwt keys {}|{}|{}|{}|{}", from.file, from.url, from.issuer, from.ca, from.refresh.count());
    return make_jwt_method(std::move(options), home.keeper.keep<KeySource>(key, from),
                           home.slots.of(key + "|" + rules));
}

MethodPtr make_bearer(const AuthConfig& auth, PolicyHome& home) {
    if (auth.jwt.size() == 1) return make_jwt(auth, auth.jwt.front(), home);
    std::vector<std::pair<std::string, MethodPtr>> issuers;
    for (const JwtConfig& one : auth.jwt) issuers.emplace_back(one.issuer, make_jwt(auth, one, home));
    return make_issuers_method(std::move(issuers), auth.realm);
}

MethodPtr make_basic(const AuthConfig& auth, const BasicConfig& config, PolicyHome& home) {
    const std::string file = file_in(home.folder, config.file.value);
    return make_basic_method({.realm = auth.realm, .keep = config.keep},
                             home.keeper.keep<PasswordFile>("passwords of " + file, file),
                             home.keeper.keep<PasswordWorker>("password worker"), home.slots.of("basic " + file));
}

MethodPtr make_signature(const SignatureConfig& config, const PolicyHome& home) {
    SignatureOptions options{.keys = {},
                             .algorithms = config.algorithms,
                             .covers = config.covers,
                             .label = config.label,
                             .tag = config.tag,
                             .max_age = config.max_age,
                             .leeway = config.leeway,
                             .body = config.body};
    for (const auto& [id, from] : config.keys) {
        const std::string file = file_in(home.folder, from.secret ? from.secret->value : from.key->value);
        const auto text = storage::read_file(file, kMostSecret);
        auto key = !text         ? base::fail(text.error())
                   : from.secret ? net::VerifyingKey::secret(trimmed_secret(*text))
                                 : net::VerifyingKey::pem(*text);
        if (!key) {
            TL_LOG(error, "auth", "signature: {}: {}; requests with key {} are refused", file, key.error().message(),
                   base::printable(id.value));
            continue;
        }
        options.keys.push_back({.id = id.value, .key = std::move(*key), .roles = from.roles, .plan = from.plan});
    }
    return make_signature_method(std::move(options));
}

}  // namespace

FilterPtr make_auth_filter(const AuthConfig& config, const PolicyContext& context) {
    PolicyHome& home = *context.home;
    AuthFilter::Parts parts{.anonymous = config.takes("anonymous"), .headers = config.identity_headers()};
    if (!config.jwt.empty()) parts.methods.push_back(make_bearer(config, home));
    if (config.takes("api_key")) {
        const ApiKeyConfig from = config.api_key.value_or(ApiKeyConfig{});
        parts.methods.push_back(make_api_key_method({from.from, config.realm, from.keep},
                                                    ApiKeyStore::of(home.keeper, home.state_folder),
                                                    home.slots.of("api keys")));
    }
    if (config.basic) parts.methods.push_back(make_basic(config, *config.basic, home));
    if (config.signature) {
        parts.methods.push_back(make_signature(*config.signature, home));
        if (config.signature->body) parts.most_signed = config.signature->most;
    }
    if (config.login) {
        parts.login = make_login(config, *config.login, home);
        parts.methods.push_back(parts.login);
    }
    if (config.takes("mtls")) parts.connection = make_mtls_method();
    return std::make_shared<AuthFilter>(std::move(parts));
}

}  // namespace tl::gateway
