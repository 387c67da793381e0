// The TLS connection on top of a stream, server or client: OpenSSL reads and writes through a BIO that tries the stream
// below, so nothing here waits except the handshake. For the files of this room only; others see a net::Stream.
#pragma once

#include <optional>

#include "net/openssl.h"
#include "net/tls.h"

namespace tl::net {

class TlsSession {
  public:
    SslSessionPtr session;
};

class TlsStream final : public Stream {
  public:
    // `keeper` is what the SSL's callbacks point into.
    TlsStream(std::unique_ptr<Stream> lower, SSL* ssl, std::shared_ptr<const void> keeper);
    ~TlsStream() override;
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;

    // True when done. False: `waits_for_write` says what to wait for. Errors: handshake, reset, cert_*.
    [[nodiscard]] base::Result<bool> step(bool& waits_for_write);
    // After the handshake: notes what it found. `client` is TlsInfo::client.
    void settle(std::string client);
    // The handshake failed because the peer sent HTTP as if there were no TLS.
    [[nodiscard]] bool peer_speaks_http() const { return plain_http_; }
    // After a handshake that failed: the stream below, to which nothing more of TLS is sent.
    [[nodiscard]] std::unique_ptr<Stream> give_back() { return std::move(lower_); }

    IoResult try_read(std::span<char> into) override;
    IoResult try_write(std::span<const iovec> parts) override;
    void shutdown_write() override;
    void reset_on_close() override {
        reset_ = true;
        lower_->reset_on_close();
    }
    // Positions are those of the encrypted bytes: what is behind one that was taken between two messages belongs to
    // later messages only.
    uint64_t written() const override { return lower_->written(); }
    bool acknowledged_beyond(uint64_t position) const override { return lower_->acknowledged_beyond(position); }
    rt::Readiness& readiness() override { return lower_->readiness(); }
    int fd() const override { return lower_->fd(); }
    const TlsInfo* tls() const override { return &info_; }
    std::string_view alpn() const override;
    base::Error io_error(const IoResult& result, std::string_view what) const override;
    bool holds_bytes() const override { return SSL_has_pending(ssl_.get()) == 1; }

    [[nodiscard]] SSL* ssl() { return ssl_.get(); }
    [[nodiscard]] Stream& lower() { return *lower_; }
    // What the verification of the peer's certificate complains about; for the callback.
    void complain(base::Error error) { complaint_ = std::move(error); }
    // As a client: whom the certificate must name, and where the session is kept (or nullptr).
    void ask_for(std::string name, std::shared_ptr<TlsSession> session) {
        wanted_ = std::move(name);
        session_ = std::move(session);
    }
    [[nodiscard]] const std::string& wanted() const { return wanted_; }
    [[nodiscard]] TlsSession* session() { return session_.get(); }
    // The stream of an SSL; for callbacks.
    [[nodiscard]] static TlsStream& of(const SSL* ssl) { return *static_cast<TlsStream*>(SSL_get_app_data(ssl)); }

    static int bio_read(BIO* bio, char* into, int size);
    static int bio_write(BIO* bio, const char* bytes, int size);
    static long bio_control(BIO* bio, int command, long number, void* argument);

  private:
    enum class Doing : uint8_t { reading, writing };
    [[nodiscard]] IoResult explain(int result, Doing doing);
    [[nodiscard]] base::Error failure(int kind);
    [[nodiscard]] IoResult write_piece(std::string_view piece);
    void push_close();

    std::unique_ptr<Stream> lower_;
    std::shared_ptr<const void> keeper_;
    SslPtr ssl_;
    TlsInfo info_;
    std::optional<base::Error> complaint_;
    std::string why_;  // of the failure, in words
    std::string wanted_;
    std::shared_ptr<TlsSession> session_;
    int lower_error_ = 0;  // errno of the stream below
    bool lower_ended_ = false;
    bool reset_ = false;
    bool failed_ = false;  // fatally: nothing more can be sent
    bool plain_http_ = false;
    bool closing_ = false;  // no more from us
    bool close_sent_ = false;
};

}  // namespace tl::net
