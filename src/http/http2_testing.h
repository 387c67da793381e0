// For tests only: our own HTTP/2 client against our own server, over a socket pair, in one loop; and frames by hand for
// what a good client would never send.
#pragma once

#include <array>
#include <string>

#include "http/http2_client_exchange.h"
#include "http/http_testing.h"

namespace tl::http {

// A client on a further connection to the bed's server. End it by finish() before the story ends.
class Http2Caller final : private Http2Client::Owner {
  public:
    explicit Http2Caller(std::unique_ptr<net::Stream> stream)
        : client_(&Http2Client::start(gate_, std::move(stream), {}, this)) {}

    [[nodiscard]] Http2Client& client() { return *client_; }
    [[nodiscard]] bool gone() const { return gone_; }
    [[nodiscard]] rt::Task<void> finish() {
        if (!gone_) client_->let_go();
        co_await gate_.closed();
    }
    rt::Signal changed;

  private:
    void on_room(Http2Client& /*client*/) override { changed.notify_all(); }
    void on_gone(Http2Client& /*client*/) override {
        gone_ = true;
        changed.notify_all();
    }
    rt::Gate gate_;
    Http2Client* client_;
    bool gone_ = false;
};

struct Http2Told {
    int status = 0;  // 0: it failed, `text` says how
    std::string informational;
    std::string text;
    std::string trailers;
};

// The whole answer of an exchange whose request has been sent.
inline rt::Task<Http2Told> receive(ClientExchange& exchange, rt::Wait wait) {
    Http2Told told;
    for (;;) {
        const auto head = co_await exchange.read_head(wait);
        if (!head) {
            told.text = "head: " + std::string{base::to_string(head.error().code)} + ": " + head.error().context;
            co_return told;
        }
        told.status = (*head)->status;
        if (told.status >= 200 || told.status == 101) break;
        told.informational += std::to_string(told.status) + " ";
    }
    for (;;) {
        const auto piece = co_await exchange.read(wait);
        if (!piece) {
            told.status = 0;
            told.text += "body: " + std::string{base::to_string(piece.error().code)};
            co_return told;
        }
        told.text += piece->data;
        if (piece->end) break;
    }
    for (const codec::Header& trailer : exchange.trailers()) {
        told.trailers += std::string{trailer.name} + "=" + std::string{trailer.value};
    }
    co_return told;
}

inline rt::Task<Http2Told> ask(Http2Client& client, std::string method, std::string target, std::string body,
                               rt::Wait wait) {
    const auto place = client.lend();
    ClientExchange& exchange = place->open_exchange();
    codec::HeaderTable headers;
    headers.add("Host", "a");
    headers.add("X-Mixed-Case", "kept");
    const auto kind = body.empty() ? BodyLength::Kind::none : BodyLength::Kind::known;
    const OutgoingRequest request{
        .method = method, .target = target, .headers = &headers, .length = {kind, body.size()}};
    const auto sent = co_await exchange.send(request, {body, true}, wait);
    if (!sent) co_return Http2Told{.text = "send: " + sent.error().message()};
    auto told = co_await receive(exchange, wait);
    co_return told;
}

// ---- frames by hand

inline std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
    std::string bytes;
    for (const int shift : {16, 8, 0}) bytes += static_cast<char>(payload.size() >> shift);
    bytes += static_cast<char>(type);
    bytes += static_cast<char>(flags);
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(stream >> shift);
    return bytes + std::string{payload};
}
// A field that is not indexed, its name and value as they are (RFC 7541 6.2.2). Each shorter than 127 bytes.
inline std::string field(std::string_view name, std::string_view value) {
    std::string bytes(1, '\0');
    bytes += static_cast<char>(name.size());
    bytes += name;
    bytes += static_cast<char>(value.size());
    return bytes + std::string{value};
}
inline std::string get_fields(std::string_view path = "/") {
    return field(":method", "GET") + field(":scheme", "http") + field(":authority", "a") + field(":path", path);
}
inline const std::string kHttp2Start = std::string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"} + frame(4, 0, 0, "");

struct Http2Frame {
    int type = -1;  // -1: the connection has ended
    int flags = 0;
    uint32_t stream = 0;
    std::string payload;

    // Of RST_STREAM and GOAWAY.
    [[nodiscard]] uint32_t code() const {
        uint32_t code = 0;
        for (const char c : payload.substr(type == 7 ? 4 : 0, 4)) code = code << 8 | static_cast<uint8_t>(c);
        return code;
    }
};

inline rt::Task<std::string> read_exactly(net::Stream& stream, size_t size, rt::Wait wait) {
    std::string bytes;
    while (bytes.size() < size) {
        std::array<char, 4096> piece;
        const auto got = co_await stream.read_some({piece.data(), std::min(piece.size(), size - bytes.size())}, wait);
        if (!got || *got == 0) break;
        bytes.append(piece.data(), *got);
    }
    co_return bytes;
}

inline rt::Task<Http2Frame> next_frame(net::Stream& stream, rt::Wait wait) {
    const std::string head = co_await read_exactly(stream, 9, wait);
    if (head.size() < 9) co_return Http2Frame{};
    const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(head[i])); };
    Http2Frame made{static_cast<int>(byte(3)),
                    static_cast<int>(byte(4)),
                    byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8),
                    {}};
    made.payload = co_await read_exactly(stream, byte(0) << 16 | byte(1) << 8 | byte(2), wait);
    co_return made;
}

// The next frame of this type, others left out; type -1 when the connection ended before.
inline rt::Task<Http2Frame> next_of(net::Stream& stream, int type, rt::Wait wait) {
    for (;;) {
        Http2Frame got = co_await next_frame(stream, wait);
        if (got.type == type || got.type == -1) co_return got;
    }
}

}  // namespace tl::http
