// The client's part of net/tls.h: who is trusted, whom the certificate must name, resumption.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>

#include "base/text.h"
#include "net/credential.h"
#include "net/tls_settings.h"
#include "net/tls_stream.h"

namespace tl::net {

struct TlsClient::Context {
    SslContextPtr context;
};

namespace {

bool is_ip(const std::string& host) {
    std::array<unsigned char, sizeof(in6_addr)> raw{};
    return inet_pton(AF_INET, host.c_str(), raw.data()) == 1 || inet_pton(AF_INET6, host.c_str(), raw.data()) == 1;
}

std::string names_of(const CertificateFacts& facts) {
    constexpr size_t kShown = 5;
    if (facts.names.empty()) return facts.subject;
    std::vector<std::string> shown{facts.names.begin(),
                                   facts.names.begin() + static_cast<ptrdiff_t>(std::min(kShown, facts.names.size()))};
    if (facts.names.size() > kShown) shown.push_back(fmt::format("{} more", facts.names.size() - kShown));
    return base::join(shown, ", ");
}

// The sentence that a person needs to put it right, with the date, the name or the issuer in it.
base::Error explain(int why, X509* shown, const std::string& wanted) {
    const CertificateFacts facts = shown != nullptr ? facts_of(shown) : CertificateFacts{};
    const std::string whose = shown != nullptr ? base::printable(facts.subject) : "the service";
    switch (why) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return {.code = base::Code::cert_expired,
                    .context = fmt::format("the certificate of {} expired on {}", whose, to_date(facts.until))};
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return {.code = base::Code::cert_expired,
                    .context = fmt::format("the certificate of {} is valid from {} only", whose, to_date(facts.from))};
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return {.code = base::Code::cert_mismatch,
                    .context = fmt::format("the certificate is for {}, not for {}", base::printable(names_of(facts)),
                                           base::printable(wanted))};
        default:
            return {.code = base::Code::cert_untrusted,
                    .context = fmt::format("the certificate of {}, issued by {}, is not trusted ({}); give the "
                                           "authority's certificate as \"ca\"",
                                           whose, base::printable(facts.issuer), X509_verify_cert_error_string(why))};
    }
}

int check_server(int good, X509_STORE_CTX* verification) {
    if (good == 1) return 1;
    const auto* const ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
    TlsStream& stream = TlsStream::of(ssl);
    stream.complain(explain(X509_STORE_CTX_get_error(verification), X509_STORE_CTX_get_current_cert(verification),
                            stream.wanted()));
    return 0;
}

// A session that the server has given us; we own it when we say 1.
int keep_session(SSL* ssl, SSL_SESSION* session) {
    TlsSession* const place = TlsStream::of(ssl).session();
    if (place == nullptr) return 0;
    place->session.reset(session);
    return 1;
}

// Where systems keep their roots. One file is read once; OpenSSL's folder would be searched within each handshake.
base::Result<void> trust_system(SSL_CTX* context) {
    const char* const named = std::getenv("SSL_CERT_FILE");
    for (const char* file :
         {named, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}) {
        if (file != nullptr && SSL_CTX_load_verify_file(context, file) == 1) return {};
    }
    const bool found = SSL_CTX_set_default_verify_paths(context) == 1;
    ERR_clear_error();
    if (found) return {};
    return base::fail(base::Code::not_found, "this system has no roots of trust (the package ca-certificates)");
}

base::Result<void> set_up(SSL_CTX* context, const TlsClientOptions& options) {
    if (options.ca.empty()) {
        TL_TRY(trust_system(context));
    } else {
        TL_TRY(trust(context, options.ca));
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, check_server);
    if (options.credential != nullptr) TL_TRY(use_credential(context, *options.credential));
    const std::string protocols = alpn_wire(options.alpn);
    if (!protocols.empty()) {
        SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(protocols.data()),
                                static_cast<unsigned>(protocols.size()));
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    return {};
}

// Whom we ask for, and whom the certificate must name.
bool expect(SSL* ssl, const std::string& host) {
    X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl);
    if (is_ip(host)) return X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1;
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 &&
           X509_VERIFY_PARAM_set1_host(rules, host.data(), host.size()) == 1;
}

base::Error at_upstream(base::Error error) {
    error.side = base::Side::upstream;
    return error;
}

}  // namespace

TlsClient::TlsClient() : context_(std::make_unique<Context>()) {}
TlsClient::~TlsClient() = default;

base::Result<std::shared_ptr<const TlsClient>> TlsClient::make(TlsClientOptions options) {
    auto context = make_context(TlsEnd::client, false);
    if (!context) return base::fail(std::move(context.error()));
    TL_TRY(set_up(context->get(), options));
    const std::shared_ptr<TlsClient> client{new TlsClient};
    client->context_->context = std::move(*context);
    client->options_ = std::move(options);
    return client;
}

std::shared_ptr<TlsSession> make_tls_session() { return std::make_shared<TlsSession>(); }

rt::Task<base::Result<std::unique_ptr<Stream>>> tls_connect(std::unique_ptr<Stream> lower, TlsClientPtr client,
                                                            std::string host, std::shared_ptr<TlsSession> session,
                                                            rt::Wait wait) {
    if (!client->options().name.empty()) host = client->options().name;
    SSL* const ssl = SSL_new(client->context().context.get());
    if (ssl == nullptr) co_return base::fail(base::Code::internal, "no memory for TLS");
    auto stream = std::make_unique<TlsStream>(std::move(lower), ssl, client);
    SSL_set_connect_state(ssl);
    if (!expect(ssl, host)) {
        co_return base::fail(base::Code::invalid, fmt::format("{} is no name for TLS", base::printable(host)));
    }
    if (session != nullptr && session->session != nullptr) SSL_set_session(ssl, session->session.get());
    stream->ask_for(std::move(host), std::move(session));
    bool waits_for_write = false;
    for (;;) {
        auto done = stream->step(waits_for_write);
        if (!done) co_return base::fail(at_upstream(std::move(done.error())));
        if (*done) break;
        rt::Wake wake = rt::Wake::ready;
        if (waits_for_write) {
            wake = co_await stream->readiness().wait_writable(wait);
        } else {
            wake = co_await stream->readiness().wait_readable(wait);
        }
        if (wake != rt::Wake::ready) co_return base::fail(at_upstream(rt::wake_error(wake, "the TLS handshake")));
    }
    stream->settle({});
    co_return stream;
}

}  // namespace tl::net
