#include "gateway/policies/opa_input.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "gateway/client_ip.h"
#include "gateway/policies/template.h"
#include "proxy/client.h"
#include "proxy/identity.h"

namespace tl::gateway {

using nlohmann::json;
using proxy::RequestContext;

namespace {

// "/orders/a%2Fb/" is ["orders", "a/b", ""]: a coded slash is part of its segment, a final one is told.
json split_path(std::string_view path, base::Arena& arena) {
    json segments = json::array();
    if (!path.starts_with('/') || path == "/") return segments;
    for (const std::string_view segment : base::split(path.substr(1), '/'))
        segments.push_back(std::string{decode_percent(segment, Plus::itself, arena)});
    return segments;
}

// Name to all its values, in their order.
json split_query(std::string_view query, base::Arena& arena) {
    json parameters = json::object();
    if (query.empty()) return parameters;
    for (const std::string_view pair : base::split(query, '&')) {
        if (pair.empty()) continue;
        const size_t equals = pair.find('=');
        const std::string name{decode_percent(pair.substr(0, equals), Plus::space, arena)};
        const std::string_view value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
        parameters[name].push_back(std::string{decode_percent(value, Plus::space, arena)});
    }
    return parameters;
}

// Lower-case name to its lines as one text (RFC 9110 5.3), cookies by semicolons (RFC 9113 8.2.3).
json pick(const codec::HeaderTable& headers, const std::vector<std::string>& send) {
    json picked = json::object();
    for (const codec::Header& header : headers) {
        const auto same = [&](const std::string& name) { return base::iequals(name, header.name); };
        if (!std::ranges::any_of(send, same)) continue;
        json& value = picked[base::lower(header.name)];
        const std::string_view between = header.field == codec::Field::cookie ? "; " : ", ";
        value =
            value.is_null() ? std::string{header.value} : value.get<std::string>().append(between).append(header.value);
    }
    return picked;
}

json identity_of(const RequestContext& context) {
    if (context.identity == nullptr) return nullptr;
    const proxy::Identity& who = *context.identity;
    return {{"method", who.method}, {"subject", who.subject}, {"plan", who.plan},
            {"scopes", who.scopes}, {"roles", who.roles},     {"claims", who.claims}};
}

}  // namespace

std::string make_opa_input(RequestContext& context, const std::vector<std::string>& send) {
    const codec::RequestHead& head = context.head();
    const json input{{"method", std::string{head.method_text}},
                     {"path", split_path(context.path, context.arena)},
                     {"query", split_query(head.query, context.arena)},
                     {"host", std::string{head.authority}},
                     {"scheme", proxy::is_secure(context) ? "https" : "http"},
                     {"headers", pick(head.headers, send)},
                     {"identity", identity_of(context)},
                     {"client", {{"address", std::string{ip_text(context.client_address(), context.arena)}}}},
                     {"route", context.route->rule.name},
                     {"service", context.route->service}};
    // Bytes that are no UTF-8 become U+FFFD: a policy cannot compare them with anything else.
    return json{{"input", input}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace tl::gateway
