// The keys of session tickets (RFC 5077, RFC 8446 4.6.1): what makes resumption work although the next connection of a
// client comes to another core, and after a certificate has been replaced. Kept in memory only and changed every hour,
// so that what is stolen later does not open what was recorded before. Owned by whoever makes TlsServers; any thread.
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include "base/clock.h"
#include "base/error.h"

namespace tl::net {

class TicketKeys {
  public:
    static constexpr base::Duration kEvery = std::chrono::hours{1};
    static constexpr size_t kKept = 3;  // the one that seals, and older ones that still open

    struct Key {
        std::array<unsigned char, 16> name{};
        std::array<unsigned char, 32> cipher{};
        std::array<unsigned char, 32> mac{};
    };
    using Ring = std::array<Key, kKept>;  // the newest first

    [[nodiscard]] static base::Result<std::shared_ptr<TicketKeys>> make();
    // A new key seals from now on; the oldest no longer opens.
    [[nodiscard]] base::Result<void> rotate();
    [[nodiscard]] std::shared_ptr<const Ring> ring() const { return ring_.load(); }

  private:
    std::atomic<std::shared_ptr<const Ring>> ring_;  // read once a handshake
};
using TicketKeysPtr = std::shared_ptr<TicketKeys>;

}  // namespace tl::net
