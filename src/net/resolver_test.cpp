#include "net/resolver.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "net/listener.h"
#include "rt/event.h"
#include "rt/gate.h"

namespace tl::net {

using namespace std::chrono_literals;

namespace {

// A DNS server on a free port of 127.0.0.1 (RFC 1035), over UDP and TCP. Knows the name "orders.test" only.
class DnsServer {
  public:
    struct Manners {
        bool silent = false;
        bool truncate = false;  // over UDP: the client must come again over TCP
        size_t answers = 1;
    };

    explicit DnsServer(Manners manners) : manners_(manners) {
        const auto listening = open_listener(Address::loopback(0), {});
        EXPECT_TRUE(listening.has_value());
        EXPECT_TRUE(tcp_.start(*listening).has_value());
        const Address here = tcp_.address();
        udp_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        EXPECT_EQ(::bind(udp_, here.raw(), here.length()), 0);
        EXPECT_TRUE(io_.attach(udp_).has_value());
        gate_.spawn("dns over udp", serve_udp());
        gate_.spawn("dns over tcp", serve_tcp());
    }
    ~DnsServer() { ::close(udp_); }

    [[nodiscard]] ResolverOptions options() const { return {.servers = {tcp_.address().to_string()}}; }
    [[nodiscard]] int over_tcp() const { return over_tcp_; }
    rt::Task<void> stop() {
        cancel_.request();
        io_.detach();
        tcp_.close();
        co_await gate_.closed();
    }

  private:
    [[nodiscard]] std::string answer(std::string_view query, bool truncated) const {
        const size_t name_end = query.find('\0', 12);
        const bool known = query.substr(12, name_end - 12) == "\x06orders\x04test";
        const bool wants_v4 = query[name_end + 2] == 1;
        const size_t count = known && wants_v4 && !truncated ? manners_.answers : 0;
        std::string out{query.substr(0, name_end + 5)};
        out[2] = static_cast<char>(0x81 | (truncated ? 0x02 : 0));
        out[3] = static_cast<char>(0x80 | (known ? 0 : 3));
        out[7] = static_cast<char>(count);
        out[9] = out[11] = 0;
        for (size_t i = 0; i < count; ++i) {
            out += std::string("\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\x01\x02", 15);
            out += static_cast<char>(i + 1);
        }
        return out;
    }
    rt::Task<void> serve_udp() {
        for (;;) {
            char query[512];
            sockaddr_storage from{};
            socklen_t length = sizeof from;
            const ssize_t got = ::recvfrom(udp_, query, sizeof query, 0, reinterpret_cast<sockaddr*>(&from), &length);
            if (got <= 0) {
                io_.clear_readable();
                const rt::Wake wake = co_await io_.wait_readable({.cancel = &cancel_});
                if (wake != rt::Wake::ready) co_return;
                continue;
            }
            if (manners_.silent) continue;
            const std::string reply = answer({query, static_cast<size_t>(got)}, manners_.truncate);
            ::sendto(udp_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
        }
    }
    // One connection after the other: a client that keeps to one server needs no more.
    rt::Task<void> serve_tcp() {
        for (;;) {
            auto stream = co_await tcp_.accept({.cancel = &cancel_});
            if (!stream) co_return;
            std::string seen;
            for (;;) {
                char piece[64];
                const auto got = co_await (*stream)->read_some(piece, {.cancel = &cancel_});
                if (!got || *got == 0) break;
                seen.append(piece, *got);
                co_await answer_all(**stream, seen);
            }
        }
    }
    rt::Task<void> answer_all(Stream& stream, std::string& seen) {
        while (seen.size() >= 2) {
            const size_t length = static_cast<uint8_t>(seen[0]) * 256U + static_cast<uint8_t>(seen[1]);
            if (seen.size() < length + 2) co_return;
            ++over_tcp_;
            const std::string reply = answer(std::string_view{seen}.substr(2, length), false);
            const std::string head{static_cast<char>(reply.size() / 256), static_cast<char>(reply.size() % 256)};
            // In two pieces, so that the client cannot have all of it with one read.
            co_await stream.write_all(head, {.cancel = &cancel_});
            co_await rt::sleep(5ms);
            co_await stream.write_all(reply, {.cancel = &cancel_});
            seen.erase(0, length + 2);
        }
    }

    Manners manners_;
    Listener tcp_;
    int udp_ = -1;
    rt::Readiness io_;
    rt::Cancel cancel_;
    rt::Gate gate_;
    int over_tcp_ = 0;
};

using Answer = base::Result<std::vector<Address>>;

std::string first_of(const Answer& answer) {
    return answer ? answer->front().to_string() : std::string{to_string(answer.error().code)};
}

// Resolves one name against `server`, or the system's when it is nullopt.
struct Asked {
    Answer answer = std::vector<Address>{};
    base::Duration took{0};
    int over_tcp = 0;
};
Asked ask(std::string host, std::optional<DnsServer::Manners> manners, base::Duration deadline = 5s) {
    Asked asked;
    rt::Loop loop;
    loop.run_until_done(
        [](std::string name, std::optional<DnsServer::Manners> how, base::Duration most, Asked& out) -> rt::Task<void> {
            std::optional<DnsServer> server;
            if (how) server.emplace(*how);
            Resolver resolver{server ? server->options() : ResolverOptions{}};
            const base::TimePoint began = base::steady_now();
            out.answer = co_await resolver.resolve(name, 80, rt::this_loop().within(most));
            out.took = base::steady_now() - began;
            co_await resolver.stop();
            if (!server) co_return;
            out.over_tcp = server->over_tcp();
            co_await server->stop();
        }(std::move(host), manners, deadline, asked));
    return asked;
}

rt::Task<void> resolve_into(Resolver& resolver, std::string host, rt::Wait wait, Answer& out) {
    out = co_await resolver.resolve(std::move(host), 80, wait);
}

}  // namespace

TEST(Resolver, literals_need_no_server) {
    EXPECT_EQ(first_of(ask("10.1.2.3", std::nullopt).answer), "10.1.2.3:80");
    EXPECT_EQ(first_of(ask("::1", std::nullopt).answer), "[::1]:80");
    EXPECT_EQ(first_of(ask("[::1]", std::nullopt).answer), "[::1]:80");
}

TEST(Resolver, localhost_comes_from_the_hosts_file_without_a_network) {
    const Asked asked = ask("localhost", DnsServer::Manners{.silent = true});
    EXPECT_EQ(first_of(asked.answer), "127.0.0.1:80");
    EXPECT_LT(asked.took, 500ms);
}

TEST(Resolver, a_name_is_asked_from_the_server) {
    EXPECT_EQ(first_of(ask("orders.test", DnsServer::Manners{}).answer), "10.1.2.1:80");
}

TEST(Resolver, a_truncated_answer_is_asked_again_over_tcp) {
    const Asked asked = ask("orders.test", DnsServer::Manners{.truncate = true});
    EXPECT_EQ(first_of(asked.answer), "10.1.2.1:80");
    EXPECT_GE(asked.over_tcp, 1);
    EXPECT_LT(asked.took, 500ms);  // and not by the time-out of a try
}

TEST(Resolver, an_answer_is_capped) {
    const Asked asked = ask("orders.test", DnsServer::Manners{.truncate = true, .answers = 60});
    ASSERT_TRUE(asked.answer.has_value());
    EXPECT_EQ(asked.answer->size(), ResolverOptions{}.most_addresses);
}

TEST(Resolver, a_name_that_does_not_exist_is_not_found) {
    const Asked asked = ask("nobody.test", DnsServer::Manners{});
    ASSERT_FALSE(asked.answer.has_value());
    EXPECT_EQ(asked.answer.error().code, base::Code::not_found);
    EXPECT_EQ(asked.answer.error().context, "the host name \"nobody.test\" has no address");
    EXPECT_FALSE(asked.answer.error().retryable);
}

TEST(Resolver, a_silent_server_costs_no_more_than_the_deadline) {
    const Asked asked = ask("orders.test", DnsServer::Manners{.silent = true}, 80ms);
    ASSERT_FALSE(asked.answer.has_value());
    EXPECT_EQ(asked.answer.error().code, base::Code::timeout);
    EXPECT_LT(asked.took, 400ms);
}

TEST(Resolver, without_a_deadline_the_tries_end_it) {
    rt::Loop loop;
    Answer answer = std::vector<Address>{};
    loop.run_until_done([](Answer& out) -> rt::Task<void> {
        DnsServer server{{.silent = true}};
        ResolverOptions options = server.options();
        options.first_try = 20ms;
        options.tries = 2;
        Resolver resolver{options};
        out = co_await resolver.resolve("orders.test", 80, {});
        co_await resolver.stop();
        co_await server.stop();
    }(answer));
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, base::Code::timeout);
    EXPECT_TRUE(answer.error().retryable);
}

TEST(Resolver, names_that_cannot_exist_are_invalid) {
    EXPECT_EQ(first_of(ask("", std::nullopt).answer), "invalid");
    EXPECT_EQ(first_of(ask(std::string(300, 'a'), std::nullopt).answer), "invalid");
    EXPECT_EQ(first_of(ask(std::string("a\0b", 3), std::nullopt).answer), "invalid");
}

TEST(Resolver, queries_beyond_the_cap_wait_for_their_turn) {
    rt::Loop loop;
    Answer first = std::vector<Address>{};
    Answer second = std::vector<Address>{};
    Answer third = std::vector<Address>{};
    loop.run_until_done([](Answer& a, Answer& b, Answer& c) -> rt::Task<void> {
        DnsServer server{{.silent = true}};
        ResolverOptions options = server.options();
        options.most_queries = 1;
        options.most_waiting = 1;
        Resolver resolver{options};
        rt::Gate gate;
        gate.spawn("first", resolve_into(resolver, "orders.test", rt::this_loop().within(5s), a));
        gate.spawn("second", resolve_into(resolver, "orders.test", rt::this_loop().within(50ms), b));
        gate.spawn("third", resolve_into(resolver, "orders.test", rt::this_loop().within(5s), c));
        EXPECT_EQ(resolver.queries(), 1U);
        co_await rt::sleep(100ms);
        co_await resolver.stop();  // the first is still being tried
        co_await gate.closed();
        EXPECT_EQ(resolver.queries(), 0U);
        co_await server.stop();
    }(first, second, third));
    EXPECT_EQ(first_of(first), "cancelled");
    EXPECT_EQ(first_of(second), "timeout");
    EXPECT_EQ(first_of(third), to_string(base::Code::too_large));
}

TEST(Resolver, a_cancelled_wait_ends_and_its_slot_comes_back) {
    rt::Loop loop;
    Answer cancelled = std::vector<Address>{};
    Answer later = std::vector<Address>{};
    loop.run_until_done([](Answer& a, Answer& b) -> rt::Task<void> {
        DnsServer server{{.silent = true}};
        ResolverOptions options = server.options();
        options.most_queries = 1;
        options.first_try = 20ms;
        options.tries = 1;
        Resolver resolver{options};
        rt::Gate gate;
        rt::Cancel cancel;
        gate.spawn("first", resolve_into(resolver, "orders.test", {.cancel = &cancel}, a));
        cancel.request();
        b = co_await resolver.resolve("localhost", 80, rt::this_loop().within(5s));
        co_await gate.closed();
        co_await resolver.stop();
        co_await server.stop();
    }(cancelled, later));
    EXPECT_EQ(first_of(cancelled), "cancelled");
    EXPECT_EQ(first_of(later), "127.0.0.1:80");
}

}  // namespace tl::net
