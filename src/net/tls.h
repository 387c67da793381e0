// TLS on top of a stream (OpenSSL 3): versions 1.2 and 1.3 only, as a server and as a client. TlsServer and TlsClient
// are what a handshake needs to know: immutable, made on the control core, shared by all cores, replaced as a whole
// when a certificate changes; a connection keeps the one that it began with. A TlsAcceptor is one core's end of it: it
// counts and bounds handshakes. What comes out is a net::Stream like any other. Certificates: net/certificate.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/certificate.h"
#include "net/stream.h"
#include "net/tls_tickets.h"
#include "rt/cancel.h"
#include "rt/list.h"
#include "rt/task.h"

namespace tl::net {

// What a handshake found. Lives in the stream.
struct TlsInfo {
    std::string_view version;  // "TLSv1.3"
    std::string_view cipher;   // "TLS_AES_128_GCM_SHA256"
    bool resumed = false;
    // Of a client that has shown a certificate that we trust: Hash, Subject, URI and DNS in the form of Envoy's
    // x-forwarded-client-cert; "" without one.
    std::string client;
};

enum class ClientAuth : uint8_t { none, optional, required };

struct TlsServerOptions {
    std::vector<CredentialPtr> credentials;     // at least one; the first is for clients that name none of theirs
    std::vector<std::string> alpn{"http/1.1"};  // best first
    ClientAuth client_auth = ClientAuth::none;
    std::string client_ca;  // PEM text; needed unless client_auth is none
    bool only_13 = false;
    TicketKeysPtr tickets;  // nullptr: no resumption
};

class TlsServer {
  public:
    // The error says which certificate cannot be used, and why.
    [[nodiscard]] static base::Result<std::shared_ptr<const TlsServer>> make(TlsServerOptions options);
    ~TlsServer();
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;

    [[nodiscard]] const TlsServerOptions& options() const { return options_; }

    struct Contexts;  // net/tls_server.cpp
    [[nodiscard]] const Contexts& contexts() const { return *contexts_; }

  private:
    TlsServer();
    TlsServerOptions options_;
    std::unique_ptr<Contexts> contexts_;
};
using TlsServerPtr = std::shared_ptr<const TlsServer>;

struct TlsClientOptions {
    std::string ca;    // PEM text of who may have signed; "": the roots of the system
    std::string name;  // that the certificate must have, and that is asked for (SNI); "": the host of the address
    CredentialPtr credential;  // to show when asked for one
    std::vector<std::string> alpn{"http/1.1"};
};

class TlsClient {
  public:
    [[nodiscard]] static base::Result<std::shared_ptr<const TlsClient>> make(TlsClientOptions options);
    ~TlsClient();
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;

    [[nodiscard]] const TlsClientOptions& options() const { return options_; }

    struct Context;  // net/tls_client.cpp
    [[nodiscard]] const Context& context() const { return *context_; }

  private:
    TlsClient();
    TlsClientOptions options_;
    std::unique_ptr<Context> context_;
};
using TlsClientPtr = std::shared_ptr<const TlsClient>;

// The last session with one server, to be resumed by the next connection. One core.
class TlsSession;
[[nodiscard]] std::shared_ptr<TlsSession> make_tls_session();

// The client's handshake on a connected stream. `host` is a name or an IP; the one of `client` goes first. Errors are
// of side upstream: cert_expired, cert_mismatch, cert_untrusted (each with the date, the name or the issuer),
// handshake, timeout, reset, cancelled. `session` may be nullptr.
[[nodiscard]] rt::Task<base::Result<std::unique_ptr<Stream>>> tls_connect(std::unique_ptr<Stream> lower,
                                                                          TlsClientPtr client, std::string host,
                                                                          std::shared_ptr<TlsSession> session,
                                                                          rt::Wait wait);

struct TlsLimits {
    base::Duration handshake = std::chrono::seconds{10};
    size_t handshakes = 1024;  // at a time, a core and listener; beyond it the one that has lasted longest ends
};

struct TlsStats {
    uint64_t handshakes = 0;  // that succeeded
    uint64_t resumed = 0;     // of those
    uint64_t tls12 = 0;       // of those; the others are 1.3
    uint64_t failed = 0;
    size_t open = 0;  // handshakes now
};

class TlsStream;

class TlsAcceptor {
  public:
    TlsAcceptor(TlsServerPtr server, const TlsLimits& limits) : server_(std::move(server)), limits_(limits) {}
    TlsAcceptor(const TlsAcceptor&) = delete;
    TlsAcceptor& operator=(const TlsAcceptor&) = delete;

    // For handshakes from now on.
    void change(TlsServerPtr server, const TlsLimits& limits) {
        server_ = std::move(server);
        limits_ = limits;
    }

    struct Accepted {
        std::unique_ptr<Stream> stream;   // nullptr: the handshake failed
        std::unique_ptr<Stream> plain;    // the client speaks HTTP without TLS: whoever wants may tell it so
        std::unique_ptr<Stream> refused;  // an alert is on its way; closed at once, the client might never see it
        base::Error error;                // why not; side downstream
    };
    // The server's handshake. Exactly one of the three streams comes back, unless memory was out.
    [[nodiscard]] rt::Task<Accepted> accept(std::unique_ptr<Stream> lower, rt::Cancel* cancel);

    [[nodiscard]] const TlsStats& stats() const { return stats_; }

  private:
    struct Pending : rt::ListNode<Pending> {
        explicit Pending(rt::Cancel* parent) : cancel(parent) {}
        rt::Cancel cancel;
    };
    [[nodiscard]] bool crowded();
    [[nodiscard]] rt::Task<base::Result<void>> shake_hands(TlsStream& stream, rt::Wait wait);
    void count(const TlsStream& stream);

    TlsServerPtr server_;
    TlsLimits limits_;
    TlsStats stats_;
    rt::List<Pending> pending_;  // the oldest first
    base::TimePoint turn_;
    unsigned steps_ = 0;  // in this turn of the loop
};

}  // namespace tl::net
