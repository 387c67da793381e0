// The admin API as its clients see it: a real server on a Unix socket or on loopback, behind it a fake system.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "base/text.h"
#include "console/admin_server.h"
#include "console/system_testing.h"
#include "http/fetch.h"

namespace tl::console {
namespace {

using namespace std::chrono_literals;
using http::FetchRequest;
using http::FetchResponse;

struct Collected final : http::FetchSink {
    void on_head(uint16_t) override {}
    void on_piece(std::string_view piece) override { text += piece; }
    std::string text;
};

rt::Task<void> follow(FetchRequest request, Collected& into, rt::Cancel& cancel, bool& whole) {
    const auto ended = co_await http::fetch_streaming(std::move(request), into, {rt::this_loop().now() + 5s, &cancel});
    whole = ended.has_value();
}

// Waits until `holds` does; false when it never does.
rt::Task<bool> until(std::function<bool()> holds) {
    for (int i = 0; i < 2500; ++i) {
        if (holds()) co_return true;
        co_await rt::sleep(2ms);
    }
    co_return false;
}

class AdminApiTest : public testing::Test {
  public:
    AdminApiTest() {
        char name[] = "/tmp/tl-admin-XXXXXX";
        folder = ::mkdtemp(name);
        state = folder + "/.trunkline";
    }
    ~AdminApiTest() override { std::filesystem::remove_all(folder); }

    // Runs `body` against a server with both doors.
    void with_server(rt::Task<void> (AdminApiTest::*body)(), bool open_metrics = false) {
        loop.run_until_done(serve(body, open_metrics));
    }
    rt::Task<void> serve(rt::Task<void> (AdminApiTest::*body)(), bool open_metrics) {
        server = std::make_unique<AdminServer>(system);
        const auto started = server->start({state, net::Address::loopback(0), open_metrics});
        EXPECT_TRUE(started) << started.error().message();
        if (started) co_await (this->*body)();
        co_await server->stop(loop.now() + 1s);
        server.reset();
    }

    rt::Task<FetchResponse> ask(FetchRequest request) {
        auto answer = co_await http::fetch(std::move(request), rt::this_loop().within(5s));
        EXPECT_TRUE(answer) << answer.error().message();
        co_return answer ? std::move(*answer) : FetchResponse{};
    }
    FetchRequest by_socket(std::string method, std::string target, std::string body = {}) {
        AdminSocket socket;
        EXPECT_TRUE(socket.locate(state));
        return {.address = socket.address(),
                .method = std::move(method),
                .target = std::move(target),
                .body = std::move(body)};
    }
    FetchRequest by_http(std::string target, const std::string& token, std::string host = {}) {
        FetchRequest request{.address = *net::Address::parse(server->http_url().substr(7)),
                             .target = std::move(target)};
        request.host = std::move(host);
        if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
        return request;
    }
    static std::string header(const FetchResponse& response, std::string_view name) {
        for (const auto& [key, value] : response.headers) {
            if (base::iequals(key, name)) return value;
        }
        return {};
    }

    rt::Task<void> check_reads();
    rt::Task<void> check_refusals();
    rt::Task<void> check_manifests();
    rt::Task<void> check_restart();
    rt::Task<void> check_logs();
    rt::Task<void> check_followed_logs();
    rt::Task<void> check_hostile_http();
    rt::Task<void> check_open_metrics();
    rt::Task<void> check_second_server();

    std::string folder;
    std::string state;
    rt::Loop loop;
    FakeSystem system;
    std::unique_ptr<AdminServer> server;
};

rt::Task<void> AdminApiTest::check_reads() {
    FetchResponse answer = co_await ask(by_socket("GET", "/v1/status"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(Json::parse(answer.body), to_json(system.view));
    EXPECT_EQ(header(answer, "access-control-allow-origin"), "");
    answer = co_await ask(by_socket("GET", "/v1/services"));
    EXPECT_EQ(Json::parse(answer.body)["services"][1]["name"], "payments");
    answer = co_await ask(by_socket("GET", "/v1/routes"));
    EXPECT_EQ(Json::parse(answer.body)["routes"][0]["path"], "/api/orders/*");
    answer = co_await ask(by_socket("GET", "/metrics"));
    EXPECT_EQ(answer.body, "trunkline_up 1\n");
    answer = co_await ask(by_socket("GET", "/v1/dump"));
    EXPECT_EQ(answer.body, "main loop: nothing\n");
    answer = co_await ask(by_socket("GET", "/v1/why/4BF92F35"));
    EXPECT_EQ(answer.body, R"({"trace":"4bf9"})");
    EXPECT_EQ(system.asked.back(), "why 4bf92f35");
    FetchRequest text = by_socket("GET", "/v1/why/4bf92f35");
    text.headers.emplace_back("Accept", "text/plain");
    answer = co_await ask(std::move(text));
    EXPECT_EQ(answer.body, "trace 4bf9\n");
    answer = co_await ask(by_socket("HEAD", "/v1/status"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "");
    answer = co_await ask(by_socket("GET", "/"));
    EXPECT_GE(Json::parse(answer.body)["endpoints"].size(), 12U);
    answer = co_await ask(by_socket("POST", "/v1/stop"));
    EXPECT_EQ(Json::parse(answer.body)["pid"], 4242);
    EXPECT_EQ(system.stops, 1);
}
TEST_F(AdminApiTest, AnswersWhatTheSystemSays) { with_server(&AdminApiTest::check_reads); }

rt::Task<void> AdminApiTest::check_refusals() {
    struct Case {
        const char *method, *target;
        int status;
        const char* says;
    };
    for (const Case& each : {Case{"GET", "/v2/status", 404, "/v1/status"},
                             Case{"GET", "/v1/status/x", 404, "there_is"},
                             Case{"POST", "/v1/status", 405, "takes GET, not POST"},
                             Case{"GET", "/v1/stop", 405, "takes POST, not GET"},
                             Case{"OPTIONS", "/v1/status", 405, "takes GET"},
                             Case{"GET", "/v1/status?verbose=1", 400, "takes no query"},
                             Case{"GET", "/v1/logs?tial=1", 400, "it takes service, tail, follow"},
                             Case{"GET", "/v1/logs?tail=1000000", 400, "from 0 to 10000"},
                             Case{"GET", "/v1/logs?follow=perhaps", 400, "follow must be 0 or 1"},
                             Case{"GET", "/v1/logs?service=ordres", 404, "did you mean \\\"orders\\\"?"},
                             Case{"GET", "/v1/why/xyz", 400, "is no trace id"},
                             Case{"GET", "/v1/why/abc", 400, "is no trace id"},
                             Case{"GET", "/v1/why/deaddead", 404, "no record of the trace"},
                             Case{"GET", "/v1/why/%1b%5b31m", 400, "control character"},
                             Case{"POST", "/v1/services/ordres/restart", 404, "did you mean \\\"orders\\\"?"},
                             Case{"POST", "/v1/services/payments/restart", 409, "run by others"},
                             Case{"POST", "/v1/upgrade", 400, "absolute path"},
                             Case{"POST", "/v1/upgrade?binary=x", 400, "absolute path"},
                             Case{"POST", "/v1/upgrade?binary=/bin/false", 400, "no Trunkline"},
                             Case{"POST", "/v1/apply", 400, "the body is empty"}}) {
        const FetchResponse answer = co_await ask(by_socket(each.method, each.target));
        EXPECT_EQ(answer.status, each.status) << each.target;
        EXPECT_NE(answer.body.find(each.says), std::string::npos) << each.target << ": " << answer.body;
        EXPECT_EQ(header(answer, "Content-Type"), "application/problem+json") << each.target;
    }
    EXPECT_EQ(system.stops, 0);
}
TEST_F(AdminApiTest, RefusesWithASentence) { with_server(&AdminApiTest::check_refusals); }

rt::Task<void> AdminApiTest::check_manifests() {
    FetchResponse answer = co_await ask(by_socket("POST", "/v1/plan?file=%2Fa%20b.yaml", "good"));
    EXPECT_EQ(Json::parse(answer.body), to_json(system.plan_view));
    EXPECT_EQ(system.asked.back(), "plan /a b.yaml");
    for (const char* target : {"/v1/plan", "/v1/apply"}) {
        answer = co_await ask(by_socket("POST", target, "bad"));
        EXPECT_EQ(answer.status, 422) << target;
        const Json problem = Json::parse(answer.body);
        EXPECT_EQ(problem["cause"], "bad_manifest");
        EXPECT_EQ(problem["diagnostics"]["errors"], 1);
        EXPECT_NE(problem["diagnostics_text"].get<std::string>().find("1:1: error"), std::string::npos);
    }
    answer = co_await ask(by_socket("POST", "/v1/apply", "good"));
    EXPECT_EQ(answer.status, 200);
    const size_t second = answer.body.find('\n') + 1;
    EXPECT_EQ(Json::parse(answer.body.substr(0, second))["text"], "orders: 1 more instance");
    const Json last = Json::parse(answer.body.substr(second));
    EXPECT_EQ(last["done"], true);
    EXPECT_EQ(last["plan"]["changes"].size(), 2U);
    answer = co_await ask(by_socket("POST", "/v1/apply", "late failure"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_NE(answer.body.find(R"("text":"orders never got healthy","done":false,"failed":true)"), std::string::npos);
    answer = co_await ask(by_socket("POST", "/v1/apply", std::string(AdminApi::kMostManifest, 'x')));
    EXPECT_EQ(answer.status, 200);
    const size_t asked = system.asked.size();
    answer = co_await ask(by_socket("POST", "/v1/apply", std::string(AdminApi::kMostManifest + 1, 'x')));
    EXPECT_EQ(answer.status, 413);
    EXPECT_NE(answer.body.find("at most 4MB"), std::string::npos) << answer.body;
    EXPECT_EQ(system.asked.size(), asked);
}
TEST_F(AdminApiTest, PlansAndAppliesManifests) { with_server(&AdminApiTest::check_manifests); }

rt::Task<void> AdminApiTest::check_restart() {
    const FetchResponse answer = co_await ask(by_socket("POST", "/v1/services/orders/restart"));
    EXPECT_EQ(header(answer, "Content-Type"), "application/x-ndjson");
    EXPECT_NE(answer.body.find("orders-1 is replaced"), std::string::npos);
    EXPECT_NE(answer.body.find(R"("text":"orders is restarted","done":true,"failed":false)"), std::string::npos);
    // A client that goes away does not stop what it began.
    system.hold_restart = true;
    Collected lines;
    rt::Cancel leave;
    bool whole = true;
    rt::Gate gate;
    gate.spawn("leaves", follow(by_socket("POST", "/v1/services/orders/restart"), lines, leave, whole));
    bool came = co_await until([&] { return system.asked.size() == 2; });
    EXPECT_TRUE(came);
    leave.request();
    co_await gate.closed();
    EXPECT_FALSE(whole);
    EXPECT_EQ(system.restarted, 1);
    system.hold_restart = false;
    came = co_await until([&] { return system.restarted == 2; });
    EXPECT_TRUE(came);
}
TEST_F(AdminApiTest, RestartsLineByLine) { with_server(&AdminApiTest::check_restart); }

rt::Task<void> AdminApiTest::check_logs() {
    for (int i = 0; i < 5; ++i)
        system.kept.push_back({.service = "orders", .text = "line " + std::to_string(i) + " \xff"});
    const FetchResponse answer = co_await ask(by_socket("GET", "/v1/logs?tail=2&service=orders&service=payments"));
    EXPECT_EQ(std::count(answer.body.begin(), answer.body.end(), '\n'), 2);
    EXPECT_NE(answer.body.find("line 3"), std::string::npos);
    EXPECT_TRUE(system.followers.empty());
}
TEST_F(AdminApiTest, GivesTheTailOfLogs) { with_server(&AdminApiTest::check_logs); }

rt::Task<void> AdminApiTest::check_followed_logs() {
    Collected stays, leaves;
    rt::Cancel never, leave;
    bool stayed_whole = false, left_whole = false;
    rt::Gate gate;
    gate.spawn("stays", follow(by_socket("GET", "/v1/logs?follow=1"), stays, never, stayed_whole));
    gate.spawn("leaves", follow(by_socket("GET", "/v1/logs?follow=1"), leaves, leave, left_whole));
    bool came = co_await until([&] { return system.followers.size() == 2; });
    EXPECT_TRUE(came);
    leave.request();
    came = co_await until([&] { return system.followers.size() == 1; });
    EXPECT_TRUE(came) << "who goes away must be unsubscribed without a further line";
    system.say({.service = "orders", .text = "hello"});
    came = co_await until([&] { return stays.text.find("hello") != std::string::npos; });
    EXPECT_TRUE(came);
    // More in one turn than the feed holds: a gap that is told, and what follows arrives again.
    const std::string big(1U << 20, 'x');
    for (int i = 0; i < 20; ++i) system.say({.service = "orders", .text = big});
    came = co_await until([&] { return stays.text.find("13 lines are left out here") != std::string::npos; });
    EXPECT_TRUE(came);
    system.say({.service = "orders", .text = "after the gap"});
    came = co_await until([&] { return stays.text.find("after the gap") != std::string::npos; });
    EXPECT_TRUE(came);
    EXPECT_LT(stays.text.size(), 8U << 20);
    co_await server->stop(rt::this_loop().now() + 1s);
    co_await gate.closed();
    EXPECT_TRUE(stayed_whole) << "a stop ends followed logs in good order";
    EXPECT_FALSE(left_whole);
    EXPECT_TRUE(system.followers.empty());
}
TEST_F(AdminApiTest, FollowsLogsAndEndsThem) { with_server(&AdminApiTest::check_followed_logs); }

rt::Task<void> AdminApiTest::check_hostile_http() {
    const std::string token = *load_or_make_token(state);
    FetchResponse answer = co_await ask(by_http("/v1/status", token));
    EXPECT_EQ(answer.status, 200);
    answer = co_await ask(by_http("/v1/status", token, "localhost:1"));
    EXPECT_EQ(answer.status, 200);
    answer = co_await ask(by_http("/v1/status", ""));
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(header(answer, "WWW-Authenticate"), "Bearer realm=\"trunkline\"");
    EXPECT_NE(answer.body.find("has no token"), std::string::npos);
    EXPECT_EQ(answer.body.find(token), std::string::npos);
    answer = co_await ask(by_http("/v1/status", std::string(64, 'a')));
    EXPECT_EQ(answer.status, 401);
    answer = co_await ask(by_http("/no/such/path", ""));
    EXPECT_EQ(answer.status, 401) << "who has no token learns nothing about paths";
    answer = co_await ask(by_http("/metrics", ""));
    EXPECT_EQ(answer.status, 401);
    for (const char* host : {"evil.example", "127.0.0.1.evil.example:80", "10.1.2.3"}) {
        answer = co_await ask(by_http("/v1/status", token, host));
        EXPECT_EQ(answer.status, 403) << host;
    }
    FetchRequest stop = by_http("/v1/stop", "");
    stop.method = "POST";
    answer = co_await ask(std::move(stop));
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(system.stops, 0);
    FetchRequest twice = by_http("/v1/status", token);
    twice.headers.emplace_back("Authorization", "Bearer x");
    answer = co_await ask(std::move(twice));
    EXPECT_EQ(answer.status, 401);
}
TEST_F(AdminApiTest, LoopbackNeedsTokenAndLoopbackHost) { with_server(&AdminApiTest::check_hostile_http); }

rt::Task<void> AdminApiTest::check_open_metrics() {
    FetchResponse answer = co_await ask(by_http("/metrics", ""));
    EXPECT_EQ(answer.status, 200);
    answer = co_await ask(by_http("/metrics", "", "evil.example"));
    EXPECT_EQ(answer.status, 403);
    answer = co_await ask(by_http("/v1/status", ""));
    EXPECT_EQ(answer.status, 401);
}
TEST_F(AdminApiTest, MetricsCanBeOpened) { with_server(&AdminApiTest::check_open_metrics, true); }

rt::Task<void> AdminApiTest::check_second_server() {
    struct stat info{};
    EXPECT_EQ(::stat(state.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
    EXPECT_EQ(::stat((state + "/admin.sock").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    AdminServer second{system};
    const auto started = second.start({.state_dir = state});
    EXPECT_FALSE(started);
    if (!started) EXPECT_EQ(started.error().code, base::Code::conflict);
    const FetchResponse answer = co_await ask(by_socket("GET", "/v1/status"));
    EXPECT_EQ(answer.status, 200) << "the first one goes on";
}
TEST_F(AdminApiTest, ASecondServerOfTheSameFolderIsRefused) { with_server(&AdminApiTest::check_second_server); }

TEST_F(AdminApiTest, AnOldSocketIsReplacedAndRemovedAtTheEnd) {
    std::filesystem::create_directory(state);
    const auto fd = net::open_listener(*net::Address::unix_path(state + "/admin.sock"), {});
    ASSERT_TRUE(fd);
    ::close(*fd);  // the file stays, as after kill -9
    with_server(&AdminApiTest::check_logs);
    EXPECT_FALSE(std::filesystem::exists(state + "/admin.sock"));
}

TEST_F(AdminApiTest, AFolderTooDeepForASocketNameWorksToo) {
    state = folder + "/" + std::string(120, 'd');
    loop.run_until_done([](AdminApiTest& test) -> rt::Task<void> {
        AdminServer deep{test.system};
        EXPECT_TRUE(deep.start({.state_dir = test.state}));
        AdminSocket socket;
        EXPECT_TRUE(socket.locate(test.state));
        const FetchResponse answer = co_await test.ask({.address = socket.address(), .target = "/v1/status"});
        EXPECT_EQ(answer.status, 200);
        co_await deep.stop(test.loop.now() + 1s);
    }(*this));
}

TEST_F(AdminApiTest, OtherAddressesThanLoopbackAreRefusedBeforeAnythingIsOpened) {
    loop.run_until_done([](AdminApiTest& test) -> rt::Task<void> {
        AdminServer open{test.system};
        const auto started = open.start({test.state, *net::Address::parse("0.0.0.0:0"), false});
        EXPECT_FALSE(started);
        EXPECT_FALSE(std::filesystem::exists(test.state));
        co_return;
    }(*this));
}

}  // namespace
}  // namespace tl::console
