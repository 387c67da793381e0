// For tests only: a server with one handler, a raw client of bytes beside it, and a loop that runs both. The
// client's stream is one end of a socket pair, or a TCP connection where resets and lingering matter.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "http/client.h"
#include "http/fetch.h"
#include "http/server.h"
#include "rt/event.h"

namespace tl::http {

class Bed;
using Answer = rt::Task<void> (*)(Bed&, ServerExchange&);
using Story = rt::Task<void> (*)(Bed&);

enum class Link : uint8_t { pair, tcp };

class Bed final : private Handler {
  public:
    explicit Bed(Answer answer, Link link = Link::pair) : answer_(answer), link_(link) {}

    // Runs `story` with `client` connected, then stops the server. May be called once.
    void run(Story story) { loop.run_until_done(play(story)); }

    [[nodiscard]] rt::Wait soon() const { return loop.within(5s); }
    // A further connection to the same server.
    [[nodiscard]] rt::Task<std::unique_ptr<net::Stream>> connect() {
        if (link_ == Link::tcp) {
            auto made = co_await net::connect(server->address(), soon());
            co_return std::move(*made);
        }
        auto ends = net::Stream::pair();
        server->serve(std::move(ends->second));
        co_return std::move(ends->first);
    }
    [[nodiscard]] rt::Task<void> send(std::string_view bytes) {
        const auto sent = co_await client->write_all(bytes, soon());
        EXPECT_TRUE(sent.has_value());
    }
    // Reads until `text` ends with `marker`; what came, on the end of the stream or after 5 s too.
    [[nodiscard]] rt::Task<std::string> receive(std::string_view marker) {
        std::string text;
        char byte = 0;
        while (!text.ends_with(marker)) {
            const auto got = co_await client->read_some({&byte, 1}, soon());
            if (!got || *got == 0) {
                text += got ? "<end>" : "<" + got.error().message() + ">";
                break;
            }
            text += byte;
        }
        co_return text;
    }
    // Everything to the end; a reset or a deadline is told in "<...>".
    [[nodiscard]] rt::Task<std::string> receive_all() {
        std::string text;
        for (;;) {
            char bytes[4096];
            const auto got = co_await client->read_some(bytes, soon());
            if (!got) co_return text + "<" + std::string{base::to_string(got.error().code)} + ">";
            if (*got == 0) co_return text;
            text.append(bytes, *got);
        }
    }
    [[nodiscard]] rt::Task<std::string> ask(std::string_view bytes) {
        co_await send(bytes);
        std::string text = co_await receive_all();
        co_return text;
    }

    rt::Loop loop;
    ServerLimits limits;
    size_t most_connections = 16;
    base::Duration grace = 2s;
    std::optional<Server> server;
    std::unique_ptr<net::Stream> client;
    std::string log;  // for handlers
    rt::Event event;  // for handlers

  private:
    rt::Task<void> handle(ServerExchange& exchange) override { return answer_(*this, exchange); }
    rt::Task<void> play(Story story) {
        server.emplace(static_cast<Handler&>(*this), limits, most_connections);
        if (link_ == Link::tcp) {
            const auto fd = net::open_listener(net::Address::loopback(0), {});
            EXPECT_TRUE(server->start(*fd).has_value());
        }
        client = co_await connect();
        co_await story(*this);
        client.reset();
        co_await server->stop(base::deadline_after(loop.now(), grace));
        EXPECT_EQ(server->stats().open, 0U);
    }

    Answer answer_;
    Link link_;
};

// Handlers that several tests use.

// "METHOD target body" as the body of a 200.
inline rt::Task<void> tell(Bed& bed, ServerExchange& exchange) {
    auto body = co_await read_all(exchange, 1U << 20);
    if (!body) {
        bed.log += base::to_string(body.error().code);
        if (!exchange.cancel().requested()) {
            [[maybe_unused]] const auto sent = co_await reply(exchange, 400, "text/plain", body.error().message());
        }
        co_return;
    }
    std::string text{exchange.request().method_text};
    text += " ";
    text += exchange.request().target;
    text += " " + *body;
    for (const codec::Header& trailer : exchange.trailers()) {
        text += " " + std::string{trailer.name} + "=" + std::string{trailer.value};
    }
    [[maybe_unused]] const auto sent = co_await reply(exchange, 200, "text/plain", text);
}

// The same answer as text.
inline std::string told(std::string_view body, std::string_view extra = "") {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + std::string{extra} +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}

}  // namespace tl::http
