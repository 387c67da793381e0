// Certificates and connected TLS pairs for unit tests, made on the spot. Of tests only.
#pragma once

#include <gtest/gtest.h>

#include <chrono>

#include "net/issuer.h"
#include "net/tls.h"
#include "rt/event.h"
#include "rt/gate.h"

namespace tl::net {

inline constexpr auto kDay = std::chrono::hours{24};

inline Validity valid_from_to(int from_days, int to_days) {
    const base::WallTime now = base::wall_now();
    return {now + kDay * from_days, now + kDay * to_days};
}

// An authority and what it signs.
struct TestAuthority {
    IssuedCertificate root = make_authority("test root", valid_from_to(-1, 30)).value();

    [[nodiscard]] IssuedCertificate sign(const std::vector<std::string>& names, Validity valid) const {
        return issue_certificate(root, names, valid).value();
    }
    [[nodiscard]] CredentialPtr credential(const std::vector<std::string>& names) const {
        return credential(names, valid_from_to(-1, 10));
    }
    [[nodiscard]] CredentialPtr credential(const std::vector<std::string>& names, Validity valid) const {
        const IssuedCertificate issued = sign(names, valid);
        return Credential::parse(issued.certificate, issued.key).value();
    }
    [[nodiscard]] TlsServerPtr server(const std::vector<std::string>& names) const {
        return TlsServer::make({.credentials = {credential(names)}, .client_ca = {}, .tickets = nullptr}).value();
    }
    [[nodiscard]] TlsClientPtr client() const {
        return TlsClient::make({.ca = root.certificate, .name = {}, .credential = nullptr}).value();
    }
};

// Both ends of a handshake that has been made, or has failed.
struct TlsPair {
    TlsAcceptor::Accepted server;
    base::Result<std::unique_ptr<Stream>> client = base::fail(base::Code::internal, "not connected");

    [[nodiscard]] bool good() const { return server.stream != nullptr && client.has_value(); }
};

inline rt::Wait soon() { return rt::this_loop().within(std::chrono::seconds{5}); }

// Shakes hands over `lower`, whose first end is the server's.
inline rt::Task<TlsPair> shake_hands(std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> lower,
                                     TlsAcceptor& acceptor, TlsClientPtr client, std::string host,
                                     std::shared_ptr<TlsSession> session = nullptr) {
    TlsPair pair;
    rt::Gate gate;
    const auto accept = [](TlsAcceptor& by, std::unique_ptr<Stream> stream, TlsPair& into) -> rt::Task<void> {
        into.server = co_await by.accept(std::move(stream), nullptr);
    };
    gate.spawn("accept", accept(acceptor, std::move(lower.first), pair));
    pair.client =
        co_await tls_connect(std::move(lower.second), std::move(client), std::move(host), std::move(session), soon());
    co_await gate.closed();
    co_return pair;
}

inline rt::Task<TlsPair> shake_hands(TlsServerPtr server, TlsClientPtr client, std::string host) {
    TlsAcceptor acceptor{std::move(server), {}};
    auto pair = co_await shake_hands(Stream::pair().value(), acceptor, std::move(client), std::move(host));
    co_return pair;
}

// What arrives until the end; the error's message behind it when there is one.
inline rt::Task<std::string> read_to_end(Stream& stream) {
    std::string all;
    char bytes[4096];
    for (;;) {
        const auto got = co_await stream.read_some(bytes, soon());
        if (!got) co_return all + " / " + got.error().message();
        if (*got == 0) co_return all;
        all.append(bytes, *got);
    }
}

inline void on_loop(rt::Task<void> (*story)()) {
    rt::Loop loop;
    loop.run_until_done(story());
}

}  // namespace tl::net
