// A connected byte stream, non-blocking: plain TCP or Unix here, TLS on top of the same interface. The caller tries
// first and awaits readiness() only after `again`. Owned by one session or pool, on one core; the destructor closes.
// After a write that said `again`, the next one begins with the same bytes (TLS has them in a record already).
// Tests use socket pairs (Stream::pair): streams without a network.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "net/address.h"
#include "net/shortcut.h"
#include "rt/io.h"

namespace tl::net {

enum class IoStatus : uint8_t { ok, again, end, failed };

struct IoResult {
    IoStatus status = IoStatus::again;
    size_t bytes = 0;  // ok
    int error = 0;     // failed: errno
};

struct TlsInfo;

class Stream {
  public:
    virtual ~Stream() = default;

    // One attempt; `end` when the peer has finished sending. Says `again` also to who has had his share of this turn of
    // the loop (rt::Readiness::kMostInATurn): readiness() tells in the next one.
    [[nodiscard]] virtual IoResult try_read(std::span<char> into) = 0;
    // One attempt at all parts together; may take fewer bytes than there are.
    [[nodiscard]] virtual IoResult try_write(std::span<const iovec> parts) = 0;
    // No more will be sent; what is queued still goes out.
    virtual void shutdown_write() = 0;
    // The next close tells the peer by a reset that the message is incomplete (RFC 9112 9.6 leaves no better way).
    virtual void reset_on_close() = 0;
    // Bytes that the kernel has taken so far.
    [[nodiscard]] virtual uint64_t written() const = 0;
    // Whether the peer's kernel has acknowledged anything behind the first `position` bytes that were written; also
    // after the connection has broken. A program that has closed its socket acknowledges nothing: false proves that it
    // never got what came behind. True when it cannot be known (Unix sockets).
    [[nodiscard]] virtual bool acknowledged_beyond(uint64_t position) const = 0;
    [[nodiscard]] virtual rt::Readiness& readiness() = 0;
    [[nodiscard]] virtual int fd() const = 0;

    // What the TLS handshake found (net/tls.h); nullptr: plain.
    [[nodiscard]] virtual const TlsInfo* tls() const { return nullptr; }
    // The protocol that both ends agreed on (RFC 7301): "http/1.1", "h2"; "" if they did not.
    [[nodiscard]] virtual std::string_view alpn() const { return {}; }
    // The error of a try that `failed`; `what` was tried. TLS knows more than the number says.
    [[nodiscard]] virtual base::Error io_error(const IoResult& result, std::string_view what) const {
        return base::from_errno(result.error, what);
    }
    // Bytes have been taken from the socket that no try_read has given out yet, so that readiness() does not tell of
    // them. They may turn out to be nothing for the caller.
    [[nodiscard]] virtual bool holds_bytes() const { return false; }

    // Writes all of `parts` (changed on the way), waiting where it must.
    [[nodiscard]] rt::Task<base::Result<void>> write_all(std::span<iovec> parts, rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<void>> write_all(std::string_view bytes, rt::Wait wait);
    // At least one byte; 0 only at the end of the stream.
    [[nodiscard]] rt::Task<base::Result<size_t>> read_some(std::span<char> into, rt::Wait wait);

    [[nodiscard]] Address peer() const;
    [[nodiscard]] Address local() const;

    // A connected pair in this process, attached to this core's loop.
    [[nodiscard]] static base::Result<std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>>> pair();
};

// Drops `written` bytes from the front of `parts`.
void advance(std::span<iovec>& parts, size_t written);

// Takes over `fd` (non-blocking, connected) and attaches it to this core's loop. With a `joiner` it may have been
// joined; `strays` is what that one said before the connection began.
[[nodiscard]] base::Result<std::unique_ptr<Stream>> make_stream(int fd, const sockmap::Joiner* joiner = nullptr,
                                                                uint64_t strays = 0);

// Connects; the error is of side upstream and retryable, and names the address. Joined as `shortcut` says, where the
// address is on loopback and the kernel has room.
[[nodiscard]] rt::Task<base::Result<std::unique_ptr<Stream>>> connect(Address address, rt::Wait wait,
                                                                      Shortcut shortcut = {});

}  // namespace tl::net
