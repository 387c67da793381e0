// The fields of an HTTP/2 message, as they come out of HPACK one by one, made into the heads that HTTP/1 gives, by the
// rules of RFC 9113 8.1 to 8.5 and, for names and values, by those of our HTTP/1: what one version refuses, the other
// refuses too, or a message could change its meaning on its way. Pure; names and values are copied into an arena that
// must outlive the head. Used by http/ only.
#pragma once

#include "base/arena.h"
#include "codec/http1.h"

namespace tl::codec {

// One field section: a head, or the trailers. Collects until the limits are reached; what comes after a fault is
// not kept, but the caller must go on feeding its HPACK decoder.
class Http2Section {
  public:
    explicit Http2Section(base::Arena& arena) : arena_(&arena) {}

    void add(std::string_view name, std::string_view value, const Http1Limits& limits, HeaderTable& headers);
    [[nodiscard]] Http1Fault fault() const { return fault_; }
    // By the measure of RFC 9113 6.5.2: names, values and 32 bytes each.
    [[nodiscard]] uint64_t size() const { return size_; }

    std::string_view method, scheme, authority, path, protocol, status;

  private:
    void add_pseudo(std::string_view name, std::string_view value, const Http1Limits& limits);

    base::Arena* arena_;
    uint64_t size_ = 0;
    uint32_t lines_ = 0;
    Http1Fault fault_ = Http1Fault::none;
};

// Fills `head`, whose headers the section has collected. `ended`: no body follows. An extended CONNECT (RFC 8441)
// becomes what HTTP/1 says in its place: GET with Upgrade.
[[nodiscard]] Http1Fault complete_request(Http2Section& section, bool ended, const Http1Limits& limits,
                                          base::Arena& arena, RequestHead& head);
// The same for an answer; `request` decides whether a length frames a body.
[[nodiscard]] Http1Fault complete_response(const Http2Section& section, bool ended, Method request, ResponseHead& head);
[[nodiscard]] Http1Fault check_trailers(const Http2Section& section, const HeaderTable& trailers);

// Fields that HTTP/2 has no place for (RFC 9113 8.2.2); a writer leaves them out.
[[nodiscard]] bool is_connection_specific(const Header& header);

// The proof of a WebSocket server that it understood (RFC 6455 4.2.2): what Sec-WebSocket-Accept says for this key.
[[nodiscard]] std::string websocket_accept(std::string_view key);
// A key for the side that must send one: 16 bytes, in base64.
[[nodiscard]] std::string websocket_key(uint64_t high, uint64_t low);

}  // namespace tl::codec
