// How an issuer of tokens is asked: one request by https (plain http to this machine only), with a deadline and a cap
// on the answer, on the core that the resolver belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/resolver.h"
#include "net/tls.h"

namespace tl::gateway {

// The pieces of an http or https URL; nullopt for what is none. Plain http only to this machine.
struct Url {
    bool tls = true;
    std::string host;  // without brackets
    uint16_t port = 443;
    std::string target;     // path and query
    std::string authority;  // as Host says it
};
[[nodiscard]] std::optional<Url> parse_key_url(std::string_view text);

// Where an issuer's discovery document is (OpenID Connect Discovery 1.0, 4).
[[nodiscard]] std::string discovery_url(std::string_view issuer);

struct IssuerRequest {
    std::string url;
    std::string ca;                     // PEM file of who may have signed the certificate; "": the system's roots
    net::Resolver* resolver = nullptr;  // of this core; nullptr: an error
    std::string form;                   // what is posted, as application/x-www-form-urlencoded; "": GET
    std::vector<std::pair<std::string, std::string>> headers{};
    size_t most = 512 << 10;  // bytes of the answer
};
struct IssuerAnswer {
    uint16_t status = 0;
    std::string body;
};
// Errors: invalid (no such URL, no such file), unreachable and whatever a connection may suffer. A post is tried at
// another address only where none could be connected to.
[[nodiscard]] rt::Task<base::Result<IssuerAnswer>> ask_issuer(IssuerRequest request, rt::Wait wait);
// The body of a GET that was answered with 200.
[[nodiscard]] rt::Task<base::Result<std::string>> get_from_issuer(IssuerRequest request, rt::Wait wait);

}  // namespace tl::gateway
