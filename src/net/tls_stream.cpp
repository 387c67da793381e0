#include "net/tls_stream.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tl::net {

namespace {

// A record holds at most this much (RFC 8446 5.1); so much is written in one.
constexpr size_t kRecord = 16 * 1024;
// From here on, a piece of memory makes a record of its own instead of being copied together with its neighbours.
constexpr size_t kOwnRecord = 4 * 1024;

BIO_METHOD* make_method() {
    BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    BIO_meth_set_read(method, TlsStream::bio_read);
    BIO_meth_set_write(method, TlsStream::bio_write);
    BIO_meth_set_ctrl(method, TlsStream::bio_control);
    BIO_meth_set_create(method, [](BIO* bio) {
        BIO_set_init(bio, 1);
        return 1;
    });
    return method;
}

const BIO_METHOD* stream_method() {
    static BIO_METHOD* const method = make_method();
    return method;
}

// Alerts by which a peer says that it does not take our certificate, or misses one.
bool is_about_certificate(int reason) {
    switch (reason) {
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return true;
        default: return false;
    }
}

}  // namespace

TlsStream::TlsStream(std::unique_ptr<Stream> lower, SSL* ssl, std::shared_ptr<const void> keeper)
    : lower_(std::move(lower)), keeper_(std::move(keeper)), ssl_(ssl) {
    BIO* const bio = BIO_new(stream_method());
    BIO_set_data(bio, this);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, this);
}

TlsStream::~TlsStream() {
    if (lower_ == nullptr || reset_ || failed_ || closing_ || SSL_in_init(ssl_.get()) == 1) return;
    push_close();
}

int TlsStream::bio_read(BIO* bio, char* into, int size) {
    auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (size <= 0) return 0;
    const IoResult got = self.lower_->try_read({into, static_cast<size_t>(size)});
    switch (got.status) {
        case IoStatus::ok: return static_cast<int>(got.bytes);
        case IoStatus::again: BIO_set_retry_read(bio); return -1;
        case IoStatus::end: self.lower_ended_ = true; return 0;
        case IoStatus::failed: self.lower_error_ = got.error; return -1;
    }
    return -1;
}

int TlsStream::bio_write(BIO* bio, const char* bytes, int size) {
    auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (size <= 0) return 0;
    const iovec part{const_cast<char*>(bytes), static_cast<size_t>(size)};
    const IoResult sent = self.lower_->try_write({&part, 1});
    if (sent.status == IoStatus::ok) return static_cast<int>(sent.bytes);
    if (sent.status == IoStatus::again) BIO_set_retry_write(bio);
    if (sent.status == IoStatus::failed) self.lower_error_ = sent.error;
    return -1;
}

long TlsStream::bio_control(BIO* bio, int command, long /*number*/, void* /*argument*/) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return static_cast<TlsStream*>(BIO_get_data(bio))->lower_ended_ ? 1 : 0;
    return 0;
}

// ---- the handshake

base::Result<bool> TlsStream::step(bool& waits_for_write) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) return true;
    const int kind = SSL_get_error(ssl_.get(), done);
    waits_for_write = kind == SSL_ERROR_WANT_WRITE;
    if (waits_for_write || kind == SSL_ERROR_WANT_READ) return false;
    return base::fail(failure(kind));
}

// What a call that cannot go on means. The connection is of no use any more.
base::Error TlsStream::failure(int kind) {
    failed_ = true;
    if (complaint_) {
        why_ = complaint_->context;
        return *complaint_;
    }
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (kind == SSL_ERROR_SSL && reason != SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        plain_http_ = reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST;
        why_ = plain_http_ ? "the client speaks HTTP without TLS" : take_openssl_error();
        // A write may have failed before the peer's last words were read: they say why.
        lower_error_ = 0;
        const bool certificate = is_about_certificate(reason);
        if (certificate) why_ = "the other end does not accept our certificate: " + why_;
        return {.code = certificate ? base::Code::cert_untrusted : base::Code::handshake, .context = why_};
    }
    ERR_clear_error();
    why_ = lower_error_ != 0 ? strerror(lower_error_) : "the connection ended without TLS's word that it is over";
    return {.code = base::Code::reset, .context = why_};
}

void TlsStream::settle(std::string client) {
    info_.client = std::move(client);
    info_.version = SSL_get_version(ssl_.get());
    info_.cipher = SSL_get_cipher_name(ssl_.get());
    info_.resumed = SSL_session_reused(ssl_.get()) == 1;
}

std::string_view TlsStream::alpn() const {
    const unsigned char* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &length);
    return {reinterpret_cast<const char*>(name), length};
}

// ---- bytes

// Why a read or a write did not succeed. Reading may have to write first (an answer to the peer's KeyUpdate), and the
// other way round: then the edge of the other direction wakes the waiter.
IoResult TlsStream::explain(int result, Doing doing) {
    const int kind = SSL_get_error(ssl_.get(), result);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        const bool crossed = (kind == SSL_ERROR_WANT_WRITE) == (doing == Doing::reading);
        if (crossed && doing == Doing::reading) readiness().read_needs_write();
        if (crossed && doing == Doing::writing) readiness().write_needs_read();
        return {IoStatus::again};
    }
    if (kind == SSL_ERROR_ZERO_RETURN) return {IoStatus::end};
    const base::Error error = failure(kind);
    // An end without close_notify may have been made by anybody on the way: it is no end of a message.
    const int number = lower_error_ != 0 ? lower_error_ : error.code == base::Code::reset ? ECONNRESET : EPROTO;
    return {IoStatus::failed, 0, number};
}

IoResult TlsStream::try_read(std::span<char> into) {
    if (!readiness().maybe_readable() && SSL_has_pending(ssl_.get()) == 0) return {IoStatus::again};
    if (closing_ && !close_sent_) push_close();
    ERR_clear_error();
    size_t all = 0;
    for (;;) {
        size_t got = 0;
        const int done = SSL_read_ex(ssl_.get(), into.data() + all, into.size() - all, &got);
        // What went wrong behind bytes that were read is told by the next call.
        if (done != 1) return all > 0 ? IoResult{IoStatus::ok, all} : explain(done, Doing::reading);
        all += got;
        if (all == into.size() || SSL_has_pending(ssl_.get()) == 0) return {IoStatus::ok, all};
    }
}

IoResult TlsStream::write_piece(std::string_view piece) {
    ERR_clear_error();
    size_t sent = 0;
    const int done = SSL_write_ex(ssl_.get(), piece.data(), piece.size(), &sent);
    if (done == 1) return {IoStatus::ok, sent};
    return explain(done, Doing::writing);
}

// Small parts go into one record: a head and the beginning of its body leave in one call and one packet.
IoResult TlsStream::try_write(std::span<const iovec> parts) {
    thread_local std::array<char, kRecord> together;
    size_t all = 0;   // written
    size_t skip = 0;  // of parts.front()
    while (!parts.empty()) {
        std::string_view piece{static_cast<const char*>(parts[0].iov_base) + skip, parts[0].iov_len - skip};
        piece = piece.substr(0, kRecord);
        if (parts.size() > 1 && piece.size() < kOwnRecord) {
            size_t used = 0;
            size_t from = skip;
            for (const iovec& part : parts) {
                const size_t take = std::min(part.iov_len - from, kRecord - used);
                std::memcpy(together.data() + used, static_cast<const char*>(part.iov_base) + from, take);
                used += take;
                from = 0;
                if (used == kRecord) break;
            }
            piece = {together.data(), used};
        }
        if (piece.empty()) break;
        const IoResult sent = write_piece(piece);
        if (sent.status != IoStatus::ok) return all > 0 ? IoResult{IoStatus::ok, all} : sent;
        all += sent.bytes;
        skip += sent.bytes;
        while (!parts.empty() && skip >= parts[0].iov_len) {
            skip -= parts[0].iov_len;
            parts = parts.subspan(1);
        }
    }
    return {IoStatus::ok, all};
}

// Tells the peer that all has been said (RFC 8446 6.1). When the socket is full, the next read tries again.
void TlsStream::push_close() {
    ERR_clear_error();
    const int done = SSL_shutdown(ssl_.get());
    close_sent_ = true;
    if (done < 0 && SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_WRITE) {
        close_sent_ = false;
        readiness().read_needs_write();
    }
    ERR_clear_error();
    if (closing_ && close_sent_) lower_->shutdown_write();
}

void TlsStream::shutdown_write() {
    if (closing_) return;
    closing_ = true;
    if (failed_ || SSL_in_init(ssl_.get()) == 1) return lower_->shutdown_write();
    push_close();
}

base::Error TlsStream::io_error(const IoResult& result, std::string_view what) const {
    if (why_.empty() || lower_error_ != 0) return base::from_errno(result.error, what);
    const bool certificate = why_.starts_with("the other end does not accept");
    return {.code = certificate ? base::Code::cert_untrusted : base::Code::reset,
            .context = fmt::format("{}: {}", what, why_)};
}

}  // namespace tl::net
