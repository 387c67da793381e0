#include "proxy/request_key.h"

#include <netinet/in.h>

#include <algorithm>

#include "base/text.h"
#include "proxy/route_match.h"

namespace tl::proxy {

using codec::Field;
using Kind = RequestKey::Kind;

std::expected<RequestKey, std::string> parse_request_key(std::string_view text) {
    if (text == "client") return RequestKey{};
    if (text == "path") return RequestKey{.kind = Kind::path, .name = {}};
    const size_t space = text.find(' ');
    const std::string_view kind = text.substr(0, space);
    const std::string_view name = space == std::string_view::npos ? "" : base::trim(text.substr(space));
    if (kind != "header" && kind != "cookie") return std::unexpected("");
    if (!codec::is_token(name)) return std::unexpected("must name it, such as " + std::string{kind} + " x-user");
    return RequestKey{.kind = kind == "header" ? Kind::header : Kind::cookie, .name = std::string{name}};
}

std::string to_string(const RequestKey& key) {
    switch (key.kind) {
        case Kind::client: return "client";
        case Kind::path: return "path";
        case Kind::header: return "header " + key.name;
        case Kind::cookie: return "cookie " + key.name;
    }
    return "";
}

uint64_t hash_of_client(const net::Address& peer) {
    const sockaddr* const raw = peer.raw();
    const auto bytes = [](const auto& part) {
        return std::string_view{reinterpret_cast<const char*>(&part), sizeof part};
    };
    if (raw->sa_family == AF_INET) return base::hash(bytes(reinterpret_cast<const sockaddr_in*>(raw)->sin_addr));
    if (raw->sa_family == AF_INET6) return base::hash(bytes(reinterpret_cast<const sockaddr_in6*>(raw)->sin6_addr));
    return 0;
}

std::optional<uint64_t> hash_of(const RequestContext& context, const RequestKey& key) {
    switch (key.kind) {
        case Kind::client: return hash_of_client(context.exchange->peer());
        case Kind::path: return base::hash(context.path);
        case Kind::header: {
            const codec::Header* const header = context.head().headers.find(key.name);
            if (header == nullptr) return std::nullopt;
            return base::hash(header->value);
        }
        case Kind::cookie: {
            const auto value = find_cookie(context.head().headers, key.name);
            if (!value) return std::nullopt;
            return base::hash(*value);
        }
    }
    return std::nullopt;
}

std::optional<std::string_view> find_cookie(const codec::HeaderTable& headers, std::string_view name) {
    for (const codec::Header& header : headers) {
        if (header.field != Field::cookie) continue;
        std::string_view left = header.value;
        while (!left.empty()) {
            const size_t end = std::min(left.find(';'), left.size());
            const std::string_view pair = base::trim(left.substr(0, end));
            const size_t equals = pair.find('=');
            if (equals != std::string_view::npos && pair.substr(0, equals) == name) return pair.substr(equals + 1);
            left.remove_prefix(std::min(end + 1, left.size()));
        }
    }
    return std::nullopt;
}

bool all_match(std::span<const FieldMatch> wanted, const codec::HeaderTable& headers) {
    return std::ranges::all_of(
        wanted, [&](const FieldMatch& one) { return header_matches(one, codec::lookup_field(one.name), headers); });
}

}  // namespace tl::proxy
