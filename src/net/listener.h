// A listening socket. One a core on the same port (SO_REUSEPORT), or one a Unix path. Owned by the service that
// accepts; close() ends a waiting accept. One core.
#pragma once

#include <memory>

#include "net/stream.h"

namespace tl::net {

struct ListenOptions {
    bool reuse_port = false;  // several cores share the port
    int backlog = 4096;
    int mode = 0600;  // Unix paths: access rights of the socket file
};

// Binds and listens without attaching to a loop; the caller owns the descriptor. Made before cores start, so that a
// port that is taken stops the start, not the middle. The error names who could hold the port (net/port_holder.h).
[[nodiscard]] base::Result<int> open_listener(const Address& address, const ListenOptions& options);

// The port that the kernel gave a socket that was bound to port 0.
[[nodiscard]] uint16_t bound_port(int fd);

class Listener {
  public:
    Listener() = default;
    ~Listener() { close(); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // Takes over `fd` of open_listener and attaches it to this core's loop.
    [[nodiscard]] base::Result<void> start(int fd);
    // The next connection, non-blocking, with TCP_NODELAY. Lack of descriptors or memory is waited out (100 ms), not an
    // error; the error is Code::cancelled after close() or by the wait.
    [[nodiscard]] rt::Task<base::Result<std::unique_ptr<Stream>>> accept(rt::Wait wait);
    // Connections from now on may be joined, or no longer. While it is open.
    void set_shortcut(const Shortcut& shortcut);
    void close();
    [[nodiscard]] bool is_open() const { return fd_ >= 0; }
    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] Address address() const;

  private:
    int fd_ = -1;
    Shortcut shortcut_;
    const sockmap::Joiner* joiner_ = nullptr;  // of connections that wait, too, so it stays once it was there
    std::unique_ptr<rt::Readiness> io_;
};

}  // namespace tl::net
