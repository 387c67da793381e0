#include "gateway/portal/access.h"

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/policies/allowance.h"

namespace tl::gateway {

using Json = nlohmann::ordered_json;

namespace {

MergeScheme key_scheme(const KeyPlace& place) {
    switch (place.kind) {
        case KeyPlace::Kind::authorization:
            return {"key_" + base::lower(place.name),
                    {{"type", "http"},
                     {"scheme", base::lower(place.name)},
                     {"description", fmt::format("An API key, as Authorization: {} KEY", place.name)}}};
        case KeyPlace::Kind::query:
            return {"key_" + place.name, {{"type", "apiKey"}, {"in", "query"}, {"name", place.name}}};
        case KeyPlace::Kind::header: break;
    }
    return {"key_" + base::lower(place.name), {{"type", "apiKey"}, {"in", "header"}, {"name", place.name}}};
}

void add_auth(const AuthConfig& auth, MergeAccess& access) {
    if (auth.takes("api_key")) {
        for (const KeyPlace& place : auth.api_key.value_or(ApiKeyConfig{}).from)
            access.any_of.push_back(key_scheme(place));
    }
    if (auth.basic) access.any_of.push_back({"basic", {{"type", "http"}, {"scheme", "basic"}}});
    if (!auth.jwt.empty())
        access.any_of.push_back({"bearer", {{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}}});
    if (auth.takes("mtls")) {
        access.any_of.push_back(
            {"certificate", {{"type", "mutualTLS"}, {"description", "A client certificate of the TLS connection"}}});
    }
    if (auth.signature) {
        access.any_of.push_back({"signature",
                                 {{"type", "http"},
                                  {"scheme", "signature"},
                                  {"description", "The request is signed (HTTP Message Signatures, RFC 9421)"}}});
    }
    if (auth.login) {
        access.any_of.push_back({"login",
                                 {{"type", "apiKey"},
                                  {"in", "cookie"},
                                  {"name", auth.login->cookie},
                                  {"description",
                                   "The session of a browser that has logged in (OpenID Connect): "
                                   "whoever opens a page without one is sent to the login"}}});
    }
    access.anonymous = auth.takes("anonymous");
}

void add_rules(const AllowConfig& allow, const std::string& method, MergeAccess& access) {
    const AllowRules* rules = allow.methods.find(method);
    if (rules == nullptr && method == "HEAD") rules = allow.methods.find("GET");
    if (rules == nullptr) rules = &allow.rules;
    access.scopes = rules->scopes;
    Json needs = Json::object();
    if (!rules->scopes.empty()) needs["scopes"] = rules->scopes;
    if (!rules->roles.empty()) needs["roles"] = rules->roles;
    if (!rules->plans.empty()) needs["plans"] = rules->plans;
    if (!rules->subjects.empty() || rules->claims.begin() != rules->claims.end())
        needs["more"] = "The gateway has more rules about who may";
    if (!needs.empty()) access.facts["needs"] = std::move(needs);
}

Json words_of(const std::vector<Allowance>& allowances, const CallerKey& by) {
    Json list = Json::array();
    for (Allowance one : allowances) {
        if (!one.by) one.by = by;
        list.push_back(format_allowance(one));
    }
    return list;
}

// By plan, where callers have one.
template <class Plans>
void add_plans(const Plans& plans, const CallerKey& by, Json& into) {
    for (const auto& [plan, allowances] : plans) into[plan.value] = words_of(allowances, by);
}

}  // namespace

MergeAccess access_of(const Policies& holding, const std::string& method) {
    MergeAccess access;
    if (holding.auth) add_auth(*holding.auth, access);
    if (holding.allow && !holding.allow->audit) add_rules(*holding.allow, method, access);
    Json limits = Json::object();
    if (holding.limit && !holding.limit->audit) {
        limits["rate"] = words_of(holding.limit->rate, holding.limit->by);
        add_plans(holding.limit->plans, holding.limit->by, limits["rate_of_plan"]);
    }
    if (holding.quota && !holding.quota->audit) {
        std::vector<Allowance> requests = holding.quota->requests;
        for (Allowance& one : requests) {
            if (!one.period) one.period = holding.quota->per;
        }
        limits["quota"] = words_of(requests, holding.quota->by);
        add_plans(holding.quota->plans, holding.quota->by, limits["quota_of_plan"]);
    }
    if (holding.at_once && !holding.at_once->audit)
        limits["at_once"] = words_of({holding.at_once->requests}, holding.at_once->by);
    if (holding.size && holding.size->request) limits["body"] = *holding.size->request;
    for (auto it = limits.begin(); it != limits.end();)
        it = it->is_null() || (it->is_structured() && it->empty()) ? limits.erase(it) : std::next(it);
    if (!limits.empty()) access.facts["limits"] = std::move(limits);
    return access;
}

}  // namespace tl::gateway
