// The relay of tunnels and of TCP between two real connections, whose ends do what the input says: write, read, finish,
// close, reset, wait. What arrives is a prefix of what was sent; an end arrives only behind all of it, and only where
// there was one; a reset never looks like an end; nothing hangs.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "fuzz_support.h"
#include "net/listener.h"
#include "proxy/relay.h"
#include "rt/gate.h"
#include "rt/loop.h"

namespace {

using namespace tl;
using namespace std::chrono_literals;
using fuzz::require;

constexpr int kSmallBuffer = 4096;  // so that receivers fill up
constexpr size_t kMostOps = 200;

// One end of the conversation: what it did and what it saw.
struct End {
    std::unique_ptr<net::Stream> stream;
    uint8_t salt = 0;
    uint64_t sent = 0;
    uint64_t received = 0;
    bool finished = false;  // half-closed or closed
    bool gone = false;      // closed or reset
    bool was_reset = false;
    bool saw_end = false;
    bool saw_reset = false;

    [[nodiscard]] bool reads() const { return !gone && !saw_end && !saw_reset; }
};

char byte_at(uint8_t salt, uint64_t position) {
    return static_cast<char>((position * 31 + (position >> 8) * 7 + salt) & 0xff);
}

void write(End& end, size_t size) {
    if (end.gone || end.finished || end.saw_reset) return;
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i) bytes[i] = byte_at(end.salt, end.sent + i);
    const iovec part{bytes.data(), bytes.size()};
    const net::IoResult put = end.stream->try_write({&part, 1});
    if (put.status == net::IoStatus::ok) end.sent += put.bytes;
    if (put.status == net::IoStatus::failed) end.saw_reset = true;
}

// False when there was nothing to read.
bool read(End& end, const End& other, size_t size) {
    if (!end.reads()) return false;
    std::array<char, 16384> bytes;
    const net::IoResult got = end.stream->try_read(std::span{bytes}.first(std::clamp<size_t>(size, 1, bytes.size())));
    if (got.status == net::IoStatus::again) return false;
    if (got.status == net::IoStatus::failed) end.saw_reset = true;
    for (size_t i = 0; i < got.bytes; ++i) {
        require(bytes[i] == byte_at(other.salt, end.received + i), "other bytes than were sent");
    }
    end.received += got.bytes;
    require(end.received <= other.sent, "more bytes than were sent");
    if (got.status == net::IoStatus::end) {
        end.saw_end = true;
        require(other.finished, "an end that nobody sent");
        require(end.received == other.sent, "an end before the last byte");
    }
    return true;
}

void finish(End& end) {
    if (end.gone || end.finished) return;
    end.stream->shutdown_write();
    end.finished = true;
}

void leave(End& end, bool by_reset) {
    if (end.gone) return;
    if (by_reset) end.stream->reset_on_close();
    end.was_reset = end.was_reset || by_reset;
    end.finished = end.finished || !by_reset;
    end.gone = true;
    end.stream.reset();
}

// A connection over loopback from an address of its own: ports are not used up by those that linger.
rt::Task<std::pair<std::unique_ptr<net::Stream>, std::unique_ptr<net::Stream>>> make_pair(net::Listener& listener) {
    static uint32_t host = 1;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    require(fd >= 0, "no socket");
    sockaddr_in from{};
    from.sin_family = AF_INET;
    host = host % 0xfffffd + 1;
    from.sin_addr.s_addr = htonl(0x7f000000U | host);
    require(::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0, "no address");
    const net::Address to = listener.address();
    ::connect(fd, to.raw(), to.length());
    auto accepted = co_await listener.accept(rt::this_loop().within(5s));
    require(accepted.has_value(), "not accepted");
    auto connected = net::make_stream(fd);
    for (const int each : {fd, (*accepted)->fd()}) {
        ::setsockopt(each, SOL_SOCKET, SO_SNDBUF, &kSmallBuffer, sizeof kSmallBuffer);
        ::setsockopt(each, SOL_SOCKET, SO_RCVBUF, &kSmallBuffer, sizeof kSmallBuffer);
    }
    co_return std::pair{std::move(*connected), std::move(*accepted)};
}

struct Relayed {
    std::unique_ptr<net::Stream> client;
    std::unique_ptr<net::Stream> service;
    uint64_t from_client = 0;
    uint64_t from_service = 0;
    std::optional<proxy::RelayEnd> end;
};

rt::Task<void> run_relay(Relayed& all) {
    const auto end = co_await proxy::relay({.client = *all.client, .service = *all.service}, {.idle = 20s},
                                           {.from_client = all.from_client, .from_service = all.from_service});
    all.end = end;
    all.client.reset();
    all.service.reset();
}

rt::Task<void> follow(std::string_view script, End& client, End& service) {
    for (size_t ops = 0; script.size() >= 2 && ops < kMostOps; ++ops) {
        const auto what = static_cast<uint8_t>(script[0]);
        const auto size = static_cast<size_t>(static_cast<uint8_t>(script[1])) * 64;
        script.remove_prefix(2);
        End& one = (what & 0x80) != 0 ? client : service;
        End& other = &one == &client ? service : client;
        switch (what & 0x0f) {
            case 0:
            case 1:
            case 2: write(one, size + 1); break;
            case 3:
            case 4: read(one, other, size); break;
            case 5: finish(one); break;
            case 6: leave(one, true); break;
            case 7: leave(one, false); break;
            default:
                for (size_t turns = 0; turns < size / 1024 + 1; ++turns) co_await rt::yield();
        }
    }
}

// Whoever is there still finishes and reads to the end.
rt::Task<void> settle(End& client, End& service, const Relayed& all) {
    finish(client);
    finish(service);
    const base::TimePoint last = rt::this_loop().now() + 10s;
    while (client.reads() || service.reads() || !all.end) {
        require(rt::this_loop().now() < last, "it hangs");
        const bool by_client = read(client, service, 16384);
        const bool by_service = read(service, client, 16384);
        if (by_client || by_service) {
            co_await rt::yield();
        } else {
            co_await rt::sleep(1ms);
        }
    }
}

void judge(const End& one, const End& other, const Relayed& all) {
    if (one.gone || other.gone) {
        // Whoever left by a reset, or with bytes unread, did not end in good order: no more than that is promised.
        require(one.gone || one.saw_end || one.saw_reset, "the other one left, and nobody was told");
        return;
    }
    require(one.saw_end && !one.saw_reset, "an orderly conversation was broken off");
    require(one.received == other.sent, "bytes are missing");
    require(all.end == proxy::RelayEnd::client_finished || all.end == proxy::RelayEnd::service_finished,
            "an orderly conversation has another end");
}

rt::Task<void> play(std::string_view script) {
    net::Listener listener;
    const auto fd = net::open_listener(net::Address::loopback(0), {});
    require(fd.has_value() && listener.start(*fd).has_value(), "no listener");
    auto near = co_await make_pair(listener);
    auto far = co_await make_pair(listener);
    Relayed all{.client = std::move(near.second), .service = std::move(far.second)};
    End client{.stream = std::move(near.first), .salt = 1};
    End service{.stream = std::move(far.first), .salt = 101};
    rt::Gate gate;
    gate.spawn("relay", run_relay(all));
    co_await follow(script, client, service);
    co_await settle(client, service, all);
    co_await gate.closed();
    judge(client, service, all);
    judge(service, client, all);
    require(all.from_client <= client.sent && all.from_service <= service.sent, "more was counted than was sent");
    leave(client, true);
    leave(service, true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static rt::Loop loop;
    loop.run_until_done(play({reinterpret_cast<const char*>(data), size}));
    return 0;
}
