#include "gateway/identity_headers.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "gateway/auth/strict_json.h"
#include "proxy/identity.h"

namespace tl::gateway {

namespace {

constexpr std::string_view kClaims = "claims.";
constexpr std::array<std::string_view, 5> kWords{"subject", "method", "plan", "scopes", "roles"};

bool may_stand(char c) { return c >= ' ' && c < '\x7f' && c != '%'; }

std::string_view encode(std::string_view value, base::Arena& arena) {
    if (std::ranges::all_of(value, may_stand)) return arena.copy(value);
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : value) {
        const auto byte = static_cast<uint8_t>(c);
        if (may_stand(c)) {
            out += c;
        } else {
            out += {'%', kDigits[byte >> 4], kDigits[byte & 15U]};
        }
    }
    return arena.copy(out);
}

std::string text_of(const nlohmann::json& claim) {
    if (claim.is_string()) return claim.get<std::string>();
    if (!claim.is_array()) return claim.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    std::vector<std::string> parts;
    for (const nlohmann::json& one : claim) parts.push_back(text_of(one));
    return base::join(parts, ",");
}

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::ranges::equal(a, b, [](char x, char y) {
               return base::to_lower(x == '_' ? '-' : x) == base::to_lower(y == '_' ? '-' : y);
           });
}

}  // namespace

std::optional<std::string> check_identity_source(std::string_view from) {
    const bool claim = from.starts_with(kClaims) && from.size() > kClaims.size();
    if (claim || std::ranges::find(kWords, from) != kWords.end()) return std::nullopt;
    return "is none of subject, method, plan, scopes, roles and claims.NAME";
}

std::string_view identity_value(const proxy::Identity& identity, std::string_view from, base::Arena& arena) {
    if (from == "subject") return encode(identity.subject, arena);
    if (from == "method") return encode(identity.method, arena);
    if (from == "plan") return encode(identity.plan, arena);
    if (from == "scopes") return encode(base::join(identity.scopes, ","), arena);
    if (from == "roles") return encode(base::join(identity.roles, ","), arena);
    const nlohmann::json* const claim = find_path(identity.claims, from.substr(kClaims.size()));
    return claim == nullptr || claim->is_null() ? std::string_view{} : encode(text_of(*claim), arena);
}

bool ForgedHeadersFilter::is_ours(std::string_view name) const {
    return std::ranges::any_of(names_, [&](const std::string& ours) { return same_name(ours, name); });
}

proxy::Filter::Verdict ForgedHeadersFilter::on_request(proxy::RequestContext& context) const {
    bool hides = false;
    context.head().headers.remove_if([&](const codec::Header& header) {
        if (header.field == codec::Field::connection) {
            for (const std::string_view option : base::split(header.value, ',')) hides |= is_ours(base::trim(option));
        }
        return header.field == codec::Field::other && is_ours(header.name);
    });
    if (!hides) return Verdict::proceed;
    context.refusal = {proxy::Cause::bad_request, "Connection names a header that the gateway sets"};
    return Verdict::refuse;
}

}  // namespace tl::gateway
