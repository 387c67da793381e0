#include "http/client_counts.h"

#include <netinet/in.h>

#include <cstring>

namespace tl::http {

ClientKey ClientKey::of(const net::Address& peer) {
    ClientKey key;
    if (peer.family() == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, peer.raw(), sizeof in);
        key.host = uint64_t{in.sin_addr.s_addr} << 32 | 4;
    } else if (peer.family() == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, peer.raw(), sizeof in);
        std::memcpy(&key.network, &in.sin6_addr, sizeof key.network);
        key.host = 6;
    }
    return key;
}

bool ClientCounts::take(const ClientKey& client, uint32_t most) {
    if (most == 0 || !client.known()) return true;
    uint32_t& count = counts_[client];
    if (count >= most) return false;
    ++count;
    return true;
}

void ClientCounts::give(const ClientKey& client) {
    const auto found = counts_.find(client);
    if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

}  // namespace tl::http
