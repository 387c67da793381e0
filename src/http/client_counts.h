// How many connections each client address has at one server of one core, so that one client cannot take all. IPv6
// clients count by their /64, which is what one customer gets. Holds an entry for each address that is connected.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "net/address.h"

namespace tl::http {

struct ClientKey {
    uint64_t network = 0;
    uint64_t host = 0;
    bool operator==(const ClientKey&) const = default;
    // Unix sockets have no address: nobody is counted.
    [[nodiscard]] bool known() const { return network != 0 || host != 0; }
    [[nodiscard]] static ClientKey of(const net::Address& peer);
};

class ClientCounts {
  public:
    // False: it has `most` already. Else give() must follow. `most` 0: not counted, and nothing is to be given back.
    [[nodiscard]] bool take(const ClientKey& client, uint32_t most);
    void give(const ClientKey& client);
    [[nodiscard]] size_t clients() const { return counts_.size(); }

  private:
    struct Hash {
        size_t operator()(const ClientKey& key) const {
            return (key.network ^ (key.host * 0x9e3779b97f4a7c15ULL)) * 0xbf58476d1ce4e5b9ULL;
        }
    };
    std::unordered_map<ClientKey, uint32_t, Hash> counts_;
};

}  // namespace tl::http
