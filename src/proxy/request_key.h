// Who a request is, for whatever must treat the same one alike: the parts of it that a RequestKey names, hashed. And
// its cookies. Plain functions over the head as the client sent it.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/field_match.h"
#include "proxy/request_context.h"

namespace tl::proxy {

// "client", "path", "header NAME", "cookie NAME"; or what is wrong with it.
[[nodiscard]] std::expected<RequestKey, std::string> parse_request_key(std::string_view text);
[[nodiscard]] std::string to_string(const RequestKey& key);

// Who is connected, without the port: a client's connections are one client.
[[nodiscard]] uint64_t hash_of_client(const net::Address& peer);
// nullopt: the request does not say who it is.
[[nodiscard]] std::optional<uint64_t> hash_of(const RequestContext& context, const RequestKey& key);
// The first cookie of that name (RFC 6265 5.4); nullopt: there is none.
[[nodiscard]] std::optional<std::string_view> find_cookie(const codec::HeaderTable& headers, std::string_view name);
[[nodiscard]] bool all_match(std::span<const FieldMatch> wanted, const codec::HeaderTable& headers);

}  // namespace tl::proxy
