#include "net/tls_tickets.h"

#include <openssl/rand.h>

#include <algorithm>

namespace tl::net {

namespace {

base::Result<TicketKeys::Key> make_key() {
    TicketKeys::Key key;
    const auto fill = [](auto& bytes) { return RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1; };
    if (fill(key.name) && fill(key.cipher) && fill(key.mac)) return key;
    return base::fail(base::Code::io, "the system gives no random numbers");
}

}  // namespace

base::Result<std::shared_ptr<TicketKeys>> TicketKeys::make() {
    auto keys = std::make_shared<TicketKeys>();
    auto ring = std::make_shared<Ring>();
    for (Key& key : *ring) {
        auto made = make_key();
        if (!made) return base::fail(std::move(made.error()));
        key = *made;
    }
    keys->ring_ = std::move(ring);
    return keys;
}

base::Result<void> TicketKeys::rotate() {
    auto made = make_key();
    if (!made) return base::fail(std::move(made.error()));
    auto ring = std::make_shared<Ring>(*ring_.load());
    std::shift_right(ring->begin(), ring->end(), 1);
    ring->front() = *made;
    ring_ = std::move(ring);
    return {};
}

}  // namespace tl::net
