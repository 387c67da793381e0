// Any bytes behind the preface of an HTTP/2 client, cut anywhere: what reaches the handler keeps the rules that HTTP/1
// would have held it to, everything ends when the client has gone, and nothing is left.
#include "codec/http2_head.h"
#include "fuzz_support.h"
#include "http/server.h"
#include "rt/loop.h"

namespace {

using namespace tl;
using fuzz::require;

void require_sound(const codec::RequestHead& head) {
    require(codec::is_token(head.method_text), "the method is no token");
    require(codec::is_valid_authority(head.authority), "the authority is not valid");
    require(head.method == codec::Method::connect || head.path.starts_with('/') || head.path == "*", "no path");
    for (const codec::Header& header : head.headers) {
        require(codec::is_token(header.name) && codec::is_field_value(header.value), "a field is not well formed");
        require(header.field == codec::lookup_field(header.name), "a field has the wrong id");
        require(header.field == codec::Field::upgrade || !codec::is_connection_specific(header),
                "a field of the connection was handed on");
    }
    require(!head.headers.find(codec::Field::content_length) || head.framing != codec::Framing::chunked,
            "a length that frames nothing");
}

class Echo final : public http::Handler {
  public:
    rt::Task<void> handle(http::ServerExchange& exchange) override {
        require_sound(exchange.request());
        const uint64_t announced = exchange.request_length().bytes;
        const bool known = exchange.request_length().kind == http::BodyLength::Kind::known;
        auto sent = co_await exchange.send({.status = 200, .length = {http::BodyLength::Kind::unknown}}, {});
        uint64_t received = 0;
        while (sent) {
            const auto piece = co_await exchange.read({base::kNever, &exchange.cancel()});
            if (!piece) co_return;
            received += piece->data.size();
            if (piece->end) {
                require(!known || received == announced, "a body of another length than was announced");
                sent = co_await exchange.send_body(*piece, &exchange.trailers());
                co_return;
            }
            sent = co_await exchange.send_body(*piece, nullptr);
        }
    }
};

rt::Task<void> swallow(net::Stream& stream) {
    for (int turns = 0; turns < 4; ++turns) {
        char bytes[4096];
        while (stream.try_read(bytes).status == net::IoStatus::ok) turns = 0;
        co_await rt::yield();
    }
}

rt::Task<void> play(std::string_view bytes) {
    Echo echo;
    http::ServerLimits limits;
    limits.head = {.head = 2000, .headers = 20, .target = 200};
    limits.body = 5000;
    http::Server server{echo, limits};
    auto ends = net::Stream::pair();
    server.serve(std::move(ends->second));
    auto client = std::move(ends->first);
    const auto hello = co_await client->write_all("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {});
    require(hello.has_value(), "the preface was not taken");
    fuzz::Cuts cuts(bytes, 300);
    while (!bytes.empty()) {
        const size_t size = std::min(cuts.next(), bytes.size());
        const auto sent = co_await client->write_all(bytes.substr(0, size), {});
        if (!sent) break;
        bytes.remove_prefix(size);
        co_await swallow(*client);
    }
    client.reset();
    co_await server.stop(base::deadline_after(rt::this_loop().now(), std::chrono::seconds{1}));
    require(server.stats().open == 0, "a session is left");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static rt::Loop loop;
    loop.run_until_done(play({reinterpret_cast<const char*>(data), size}));
    return 0;
}
