// The whole system in one process, with services that "others" run: servers of the test. What changes and what ends
// while somebody looks on.
#include "app/system.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "base/log.h"
#include "http/fetch.h"

namespace tl::app {

using namespace std::chrono_literals;

namespace {

// A service that others run: says its name. /healthz is 503 until it is well.
class Other final : public http::Handler {
  public:
    explicit Other(std::string name) : name_(std::move(name)), server_(*this, http::ServerLimits{}) {
        const auto fd = net::open_listener(net::Address::loopback(0), {});
        EXPECT_TRUE(fd.has_value() && server_.start(*fd).has_value());
    }
    rt::Task<void> handle(http::ServerExchange& exchange) override {
        if (exchange.request().path == "/slow") co_await rt::sleep(100ms, &exchange.cancel());
        const bool sick = exchange.request().path == "/healthz" && rt::this_loop().now() < well_from;
        [[maybe_unused]] const auto sent = co_await http::reply(exchange, sick ? 503 : 200, "text/plain", name_);
    }
    [[nodiscard]] std::string where() const { return server_.address().to_string(); }
    [[nodiscard]] rt::Task<void> stop() { return server_.stop(rt::this_loop().now()); }
    base::TimePoint well_from;

  private:
    std::string name_;
    http::Server server_;
};

uint16_t free_port() {
    const auto fd = net::open_listener(net::Address::loopback(0), {});
    const uint16_t port = net::bound_port(*fd);
    ::close(*fd);
    return port;
}

struct Quiet final : console::ProgressSink {
    void on_progress(std::string /*text*/) override {}
};

class SystemTest : public testing::Test {
  public:
    SystemTest() {
        char name[] = "/tmp/tl-system-XXXXXX";
        folder = ::mkdtemp(name);
        base::configure_log(base::Level::error, base::LogFormat::readable, false);
    }
    ~SystemTest() override { std::filesystem::remove_all(folder); }

    // `services`: lines below the context; the one route leads to `to`.
    [[nodiscard]] std::string manifest(const std::string& services, const std::string& to = "shop",
                                       std::optional<uint16_t> second_port = {}) const {
        return fmt::format(
            "system: test\ngateway:\n  listen: [{}{}]\n  threads: 2\n  routes:\n"
            "    - {{ path: /*, to: {} }}\ntelemetry: {{ access_log: none }}\ngrace: 2s\n"
            "contexts:\n  all:\n{}",
            port, second_port ? fmt::format(", {}", *second_port) : "", to, services);
    }
    static std::string at(const std::string& service, const Other& other, const std::string& more = "") {
        return fmt::format("    {}: {{ address: \"{}\"{} }}\n", service, other.where(), more);
    }
    void make_system(const std::string& text, net::ResolverOptions dns = {}) {
        LoadedManifest loaded = read_manifest(text, folder + "/trunkline.yaml");
        ASSERT_TRUE(loaded.good()) << loaded.diagnostics.to_text();
        system.emplace(SystemOptions{.state_dir = folder + "/state", .run_id = "test", .dns = std::move(dns)},
                       std::move(loaded));
    }
    rt::Task<void> start(const std::string& text) {
        make_system(text);
        const auto started = co_await system->start();
        EXPECT_TRUE(started.has_value()) << (started ? "" : started.error().message());
    }
    rt::Task<void> end() {
        const auto ended = co_await system->stop(loop.now() + 1s, "test");
        EXPECT_TRUE(ended.has_value()) << (ended ? "" : ended.error().message());
    }
    rt::Task<void> stop() {
        co_await end();
        system.reset();
    }
    // Status and body of GET `target` by the gateway.
    rt::Task<std::string> get(std::string target = "/") {
        const auto got = co_await http::fetch({.address = net::Address::loopback(port), .target = std::move(target)},
                                              loop.within(5s));
        co_return got ? fmt::format("{} {}", got->status, got->body) : got.error().message();
    }
    // Asks again and again until `done`; each answer is one of the two.
    rt::Task<void> expect_either(const bool& done, std::string_view one, std::string_view other) {
        while (!done) {  // NOLINT: set by a task that runs meanwhile
            const std::string answer = co_await get();
            EXPECT_TRUE(answer == one || answer == other) << answer;
        }
    }
    rt::Task<console::PlanResult> apply(std::string text) {
        auto result = co_await system->apply(std::move(text), folder + "/trunkline.yaml", sink);
        co_return result;
    }

    std::string folder;
    uint16_t port = free_port();
    rt::Loop loop;
    Quiet sink;
    std::optional<System> system;
};

}  // namespace

TEST_F(SystemTest, a_change_that_meets_a_taken_port_changes_nothing) {
    loop.run_until_done([](SystemTest& t) -> rt::Task<void> {
        Other old{"old"};
        Other next{"next"};
        co_await t.start(t.manifest(t.at("shop", old)));
        const auto holder = net::open_listener(net::Address::loopback(0), {});
        const uint16_t taken = net::bound_port(*holder);
        const auto applied = co_await t.apply(t.manifest(t.at("shop", next) + t.at("more", next), "shop", taken));
        EXPECT_FALSE(applied.has_value());
        if (!applied) EXPECT_NE(applied.error().error.message().find(std::to_string(taken)), std::string::npos);
        const std::string answer = co_await t.get();
        EXPECT_EQ(answer, "200 old");
        const auto status = co_await t.system->status();
        EXPECT_EQ(status.services.size(), 1U);
        EXPECT_EQ(status.revision, 1U);
        ::close(*holder);
        co_await t.stop();
        co_await old.stop();
        co_await next.stop();
    }(*this));
}

TEST_F(SystemTest, a_door_can_open_to_the_network_on_its_port) {
    loop.run_until_done([](SystemTest& t) -> rt::Task<void> {
        Other old{"old"};
        const std::string text = t.manifest(t.at("shop", old));
        co_await t.start(text);
        std::string open = text;
        const std::string listen = fmt::format("listen: [{}]", t.port);
        open.replace(open.find(listen), listen.size(), fmt::format("listen: [\"0.0.0.0:{}\"]", t.port));
        const auto applied = co_await t.apply(open);
        EXPECT_TRUE(applied.has_value()) << (applied ? "" : applied.error().error.message());
        const std::string answer = co_await t.get();
        EXPECT_EQ(answer, "200 old");
        EXPECT_EQ(t.system->gateway_urls(), std::vector<std::string>{fmt::format("http://0.0.0.0:{}", t.port)});
        co_await t.stop();
        co_await old.stop();
    }(*this));
}

TEST_F(SystemTest, a_route_moves_to_a_new_service_only_when_that_is_healthy) {
    loop.run_until_done([](SystemTest& t) -> rt::Task<void> {
        Other old{"old"};
        Other next{"next"};
        co_await t.start(t.manifest(t.at("shop", old)));
        next.well_from = t.loop.now() + 300ms;
        const std::string text = t.manifest(t.at("shop", old) + t.at("more", next, ", health: /healthz"), "more");
        rt::Gate gate;
        bool done = false;
        const auto change = [](SystemTest& of, std::string manifest, bool& ended) -> rt::Task<void> {
            const auto applied = co_await of.apply(std::move(manifest));
            EXPECT_TRUE(applied.has_value());
            ended = true;
        };
        gate.spawn("apply", change(t, text, done));
        co_await t.expect_either(done, "200 old", "200 next");
        const std::string answer = co_await t.get();
        EXPECT_EQ(answer, "200 next");
        co_await gate.closed();
        co_await t.stop();
        co_await old.stop();
        co_await next.stop();
    }(*this));
}

TEST_F(SystemTest, a_service_that_moves_keeps_its_old_address_until_the_new_one_is_healthy) {
    loop.run_until_done([](SystemTest& t) -> rt::Task<void> {
        Other old{"old"};
        Other next{"next"};
        const std::string probed = ", health: /healthz";
        co_await t.start(t.manifest(t.at("shop", old, probed)));
        for (int i = 0; i < 200; ++i) {
            const std::string answer = co_await t.get();
            if (answer == "200 old") break;
            co_await rt::sleep(10ms);
        }
        next.well_from = t.loop.now() + 300ms;
        rt::Gate gate;
        bool done = false;
        const auto change = [](SystemTest& of, std::string manifest, bool& ended) -> rt::Task<void> {
            const auto applied = co_await of.apply(std::move(manifest));
            EXPECT_TRUE(applied.has_value());
            ended = true;
        };
        gate.spawn("apply", change(t, t.manifest(t.at("shop", next, probed)), done));
        co_await t.expect_either(done, "200 old", "200 next");
        const std::string answer = co_await t.get();
        EXPECT_EQ(answer, "200 next");
        co_await gate.closed();
        co_await t.stop();
        co_await old.stop();
        co_await next.stop();
    }(*this));
}

TEST_F(SystemTest, nothing_can_be_changed_before_the_start_has_ended_nor_while_it_stops) {
    loop.run_until_done([](SystemTest& t) -> rt::Task<void> {
        Other old{"old"};
        const std::string text = t.manifest(t.at("shop", old));
        rt::Gate gate;
        const auto start = [](SystemTest& of, std::string manifest) -> rt::Task<void> { co_await of.start(manifest); };
        gate.spawn("start", start(t, text));
        const auto early = co_await t.apply(text);
        EXPECT_TRUE(!early && early.error().error.code == base::Code::conflict);
        co_await gate.closed();
        rt::Gate ending;
        ending.spawn("stop", t.end());
        const auto late = co_await t.apply(text);
        EXPECT_TRUE(!late && late.error().error.code == base::Code::cancelled);
        co_await ending.closed();
        co_await old.stop();
    }(*this));
}

TEST_F(SystemTest, a_start_that_waits_for_a_name_is_given_up_at_once) {
    loop.run_until_done([](SystemTest& t) -> rt::Task<void> {
        const int silent = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);  // takes questions and answers none
        const net::Address address = net::Address::loopback(0);
        EXPECT_EQ(::bind(silent, address.raw(), address.length()), 0);
        t.make_system(t.manifest("    shop: { address: \"shop.example:80\" }\n"),
                      {.servers = {fmt::format("127.0.0.1:{}", net::bound_port(silent))}});
        rt::Gate gate;
        base::TimePoint given_up;
        const auto start = [](SystemTest& of, const base::TimePoint& since) -> rt::Task<void> {
            const auto started = co_await of.system->start();
            EXPECT_TRUE(!started && started.error().code == base::Code::cancelled);
            EXPECT_LT(base::steady_now() - since, 2s);
        };
        gate.spawn("start", start(t, given_up));
        co_await rt::sleep(300ms);
        EXPECT_EQ(gate.count(), 1U) << "it does not wait for the name";
        given_up = base::steady_now();
        t.system->give_up();
        co_await gate.closed();
        co_await t.stop();
        ::close(silent);
    }(*this));
}

TEST_F(SystemTest, who_looks_on_during_changes_and_the_end_sees_one_state_or_the_next) {
    loop.run_until_done([](SystemTest& t) -> rt::Task<void> {
        Other old{"old"};
        const std::string one = t.manifest(t.at("shop", old));
        const std::string two = t.manifest(t.at("shop", old) + t.at("first", old) + t.at("second", old));
        co_await t.start(one);
        rt::Gate gate;
        bool done = false;
        const auto watch = [](SystemTest& of, const bool& ended) -> rt::Task<void> {
            while (!ended) {
                const auto services = co_await of.system->services();
                EXPECT_TRUE(services.size() == 1 || services.size() == 3) << services.size();
                for (const auto& service : services) EXPECT_EQ(service.context, "all");
            }
        };
        for (int i = 0; i < 3; ++i) gate.spawn("watch", watch(t, done));
        for (int i = 0; i < 20; ++i) {
            const auto applied = co_await t.apply(i % 2 == 0 ? two : one);
            EXPECT_TRUE(applied.has_value());
        }
        done = true;
        co_await gate.closed();
        co_await t.stop();
        co_await old.stop();
    }(*this));
}

}  // namespace tl::app
