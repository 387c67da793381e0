// What a policy counts by: who a request comes from, as far as it can be told. Whoever leaves out what the key asks for
// (a header, a credential) is counted by its address, so that leaving it out lifts nothing.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "proxy/request_context.h"

namespace tl::gateway {

struct CallerKey {
    enum class Kind : uint8_t { client, identity, api_key, claim, header, cookie, route, all };
    Kind kind = Kind::client;
    std::string name;  // of the claim, header or cookie
    bool operator==(const CallerKey&) const = default;
};

// "client", "identity", "api_key", "claim org", "header x-tenant", "cookie sid", "route", "all". The error reads after
// "a key that".
[[nodiscard]] std::expected<CallerKey, std::string> parse_caller_key(std::string_view text);
[[nodiscard]] std::string to_string(const CallerKey& key);

// Who calls, as bytes that differ between callers; lives as long as the request. `shown` tells whether people may see
// them (an address, a subject) or not (what clients say in headers and cookies may be a secret).
struct CallerText {
    std::string_view bytes;
    CallerKey::Kind kind = CallerKey::Kind::client;  // client where the request does not say what the key asks for
};
[[nodiscard]] CallerText caller_of(proxy::RequestContext& context, const CallerKey& key);
// A secret that no caller can guess, new each time.
[[nodiscard]] base::HashKey new_secret();
// Never 0 nor all ones, which mean something to a KeyTable. `secret` is what callers do not know: they cannot make keys
// that meet others'.
[[nodiscard]] uint64_t hash_of(const CallerText& caller, base::HashKey secret);
// For people: "client 192.0.2.1", "api_key alice", "header (8f31c2...)".
[[nodiscard]] std::string show(const CallerText& caller, base::HashKey secret);

}  // namespace tl::gateway
