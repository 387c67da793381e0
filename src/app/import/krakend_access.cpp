// Who may: auth/validator (tokens) and auth/api-keys.
#include <fmt/format.h>

#include <algorithm>

#include "app/import/fields.h"
#include "app/import/krakend_policies.h"
#include "base/text.h"

namespace tl::app {

using manifest::Node;
using manifest::Position;

namespace {

void close_for(PolicyDraft& out, Position at, const std::string& what, std::string why, Report& report) {
    out.closed = true;
    report.closed(at, what, fmt::format("{}; then remove the scope {}", why, Draft::kClosed));
}

// Claims become headers for the service.
void put_claims(Fields& fields, PolicyDraft& out, Report& report) {
    const Node* const claims = fields.take("propagate_claims");
    if (claims == nullptr) return;
    for (const Node& pair : claims->items) {
        if (pair.items.size() != 2 || !pair.items[0].is_scalar() || !pair.items[1].is_scalar()) {
            report.missing(pair.at, "an item of \"propagate_claims\"", "it is a claim and a header");
            continue;
        }
        put(child(out.of("auth", pair.at), "headers", pair.at), pair.items[1].text,
            text_node("claims." + pair.items[0].text, pair.at));
    }
}

void ask_for_scopes(Fields& fields, PolicyDraft& out, Report& report) {
    const std::vector<std::string> scopes = fields.list("scopes");
    const std::string key = fields.text("scopes_key", "scope");
    const std::string matcher = fields.text("scopes_matcher", "any");
    if (scopes.empty()) return;
    if (key != "scope" && key != "scp")
        return close_for(out, fields.at("scopes_key"), "\"scopes_key\"",
                         "scopes are in `scope` or `scp`; allow.claims takes others", report);
    if (scopes.size() > 1 && matcher != "all")
        return close_for(out, fields.at("scopes"), "\"scopes\" of which one is enough",
                         "allow.scopes asks for all of them; roles are alternatives", report);
    append(out.of("allow", fields.at("scopes")), "scopes", scopes, fields.at("scopes"));
}

void ask_for_roles(Fields& fields, Node& jwt, PolicyDraft& out, Report& report) {
    const std::vector<std::string> roles = fields.list("roles");
    const std::string key = fields.text("roles_key", "roles");
    const bool nested = fields.flag("roles_key_is_nested", false);
    if (roles.empty()) return;
    if (!nested && key.contains('.'))
        return close_for(out, fields.at("roles_key"), "a \"roles_key\" with dots in one name",
                         "auth.jwt.roles is a path: let the issuer call it otherwise", report);
    if (key != "roles") put(jwt, "roles", text_node(key, fields.at("roles_key")));
    append(out.of("allow", fields.at("roles")), "roles", roles, fields.at("roles"));
}

}  // namespace

void translate_validator(const Node& settings, PolicyDraft& out, const KrakendContext& context) {
    Report& report = *context.report;
    const std::string what = "\"auth/validator\"";
    Fields fields{settings, what, report};
    const std::string issuer = fields.text("issuer");
    const std::string url = fields.text("jwk_url");
    const std::string file = fields.text("jwk_local_path");
    const std::string algorithm = fields.text("alg", "RS256");
    if (issuer.empty())
        return close_for(out, settings.at, what + " without an \"issuer\"",
                         "auth.jwt.issuer must say whose tokens count", report);
    if (algorithm.starts_with("HS"))
        return close_for(out, fields.at("alg"), fmt::format("{} with {}", what, algorithm),
                         "put the secret into a file: auth.jwt.secret", report);
    if (url.empty() && file.empty())
        return close_for(out, settings.at, what + " without \"jwk_url\"", "auth.jwt.jwks says where the keys are",
                         report);
    Node jwt = map_node(settings.at);  // put where it belongs when it is whole: maps move when they grow
    put(jwt, "issuer", text_node(issuer, fields.at("issuer")));
    std::vector<std::string> audience = fields.list("audience");
    if (audience.empty()) {
        audience = {"*"};
        report.differs(settings.at, what + " asks for no audience, so tokens for others pass",
                       "name yours in auth.jwt.audience");
    }
    put(jwt, "audience", list_node(audience, fields.at("audience")));
    put(jwt, "jwks", text_node(url.empty() ? file : url, fields.at(url.empty() ? "jwk_local_path" : "jwk_url")));
    put(jwt, "algorithms", list_node({algorithm}, fields.at("alg")));
    put_claims(fields, out, report);
    ask_for_scopes(fields, out, report);
    ask_for_roles(fields, jwt, out, report);
    put(out.of("auth", settings.at), "jwt", std::move(jwt));
    fields.tell("cookie_key",
                "tokens are in Authorization: Bearer; for browsers see policies: { auth: { login: ... } }");
    fields.tell("jwk_local_ca", "auth.jwt.ca");
    fields.tell("custom_error", "answers of Trunkline's own are problem details");
    fields.tell("auth_header_name", "tokens are in Authorization: Bearer");
    fields.tell("jwk_fingerprints", "auth.jwt.ca says who may have signed the certificate of the issuer's server");
    fields.tell("disable_jwk_security", "keys come by https, or by http from this machine");
    fields.tell("leeway", "auth.jwt.leeway");
    fields.ignore({"cache", "cache_duration", "operation_debug", "key_identify_strategy", "cipher_suites", "cypher_key",
                   "secret_url", "unknown_keys_ttl", "failed_jwk_key_cooldown", "roles_key_is_nested"});
    fields.finish();
}

void translate_api_keys(const Node& settings, PolicyDraft& out, const KrakendContext& context) {
    // That of the file says where keys stand and which there are; that of an endpoint, that one is needed.
    if (&settings == context.api_keys) return;
    Report& report = *context.report;
    Fields fields{settings, "\"auth/api-keys\"", report};
    static const Node kNone;
    Fields file{context.api_keys == nullptr ? kNone : *context.api_keys, "\"auth/api-keys\"", report};
    const std::string strategy = fields.text("strategy", file.text("strategy", "header"));
    const std::string name =
        fields.text("identifier", file.text("identifier", strategy == "header" ? "Authorization" : "key"));
    const std::string from = strategy == "query_string"             ? "query " + name
                             : base::iequals(name, "Authorization") ? "authorization Bearer"
                                                                    : "header " + name;
    Node& auth = out.of("auth", settings.at);
    append(auth, "methods", {"api_key"}, settings.at);
    put(child(auth, "api_key", settings.at), "from", list_node({from}, settings.at));
    const std::vector<std::string> roles = fields.list("roles");
    if (!roles.empty()) append(out.of("allow", settings.at), "roles", roles, settings.at);
    fields.tell("client_max_rate", "policies: { limit: N/s by api_key }");
    fields.finish();
}

void tell_api_keys(const Node& settings, Report& report) {
    Fields fields{settings, "\"auth/api-keys\"", report};
    size_t number = 0;
    for (const Node* const key : fields.maps("keys")) {
        Fields one{*key, "an API key", report};
        std::string roles;
        for (const std::string& role : one.list("roles")) roles += " --role " + role;
        report.to_do(key->at, fmt::format("API key {}", ++number),
                     fmt::format("make one anew: trunkline keys create NAME{}", roles));
    }
    fields.tell("propagate_role", "auth.headers: { NAME: roles }");
    fields.ignore({"strategy", "identifier", "salt", "hash"});
    fields.finish();
}

}  // namespace tl::app
