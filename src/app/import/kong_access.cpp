// Who may: key-auth, openid-connect, acl, and what consumers have.
#include <fmt/format.h>

#include <algorithm>

#include "app/import/fields.h"
#include "app/import/kong_plugins.h"
#include "base/text.h"

namespace tl::app {

using manifest::Node;

namespace {

constexpr std::string_view kDiscovery = "/.well-known/openid-configuration";

void close_for(PolicyDraft& out, const KongPlugin& plugin, Report& report, std::string_view why) {
    out.closed = true;
    report.closed(plugin.at, fmt::format("plugin \"{}\"", plugin.name), std::string{why});
}

// Kong asks for all of several methods, unless each of them has an anonymous consumer; a manifest asks for one of them.
Node& begin_auth(const KongPlugin& plugin, const std::string& anonymous, PolicyDraft& out, const KongContext& context) {
    const bool second = out.policies.find("auth") != nullptr;
    if (second && anonymous.empty()) {
        close_for(out, plugin, *context.report,
                  "Kong asks for several credentials at once, a manifest for one of them");
    }
    Node& auth = out.of("auth", plugin.at);
    if (!anonymous.empty() && !context.refused.contains(anonymous)) {
        append(auth, "methods", {"anonymous"}, plugin.at);
        context.report->differs(plugin.at, fmt::format("\"anonymous\" of plugin \"{}\"", plugin.name),
                                "who says nothing passes without a name; a wrong credential does not pass");
    }
    put(child(auth, "headers", plugin.at), "X-Consumer-Username", word_node("subject", plugin.at));
    return auth;
}

std::vector<std::string> words_of(const std::vector<std::string>& texts) {
    std::vector<std::string> all;
    for (const std::string& text : texts) {
        for (const std::string_view word : base::split(text, ' ')) {
            if (!word.empty()) all.emplace_back(word);
        }
    }
    return all;
}

void ask_for_scopes(Fields& config, const KongPlugin& plugin, PolicyDraft& out, Report& report) {
    const std::vector<std::string> scopes = config.list("scopes_required");
    if (scopes.size() > 1)
        return close_for(out, plugin, report, "of several \"scopes_required\" Kong asks for one: use allow.claims");
    if (!scopes.empty()) append(out.of("allow", plugin.at), "scopes", words_of(scopes), plugin.at);
}

void ask_for_roles(Fields& config, Node& jwt, const KongPlugin& plugin, PolicyDraft& out, Report& report) {
    const std::vector<std::string> roles = config.list("roles_required");
    const std::vector<std::string> claim = config.list("roles_claim");
    if (!claim.empty()) put(jwt, "roles", text_node(base::join(claim, "."), plugin.at));
    const bool simple = std::ranges::none_of(roles, [](const std::string& one) { return one.contains(' '); });
    if (!simple) return close_for(out, plugin, report, "a role that is several: use allow.claims");
    if (!roles.empty()) append(out.of("allow", plugin.at), "roles", roles, plugin.at);
}

std::vector<std::string> groups_of(const Node& consumer) {
    std::vector<std::string> groups;
    const Node* const acls = consumer.find("acls");
    if (acls == nullptr) return groups;
    for (const Node& one : acls->items) {
        const Node* const group = one.find("group");
        if (group != nullptr && group->is_scalar()) groups.push_back(group->text);
    }
    return groups;
}

std::string rates_of(const Node& config) {
    std::vector<std::string> rates;
    for (const auto& [key, unit] : {std::pair{"second", "s"}, {"minute", "m"}, {"hour", "h"}, {"day", "d"}}) {
        const Node* const count = config.find(key);
        if (count != nullptr && count->is_scalar() && number_of(*count)) rates.push_back(count->text + "/" + unit);
    }
    return base::join(rates, ", ");
}

}  // namespace

void translate_key_auth(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Report& report = *context.report;
    Fields config{plugin.settings(), "plugin \"key-auth\"", report};
    std::vector<std::string> names = config.list("key_names");
    if (names.empty()) names = {"apikey"};
    std::vector<std::string> from;
    const bool in_header = config.flag("key_in_header", true);
    const bool in_query = config.flag("key_in_query", true);
    for (const std::string& name : names) {
        if (in_header) from.push_back("header " + name);
        if (in_query) from.push_back("query " + name);
    }
    config.tell("key_in_body", "let clients send it in a header");
    config.ignore({"run_on_preflight"});
    const bool keep = !config.flag("hide_credentials", false);
    const std::string realm = config.text("realm");
    const std::string anonymous = config.text("anonymous");
    config.finish();
    if (from.empty()) return close_for(out, plugin, report, "keys stand in a header or in the query");
    Node& auth = begin_auth(plugin, anonymous, out, context);
    append(auth, "methods", {"api_key"}, plugin.at);
    Node& key = child(auth, "api_key", plugin.at);
    put(key, "from", list_node(from, plugin.at));
    if (keep) put(key, "keep", word_node("true", plugin.at));
    if (!realm.empty()) put(auth, "realm", text_node(realm, plugin.at));
    report.to_do(plugin.at,
                 "keys of plugin \"key-auth\" are not taken over: Trunkline keeps hashes of keys that it makes",
                 "trunkline keys create NAME, once for each consumer, when it runs");
}

void translate_openid(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Report& report = *context.report;
    Fields config{plugin.settings(), "plugin \"openid-connect\"", report};
    std::string issuer = config.text("issuer");
    if (issuer.ends_with(kDiscovery)) issuer.resize(issuer.size() - kDiscovery.size());
    const std::vector<std::string> methods = config.list("auth_methods");
    const bool bearer = methods.empty() || std::ranges::find(methods, "bearer") != methods.end();
    if (issuer.empty() || !bearer) {
        return close_for(out, plugin, report,
                         "only bearer tokens are translated; for browsers see policies: { auth: { login: ... } }");
    }
    std::vector<std::string> audience = config.list("audience_required");
    if (audience.empty()) audience = config.list("audience");
    if (audience.empty()) {
        audience = {"*"};
        report.differs(plugin.at, "plugin \"openid-connect\" asks for no audience, so tokens for others pass",
                       "name yours in auth.jwt.audience");
    }
    if (methods.size() != 1) {
        report.differs(plugin.at, "of the methods of plugin \"openid-connect\" only bearer tokens are taken",
                       "for browsers add auth.login; it needs files with the client's and a session secret");
    }
    Node jwt = map_node(plugin.at);  // put where it belongs when it is whole: maps move when they grow
    put(jwt, "issuer", text_node(issuer, plugin.at));
    put(jwt, "audience", list_node(audience, plugin.at));
    ask_for_scopes(config, plugin, out, report);
    ask_for_roles(config, jwt, plugin, out, report);
    put(begin_auth(plugin, config.text("anonymous"), out, context), "jwt", std::move(jwt));
    for (const char* const more : {"groups_required", "claims_forbidden"}) {
        if (config.has(more)) close_for(out, plugin, report, fmt::format("\"{}\": use allow.claims", more));
    }
    config.tell("client_secret", "only a login needs it: auth.login.secret is a file");
    config.ignore({"client_id", "groups_required", "claims_forbidden", "scopes", "audience", "run_on_preflight"});
    config.finish();
}

void translate_acl(const KongPlugin& plugin, PolicyDraft& out, const KongContext& context) {
    Fields config{plugin.settings(), "plugin \"acl\"", *context.report};
    std::vector<std::string> allowed = config.list("allow");
    if (allowed.empty()) allowed = config.list("whitelist");
    config.ignore({"whitelist", "hide_groups_header", "deny", "blacklist"});
    if (config.has("deny") || config.has("blacklist") || allowed.empty())
        return close_for(out, plugin, *context.report, "name who may instead of who may not: allow: { roles: [...] }");
    config.finish();
    append(out.of("allow", plugin.at), "roles", allowed, plugin.at);
}

void tell_consumer(const KongEntity& consumer, const KongContext& context) {
    Report& report = *context.report;
    const std::string what = fmt::format("consumer \"{}\"", consumer.name);
    Fields fields{*consumer.node, what, report};
    fields.ignore({"username", "id", "custom_id", "tags", "plugins", "acls", "created_at", "updated_at", "groups",
                   "keyauth_credentials", "basicauth_credentials", "jwt_secrets"});
    std::string roles;
    for (const std::string& group : groups_of(*consumer.node)) roles += " --role " + group;
    if (fields.has("keyauth_credentials")) {
        report.to_do(fields.at("keyauth_credentials"), "the key of " + what,
                     fmt::format("trunkline keys create {}{}", consumer.name, roles));
    } else if (!roles.empty()) {
        report.to_do(fields.at("acls"), "the groups of " + what,
                     fmt::format("they are roles: of a key, with{}; of a token, in its claim", roles));
    }
    if (fields.has("basicauth_credentials"))
        report.to_do(fields.at("basicauth_credentials"), "the password of " + what,
                     "htpasswd -B -n NAME makes its line");
    if (fields.has("jwt_secrets"))
        report.to_do(fields.at("jwt_secrets"), "the key for tokens of " + what,
                     "put it into a file: auth.jwt.jwks (a public key) or auth.jwt.secret");
    fields.finish();
    for (const KongPlugin& plugin : consumer.plugins) {
        const std::string rates = plugin.name == "rate-limiting" ? rates_of(plugin.settings()) : "";
        report.missing(plugin.at, fmt::format("plugin \"{}\" of {}", plugin.name, what),
                       rates.empty() ? "policies hold for routes; allow and plans tell callers apart"
                                     : fmt::format("trunkline keys create {} --plan {}, and plans: {{ {}: {} }} in the "
                                                   "limit that holds for it",
                                                   consumer.name, consumer.name, consumer.name, rates));
    }
}

}  // namespace tl::app
