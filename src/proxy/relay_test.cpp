#include "proxy/relay.h"

#include <gtest/gtest.h>

#include "base/buffer.h"
#include "net/listener.h"
#include "rt/gate.h"
#include "rt/loop.h"

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

using Streams = std::pair<std::unique_ptr<net::Stream>, std::unique_ptr<net::Stream>>;

// Connected over loopback: only there a reset is one.
rt::Task<Streams> connected() {
    net::Listener listener;
    const auto fd = net::open_listener(net::Address::loopback(0), {});
    EXPECT_TRUE(fd.has_value() && listener.start(*fd).has_value());
    auto near = co_await net::connect(listener.address(), rt::this_loop().within(5s));
    auto far = co_await listener.accept(rt::this_loop().within(5s));
    co_return Streams{std::move(*near), std::move(*far)};
}

// A client and a service with a relay between them.
class Wire {
  public:
    explicit Wire(base::Duration idle = 10s) : idle_(idle) {}
    rt::Task<void> open() {
        Streams near = co_await connected();
        Streams far = co_await connected();
        client = std::move(near.first);
        service = std::move(far.first);
        gate_.spawn("relay", run(std::move(near.second), std::move(far.second)));
    }
    rt::Task<RelayEnd> ended() {
        co_await gate_.closed();
        co_return end.value();
    }
    std::unique_ptr<net::Stream> client;
    std::unique_ptr<net::Stream> service;
    uint64_t in = 0;
    uint64_t out = 0;
    rt::Cancel cancel;
    std::optional<RelayEnd> end;

  private:
    rt::Task<void> run(std::unique_ptr<net::Stream> from, std::unique_ptr<net::Stream> to) {
        const RelayEnd how = co_await relay({.client = *from, .service = *to}, {.idle = idle_, .cancel = &cancel},
                                            {.from_client = in, .from_service = out});
        end = how;
    }
    base::Duration idle_;
    rt::Gate gate_;
};

rt::Task<void> say(net::Stream& stream, std::string_view text) {
    const auto sent = co_await stream.write_all(text, rt::this_loop().within(5s));
    EXPECT_TRUE(sent.has_value());
}

// What comes until the end; "RESET" behind it if that is how it ends.
rt::Task<std::string> hear(net::Stream& stream) {
    std::string text;
    for (;;) {
        char bytes[4096];
        const auto got = co_await stream.read_some(bytes, rt::this_loop().within(5s));
        if (!got) co_return text + (got.error().code == base::Code::reset ? "RESET" : got.error().message());
        if (*got == 0) co_return text;
        text.append(bytes, *got);
    }
}

using Story = rt::Task<void> (*)(Wire&);

void tell(Story story, base::Duration idle = 10s) {
    rt::Loop loop;
    const auto play = [](Story one, base::Duration most) -> rt::Task<void> {
        Wire wire{most};
        co_await wire.open();
        co_await one(wire);
    };
    loop.run_until_done(play(story, idle));
}

}  // namespace

TEST(Relay, passes_a_half_close_on_behind_the_last_byte_and_goes_on_the_other_way) {
    tell([](Wire& wire) -> rt::Task<void> {
        co_await say(*wire.client, "question");
        wire.client->shutdown_write();
        const std::string asked = co_await hear(*wire.service);
        EXPECT_EQ(asked, "question");
        co_await say(*wire.service, "answer");
        wire.service->shutdown_write();
        const std::string answered = co_await hear(*wire.client);
        EXPECT_EQ(answered, "answer");
        const RelayEnd end = co_await wire.ended();
        EXPECT_EQ(end, RelayEnd::client_finished);
        EXPECT_EQ(wire.in, 8U);
        EXPECT_EQ(wire.out, 6U);
    });
}

TEST(Relay, passes_a_reset_on_as_a_reset_behind_what_was_sent_before_it) {
    tell([](Wire& wire) -> rt::Task<void> {
        co_await say(*wire.service, "the last words");
        while (wire.out == 0) co_await rt::yield();
        wire.service->reset_on_close();
        wire.service.reset();
        const std::string heard = co_await hear(*wire.client);
        EXPECT_EQ(heard, "the last wordsRESET");
        const RelayEnd end = co_await wire.ended();
        EXPECT_EQ(end, RelayEnd::service_reset);
    });
}

TEST(Relay, notices_the_reset_of_an_end_that_had_finished_sending) {
    tell([](Wire& wire) -> rt::Task<void> {
        wire.client->shutdown_write();
        const std::string heard = co_await hear(*wire.service);
        EXPECT_EQ(heard, "");
        wire.client->reset_on_close();
        wire.client.reset();
        const RelayEnd end = co_await wire.ended();
        EXPECT_EQ(end, RelayEnd::client_reset);
    });
}

TEST(Relay, resets_both_ends_after_silence_so_that_nothing_looks_whole) {
    tell(
        [](Wire& wire) -> rt::Task<void> {
            co_await say(*wire.client, "half of a");
            const RelayEnd end = co_await wire.ended();
            EXPECT_EQ(end, RelayEnd::idle);
            const std::string heard = co_await hear(*wire.client);
            EXPECT_EQ(heard, "RESET");
        },
        50ms);
}

TEST(Relay, ends_by_a_reset_when_it_is_cancelled) {
    tell([](Wire& wire) -> rt::Task<void> {
        co_await say(*wire.client, "half of a");
        while (wire.in == 0) co_await rt::yield();
        wire.cancel.request();
        const RelayEnd end = co_await wire.ended();
        EXPECT_EQ(end, RelayEnd::cancelled);
        const std::string heard = co_await hear(*wire.service);
        EXPECT_EQ(heard, "half of aRESET");
    });
}

TEST(Relay, reads_no_more_than_it_can_deliver) {
    tell([](Wire& wire) -> rt::Task<void> {
        const std::string piece(64 * 1024, 'x');
        uint64_t sent = 0;
        // Until nobody takes anything for a while.
        for (;;) {
            const iovec part{const_cast<char*>(piece.data()), piece.size()};
            const net::IoResult put = wire.client->try_write({&part, 1});
            sent += put.bytes;
            if (put.status == net::IoStatus::ok) continue;
            const rt::Wake wake = co_await wire.client->readiness().wait_writable(rt::this_loop().within(200ms));
            if (wake != rt::Wake::ready) break;
        }
        EXPECT_LE(base::buffer_bytes(), 160 * 1024);
        wire.client->shutdown_write();
        const std::string heard = co_await hear(*wire.service);
        EXPECT_EQ(heard.size(), sent);
        wire.service->shutdown_write();
        const RelayEnd end = co_await wire.ended();
        EXPECT_EQ(end, RelayEnd::client_finished);
    });
}

}  // namespace tl::proxy
