// The client's address by the word of a load balancer in front (PROXY protocol), before TLS and HTTP.
#pragma once

#include <memory>
#include <optional>

#include "net/prefix_set.h"
#include "net/stream.h"
#include "rt/task.h"

namespace tl::http {

// Immutable, shared by cores.
struct ProxyProtocol {
    net::PrefixSet from;   // whose headers count; other peers are served as they are
    bool required = true;  // these must send one
};
using ProxyProtocolPtr = std::shared_ptr<const ProxyProtocol>;

// Takes the header off the stream, and not a byte more. nullopt inside: the peer speaks for itself. An error: the
// connection is to be closed without a word, for whoever sent this speaks no HTTP.
[[nodiscard]] rt::Task<base::Result<std::optional<net::Address>>> read_announced(net::Stream& stream, bool required,
                                                                                 rt::Wait wait);

}  // namespace tl::http
