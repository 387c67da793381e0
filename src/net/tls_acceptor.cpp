// The server's handshake (net/tls.h).
#include <fmt/format.h>

#include <bit>

#include "base/log.h"
#include "base/text.h"
#include "net/credential.h"
#include "net/tls_server.h"

namespace tl::net {

namespace {

// Handshakes are the one thing here that costs a core a tenth of a millisecond and more: after so many steps in a turn,
// requests in flight have theirs.
constexpr unsigned kStepsPerTurn = 8;

void add_value(std::string& text, std::string_view key, std::string_view value) {
    const bool quoted = value.find_first_of(",;=") != std::string_view::npos;
    const std::string_view quote = quoted ? "\"" : "";
    text += fmt::format(";{}={}{}{}", key, quote, value, quote);
}

// Who the client is, as services are told: the form of Envoy's x-forwarded-client-cert, which many can read. Subjects
// come escaped, and names with quotes are left out (net/certificate.cpp), so nothing in them can end a value.
std::string client_words(const SSL* ssl) {
    X509* const certificate = SSL_get0_peer_certificate(ssl);
    if (certificate == nullptr) return {};
    const CertificateFacts facts = facts_of(certificate);
    std::string text = fmt::format("Hash={};Subject=\"{}\"", facts.sha256, facts.subject);
    for (const std::string& uri : facts.uris) add_value(text, "URI", uri);
    for (const std::string& name : facts.names) add_value(text, "DNS", name);
    return text;
}

// The first failures are worth a line each; of a flood every doubling is.
void tell(const base::Error& error, const Address& peer, uint64_t failed) {
    if (!std::has_single_bit(failed)) return;
    TL_LOG(info, "tls", "a handshake with {} failed: {} ({} so far on this thread)", peer.ip(),
           base::printable(error.message()), failed);
}

}  // namespace

// True when it is others' turn first.
bool TlsAcceptor::crowded() {
    const base::TimePoint now = rt::this_loop().now();
    if (turn_ != now) steps_ = 0;
    turn_ = now;
    return ++steps_ > kStepsPerTurn;
}

rt::Task<base::Result<void>> TlsAcceptor::shake_hands(TlsStream& stream, rt::Wait wait) {
    bool waits_for_write = false;
    for (;;) {
        while (crowded()) co_await rt::yield();
        auto done = stream.step(waits_for_write);
        if (!done) co_return base::fail(std::move(done.error()));
        if (*done) co_return base::Result<void>{};
        rt::Wake wake = rt::Wake::ready;
        if (waits_for_write) {
            wake = co_await stream.readiness().wait_writable(wait);
        } else {
            wake = co_await stream.readiness().wait_readable(wait);
        }
        if (wake != rt::Wake::ready) co_return base::fail(rt::wake_error(wake, "the TLS handshake"));
    }
}

void TlsAcceptor::count(const TlsStream& stream) {
    ++stats_.handshakes;
    if (stream.tls()->resumed) ++stats_.resumed;
    if (stream.tls()->version == "TLSv1.2") ++stats_.tls12;
}

rt::Task<TlsAcceptor::Accepted> TlsAcceptor::accept(std::unique_ptr<Stream> lower, rt::Cancel* cancel) {
    Accepted result;
    const TlsServerPtr server = server_;
    SSL* const ssl = SSL_new(server->contexts().fallback);
    if (ssl == nullptr) {
        ++stats_.failed;
        result.error = {.code = base::Code::internal, .context = "no memory for TLS"};
        co_return result;
    }
    auto stream = std::make_unique<TlsStream>(std::move(lower), ssl, server);
    SSL_set_accept_state(ssl);
    // Those that hold a place longest are the likeliest to be there for nothing else.
    if (stats_.open >= limits_.handshakes) {
        if (Pending* const oldest = pending_.pop_front()) oldest->cancel.request();
    }
    Pending pending{cancel};
    pending_.push_back(pending);
    ++stats_.open;
    const auto done = co_await shake_hands(
        *stream, {base::deadline_after(rt::this_loop().now(), limits_.handshake), &pending.cancel});
    --stats_.open;
    if (done) {
        stream->settle(client_words(ssl));
        count(*stream);
        result.stream = std::move(stream);
        co_return result;
    }
    ++stats_.failed;
    result.error = base::Error{done.error()}.at(base::Side::downstream);
    tell(result.error, stream->peer(), stats_.failed);
    if (stream->peer_speaks_http()) {
        result.plain = stream->give_back();
    } else {
        result.refused = std::move(stream);
    }
    co_return result;
}

}  // namespace tl::net
