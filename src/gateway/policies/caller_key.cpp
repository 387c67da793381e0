#include "gateway/policies/caller_key.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <array>
#include <cstring>

#include "base/random.h"
#include "base/text.h"
#include "proxy/identity.h"
#include "proxy/request_key.h"

namespace tl::gateway {

using Kind = CallerKey::Kind;

namespace {

struct KindWord {
    std::string_view word;
    Kind kind;
    bool named;  // a name follows
};
constexpr std::array<KindWord, 8> kWords{{{"client", Kind::client, false},
                                          {"identity", Kind::identity, false},
                                          {"api_key", Kind::api_key, false},
                                          {"claim", Kind::claim, true},
                                          {"header", Kind::header, true},
                                          {"cookie", Kind::cookie, true},
                                          {"route", Kind::route, false},
                                          {"all", Kind::all, false}}};

const KindWord& word_of(Kind kind) {
    for (const KindWord& one : kWords) {
        if (one.kind == kind) return one;
    }
    return kWords[0];
}

// Without the port: a client's connections are one client. Of IPv6 the /64, of which a client has all addresses.
std::string_view client_bytes(proxy::RequestContext& context) {
    const sockaddr* const raw = context.client_address().raw();
    const auto bytes = [&](const void* from, size_t size) {
        return context.arena.copy({static_cast<const char*>(from), size});
    };
    if (raw->sa_family == AF_INET) return bytes(&reinterpret_cast<const sockaddr_in*>(raw)->sin_addr, 4);
    if (raw->sa_family != AF_INET6) return "local";
    const in6_addr& address = reinterpret_cast<const sockaddr_in6*>(raw)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address)) return bytes(&address.s6_addr[12], 4);
    return bytes(&address, 8);
}

// Empty: the request does not say.
std::string_view claim_bytes(proxy::RequestContext& context, const std::string& name) {
    if (context.identity == nullptr) return {};
    const auto found = context.identity->claims.find(name);
    if (found == context.identity->claims.end() || found->is_null()) return {};
    if (found->is_string()) return context.arena.copy(found->get_ref<const std::string&>());
    return context.arena.copy(found->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string_view identity_bytes(proxy::RequestContext& context, bool only_keys) {
    const proxy::Identity* const who = context.identity.get();
    if (who == nullptr || who->subject.empty()) return {};
    if (only_keys && who->method != "api_key") return {};
    // The same subject of another method is somebody else.
    return only_keys ? std::string_view{who->subject} : context.arena.concat(who->method, " ", who->subject);
}

std::string_view said_by(proxy::RequestContext& context, const CallerKey& key) {
    switch (key.kind) {
        case Kind::client: return client_bytes(context);
        case Kind::identity: return identity_bytes(context, false);
        case Kind::api_key: return identity_bytes(context, true);
        case Kind::claim: return claim_bytes(context, key.name);
        case Kind::header: {
            const codec::Header* const header = context.head().headers.find(key.name);
            return header == nullptr ? std::string_view{} : header->value;
        }
        case Kind::cookie: return proxy::find_cookie(context.head().headers, key.name).value_or(std::string_view{});
        case Kind::route: return context.route->rule.name;
        case Kind::all: return "all";
    }
    return {};
}

std::string show_client(std::string_view bytes) {
    const auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
    if (bytes.size() == 4) return fmt::format("{}.{}.{}.{}", at(0), at(1), at(2), at(3));
    if (bytes.size() != 8) return std::string{bytes};
    return fmt::format("{:x}:{:x}:{:x}:{:x}::/64", at(0) << 8 | at(1), at(2) << 8 | at(3), at(4) << 8 | at(5),
                       at(6) << 8 | at(7));
}

}  // namespace

std::expected<CallerKey, std::string> parse_caller_key(std::string_view text) {
    std::vector<std::string> words;
    for (const KindWord& one : kWords) words.emplace_back(one.word);
    const size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    const std::string_view name = space == std::string_view::npos ? "" : base::trim(text.substr(space));
    for (const KindWord& one : kWords) {
        if (one.word != word) continue;
        if (one.named && !codec::is_token(name)) {
            return std::unexpected(fmt::format("must name it, such as {} x", word));
        }
        if (!one.named && !name.empty())
            return std::unexpected(fmt::format("is \"{}\" and has no name behind it", word));
        return CallerKey{.kind = one.kind, .name = std::string{name}};
    }
    const std::string_view meant = base::nearest(word, words);
    if (!meant.empty()) return std::unexpected(fmt::format("is not known; did you mean \"{}\"?", meant));
    return std::unexpected(
        "is not known; it is client, identity, api_key, claim NAME, header NAME, cookie NAME, route or all");
}

std::string to_string(const CallerKey& key) {
    const std::string word{word_of(key.kind).word};
    return key.name.empty() ? word : word + " " + key.name;
}

CallerText caller_of(proxy::RequestContext& context, const CallerKey& key) {
    const std::string_view said = said_by(context, key);
    if (!said.empty()) return {said, key.kind};
    return {client_bytes(context), Kind::client};
}

base::HashKey new_secret() {
    base::HashKey secret;
    const std::string bytes = base::random_bytes(sizeof secret);
    std::memcpy(&secret, bytes.data(), sizeof secret);
    return secret;
}

uint64_t hash_of(const CallerText& caller, base::HashKey secret) {
    // Kinds do not meet: a header that says 4 bytes is not the client with that address.
    secret.high ^= base::mix(static_cast<uint64_t>(caller.kind) + 1);
    const uint64_t hashed = base::hash(caller.bytes, secret);
    return hashed == 0 || hashed == ~uint64_t{0} ? 1 : hashed;
}

std::string show(const CallerText& caller, base::HashKey secret) {
    const std::string_view word = word_of(caller.kind).word;
    switch (caller.kind) {
        case Kind::client: return fmt::format("{} {}", word, show_client(caller.bytes));
        case Kind::header:
        case Kind::cookie:
        case Kind::claim: return fmt::format("{} ({})", word, base::hex64(hash_of(caller, secret)).substr(0, 12));
        case Kind::all: return "all";
        default: return fmt::format("{} {}", word, base::printable(caller.bytes, 64));
    }
}

}  // namespace tl::gateway
