#include "gateway/policies/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "codec/http1.h"
#include "gateway/client_ip.h"
#include "proxy/client.h"
#include "proxy/identity.h"

namespace tl::gateway {

using proxy::RequestContext;
using Source = Template::Source;

namespace {

struct Known {
    std::string_view name;  // a final dot: a name follows
    Source source;
};
constexpr std::array<Known, 20> kKnown{{
    {"request.method", Source::request_method},
    {"request.path", Source::request_path},
    {"request.query", Source::request_query},
    {"request.host", Source::request_host},
    {"request.scheme", Source::request_scheme},
    {"path.", Source::path},
    {"query.", Source::query},
    {"header.", Source::header},
    {"cookie.", Source::cookie},
    {"client.ip", Source::client_ip},
    {"identity.subject", Source::identity_subject},
    {"identity.method", Source::identity_method},
    {"identity.plan", Source::identity_plan},
    {"identity.scopes", Source::identity_scopes},
    {"identity.roles", Source::identity_roles},
    {"claim.", Source::claim},
    {"trace.id", Source::trace_id},
    {"route.name", Source::route},
    {"route.service", Source::service},
    {"response.status", Source::response_status},
}};

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char low = base::to_lower(c);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

bool is_unreserved(char c) {
    const char low = base::to_lower(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

bool must_code(char c, Template::Target target) {
    if (target == Template::Target::query || target == Template::Target::parameter) return !is_unreserved(c);
    if (target == Template::Target::document) return false;
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// What a pattern's parameter took.
std::string_view path_value(const RequestContext& context, std::string_view name) {
    size_t index = 0;
    for (const proxy::Segment& segment : context.route->rule.path.segments()) {
        if (segment.kind == proxy::Segment::Kind::rest && name == "*") return context.match.rest;
        if (segment.kind != proxy::Segment::Kind::param) continue;
        if (segment.text == name) return index < context.match.count ? context.match.params[index] : "";
        ++index;
    }
    return {};
}

// RFC 6265 5.4: "a=1; b=2", in one line or several. The first of that name counts.
std::string_view cookie_value(const codec::HeaderTable& headers, std::string_view name) {
    for (const codec::Header& header : headers) {
        if (header.field != codec::Field::cookie) continue;
        for (const std::string_view pair : base::split(header.value, ';')) {
            const size_t equals = pair.find('=');
            if (equals == std::string_view::npos || base::trim(pair.substr(0, equals)) != name) continue;
            return base::trim(pair.substr(equals + 1));
        }
    }
    return {};
}

// A whole name goes before a way into objects: "address.country" may be either.
const nlohmann::json* find_claim(const nlohmann::json& claims, std::string_view name) {
    if (!claims.is_object()) return nullptr;
    if (const auto found = claims.find(name); found != claims.end()) return &*found;
    const size_t dot = name.find('.');
    if (dot == std::string_view::npos) return nullptr;
    const auto outer = claims.find(name.substr(0, dot));
    return outer == claims.end() ? nullptr : find_claim(*outer, name.substr(dot + 1));
}

std::string claim_text(const nlohmann::json& claim) {
    if (claim.is_null()) return {};
    if (claim.is_string()) return claim.get<std::string>();
    if (!claim.is_array()) return claim.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    std::string all;
    for (const nlohmann::json& one : claim) all += (all.empty() ? "" : ",") + claim_text(one);
    return all;
}

std::string identity_text(const RequestContext& context, Source source, const std::string& name) {
    if (context.identity == nullptr) return {};
    const proxy::Identity& identity = *context.identity;
    switch (source) {
        case Source::identity_subject: return identity.subject;
        case Source::identity_method: return identity.method;
        case Source::identity_plan: return identity.plan;
        case Source::identity_scopes: return base::join(identity.scopes, " ");
        case Source::identity_roles: return base::join(identity.roles, ",");
        default: break;
    }
    const nlohmann::json* const claim = find_claim(identity.claims, name);
    return claim == nullptr ? std::string{} : claim_text(*claim);
}

std::string value_of(RequestContext& context, Source source, const std::string& name, uint16_t status) {
    const codec::RequestHead& head = context.head();
    switch (source) {
        case Source::literal: return name;
        case Source::request_method: return std::string{head.method_text};
        case Source::request_path: return std::string{context.path};
        case Source::request_query: return std::string{head.query};
        case Source::request_host: return std::string{head.authority};
        case Source::request_scheme: return proxy::is_secure(context) ? "https" : "http";
        case Source::path: return std::string{decode_percent(path_value(context, name), Plus::itself, context.arena)};
        case Source::query: return std::string{query_value(head.query, name, context.arena)};
        case Source::header: {
            const codec::Header* const found = head.headers.find(name);
            return found == nullptr ? std::string{} : std::string{found->value};
        }
        case Source::cookie: return std::string{cookie_value(head.headers, name)};
        case Source::client_ip: return std::string{ip_text(context.client_address(), context.arena)};
        case Source::trace_id: return telemetry::to_hex(context.trace.trace);
        case Source::route: return context.route->rule.name;
        case Source::service: return context.route->service;
        case Source::response_status: return fmt::to_string(status);
        default: return identity_text(context, source, name);
    }
}

std::vector<std::string> known_names(bool response) {
    std::vector<std::string> names;
    for (const Known& one : kKnown) {
        if (one.source == Source::response_status && !response) continue;
        names.emplace_back(one.name);
    }
    return names;
}

}  // namespace

void Template::append_coded(std::string& out, std::string_view text, Target target) {
    for (const char c : text) {
        if (must_code(c, target)) {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        } else {
            out += c;
        }
    }
}

std::string_view decode_percent(std::string_view text, Plus plus, base::Arena& arena) {
    if (text.find_first_of(plus == Plus::space ? "%+" : "%") == std::string_view::npos) return text;
    char* const out = arena.allocate(text.size());
    size_t size = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            out[size++] = static_cast<char>((high * 16) + low);
            i += 2;
        } else {
            out[size++] = text[i] == '+' && plus == Plus::space ? ' ' : text[i];
        }
    }
    return {out, size};
}

std::string_view query_value(std::string_view query, std::string_view name, base::Arena& arena) {
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        const size_t equals = pair.find('=');
        if (decode_percent(pair.substr(0, equals), Plus::space, arena) != name) continue;
        if (equals == std::string_view::npos) return "";
        return decode_percent(pair.substr(equals + 1), Plus::space, arena);
    }
    return {};
}

std::expected<Template::Part, std::string> Template::parse_name(std::string_view name, bool response) {
    for (const Known& one : kKnown) {
        if (one.source == Source::response_status && !response) continue;
        if (!one.name.ends_with('.')) {
            if (name == one.name) return Part{one.source, {}};
            continue;
        }
        if (!name.starts_with(one.name)) continue;
        const std::string_view rest = name.substr(one.name.size());
        if (rest.empty()) return std::unexpected(fmt::format("must say which, such as {{{}name}}", one.name));
        if (one.source == Source::header && !codec::is_token(rest))
            return std::unexpected(fmt::format("names the header \"{}\", which can be none", rest));
        return Part{one.source, std::string{rest}};
    }
    const std::vector<std::string> names = known_names(response);
    // "clam.sub" means claim.: its first word alone is compared with those that take a name.
    const std::string_view first = name.substr(0, std::min(name.size(), name.find('.') + 1));
    std::string_view near = base::nearest(name, names);
    if (near.empty() && !first.empty()) near = base::nearest(first, names);
    if (near.empty()) {
        return std::unexpected(
            fmt::format("names {{{}}}, which is nothing of a request; write {{{{ for a brace", base::printable(name)));
    }
    const std::string_view rest = near.ends_with('.') ? name.substr(std::min(name.size(), first.size())) : "";
    return std::unexpected(fmt::format("names {{{}}}, which is nothing of a request; did you mean {{{}{}}}?",
                                       base::printable(name), near, base::printable(rest)));
}

std::expected<Template, std::string> Template::parse_for(std::string_view text, bool response) {
    Template made;
    made.text_ = text;
    std::string literal;
    const auto end_literal = [&] {
        if (!literal.empty()) made.parts_.push_back({Source::literal, std::exchange(literal, {})});
    };
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool doubled = i + 1 < text.size() && text[i + 1] == c;
        if (must_code(c, Target::header)) return std::unexpected("must not hold control characters");
        if ((c == '{' || c == '}') && doubled) {
            literal += c;
            ++i;
        } else if (c == '}') {
            return std::unexpected("has a \"}\" without \"{\"; write }} for a brace");
        } else if (c == '{') {
            const size_t close = text.find('}', i);
            if (close == std::string_view::npos)
                return std::unexpected("has a \"{\" without \"}\"; write {{ for a brace");
            end_literal();
            auto part = parse_name(text.substr(i + 1, close - i - 1), response);
            if (!part) return std::unexpected(std::move(part.error()));
            made.parts_.push_back(std::move(*part));
            i = close;
        } else {
            literal += c;
        }
    }
    end_literal();
    return made;
}

std::expected<Template, std::string> Template::parse(std::string_view text) { return parse_for(text, false); }
std::expected<Template, std::string> Template::parse_response(std::string_view text) { return parse_for(text, true); }

std::string_view Template::expand(RequestContext& context, Target target, uint16_t status) const {
    std::string out;
    bool said = parts_.empty();
    bool asked = false;
    for (const Part& part : parts_) {
        if (part.source == Source::literal) {
            if (target == Target::parameter) {
                append_coded(out, part.text, target);
            } else {
                out += part.text;
            }
            continue;
        }
        asked = true;
        const std::string value = value_of(context, part.source, part.text, status);
        said = said || !value.empty();
        append_coded(out, value, target);
    }
    if (asked && !said) return {};
    // What surrounds a header's value is no part of it (RFC 9110 5.5).
    return context.arena.copy(target == Target::header ? base::trim(out) : std::string_view{out});
}

void Template::check(const proxy::PathPattern& path, manifest::Position at, manifest::Diagnostics& diagnostics) const {
    std::vector<std::string> names;
    for (const proxy::Segment& segment : path.segments()) {
        if (segment.kind == proxy::Segment::Kind::param) names.push_back(segment.text);
        if (segment.kind == proxy::Segment::Kind::rest) names.emplace_back("*");
    }
    for (const Part& part : parts_) {
        if (part.source != Source::path || std::ranges::find(names, part.text) != names.end()) continue;
        const std::string_view near = base::nearest(part.text, names);
        diagnostics.error(
            at, fmt::format("{{path.{}}} is no part of the path {}", part.text, path.text()),
            near.empty() ? "name one of its {parameters}" : fmt::format("did you mean {{path.{}}}?", near));
    }
}

}  // namespace tl::gateway
