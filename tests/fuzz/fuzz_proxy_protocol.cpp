// Headers of the PROXY protocol: what has once been decided by a beginning must hold for the whole.
#include <cstdlib>

#include "codec/proxy_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using tl::codec::ProxyHeader;
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    const ProxyHeader whole = ProxyHeader::parse(bytes);
    if (whole.state == ProxyHeader::State::complete && (whole.consumed == 0 || whole.consumed > size)) std::abort();
    // A header is held by whoever reads it: it must end somewhere.
    if (whole.state == ProxyHeader::State::need_more && size >= ProxyHeader::kMost) std::abort();
    for (size_t cut = 0; cut < size && cut < 300; ++cut) {
        const ProxyHeader part = ProxyHeader::parse(bytes.substr(0, cut));
        if (part.state != ProxyHeader::State::need_more &&
            (part.state != whole.state || part.consumed != whole.consumed || part.source != whole.source))
            std::abort();
    }
    return 0;
}
