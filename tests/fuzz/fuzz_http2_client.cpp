// Any bytes from an upstream that should speak HTTP/2, cut anywhere, while three requests wait for their answers: what
// comes out of them is sound, each ends when the upstream has gone, and nothing is left.
#include "codec/http2_head.h"
#include "fuzz_support.h"
#include "http/http2_client.h"
#include "rt/loop.h"

namespace {

using namespace tl;
using fuzz::require;

class Owner final : public http::Http2Client::Owner {
  public:
    void on_room(http::Http2Client& /*client*/) override {}
    void on_gone(http::Http2Client& /*client*/) override { gone = true; }
    bool gone = false;
};

void require_sound(const codec::ResponseHead& head, bool upgraded) {
    require(head.status >= 100 && head.status < 600, "no status");
    require(head.status != 101 || upgraded, "a switch that nobody asked for");
    for (const codec::Header& header : head.headers) {
        require(codec::is_token(header.name) && codec::is_field_value(header.value), "a field is not well formed");
    }
}

rt::Task<void> ask(http::Http2Client& client, std::string_view method, std::string_view body,
                   std::string_view upgrade) {
    if (!client.has_room()) co_return;
    const auto place = client.lend();
    http::ClientExchange& exchange = place->open_exchange();
    codec::HeaderTable headers;
    headers.add("host", "a");
    headers.add("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    const auto kind = body.empty() ? http::BodyLength::Kind::none : http::BodyLength::Kind::known;
    const rt::Wait wait = rt::this_loop().within(std::chrono::seconds{2});
    const auto sent = co_await exchange.send(
        {.method = method, .target = "/", .headers = &headers, .length = {kind, body.size()}, .upgrade = upgrade},
        {body, true}, wait);
    if (!sent) co_return;
    for (;;) {
        const auto head = co_await exchange.read_head(wait);
        if (!head) co_return;
        require_sound(**head, !upgrade.empty());
        if ((*head)->status >= 200 || (*head)->status == 101) break;
    }
    uint64_t received = 0;
    const http::BodyLength length = exchange.response_length();
    for (;;) {
        const auto piece = co_await exchange.read(wait);
        if (!piece) co_return;
        received += piece->data.size();
        if (piece->end) break;
    }
    const bool framed = length.kind == http::BodyLength::Kind::known && method != "HEAD" && upgrade.empty();
    require(!framed || received == length.bytes || received == 0, "a body of another length than was announced");
}

rt::Task<void> swallow(net::Stream& stream) {
    for (int turns = 0; turns < 4; ++turns) {
        char bytes[4096];
        while (stream.try_read(bytes).status == net::IoStatus::ok) turns = 0;
        co_await rt::yield();
    }
}

rt::Task<void> play(std::string_view bytes) {
    auto ends = net::Stream::pair();
    auto peer = std::move(ends->second);
    Owner owner;
    rt::Gate connections;
    rt::Gate requests;
    http::Http2Client& client = http::Http2Client::start(connections, std::move(ends->first), {}, &owner);
    requests.spawn("get", ask(client, "GET", "", ""));
    requests.spawn("head", ask(client, "HEAD", "", ""));
    requests.spawn("post", ask(client, "POST", "hello", ""));
    requests.spawn("upgrade", ask(client, "GET", "", "websocket"));
    co_await swallow(*peer);
    fuzz::Cuts cuts(bytes, 300);
    while (!bytes.empty()) {
        const size_t size = std::min(cuts.next(), bytes.size());
        const auto sent = co_await peer->write_all(bytes.substr(0, size), {});
        if (!sent) break;
        bytes.remove_prefix(size);
        co_await swallow(*peer);
    }
    peer.reset();
    co_await requests.closed();
    if (!owner.gone) client.let_go();
    co_await connections.closed();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static rt::Loop loop;
    loop.run_until_done(play({reinterpret_cast<const char*>(data), size}));
    return 0;
}
