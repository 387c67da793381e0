// Names to addresses with c-ares on this core's loop: /etc/hosts first, then DNS as /etc/resolv.conf says (read when
// the object is made: where that may change, make a new one). For the control plane and `address:` services; the data
// path gets addresses, never names. One Resolver a core, owned by app/, ended by stop(). A query that nobody waits for
// any more still runs to its end inside (c-ares cannot take back a single one) and holds its slot until then: at most
// the sum of its tries.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "net/address.h"
#include "rt/task.h"
#include "rt/waiter.h"

namespace tl::net {

struct ResolverOptions {
    std::vector<std::string> servers;                    // "127.0.0.1:5353"; none: those of /etc/resolv.conf
    size_t most_queries = 64;                            // at once; more wait for their turn
    size_t most_waiting = 1024;                          // for a turn; more are refused with Code::too_large
    size_t most_addresses = 32;                          // of one answer; the rest is dropped
    base::Duration first_try = std::chrono::seconds{1};  // doubled with each further try
    int tries = 3;
};

class Resolver {
  public:
    // Throws std::runtime_error when c-ares cannot start (no memory). On the core that will use it.
    explicit Resolver(ResolverOptions options = {});
    // stop() must have ended, unless nothing was ever resolved.
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    // At least one address, each once, the best first (RFC 6724, but 127.0.0.1 ahead of ::1: that is where services
    // listen); all with `port`. A literal IP, with or without brackets, is answered at once. Errors: invalid (no such
    // name can exist), not_found, unreachable (no DNS server answers), timeout, cancelled, too_large.
    [[nodiscard]] rt::Task<base::Result<std::vector<Address>>> resolve(std::string host, uint16_t port, rt::Wait wait);

    // Ends all queries as cancelled and waits until c-ares has closed its sockets.
    [[nodiscard]] rt::Task<void> stop();

    [[nodiscard]] size_t queries() const;  // running now

  private:
    class Channel;
    std::unique_ptr<Channel> channel_;
};

}  // namespace tl::net
