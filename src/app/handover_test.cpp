// What one program writes for the next, the next one reads, whatever bytes are in it.
#include "app/handover.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

namespace tl::app {

using namespace std::chrono_literals;

namespace {

Handover full() {
    Handover left{.version = "0.1.0", .run_id = "ab12", .manifest_file = "/m.yaml", .manifest_text = "a: \xff\n"};
    left.cores = 3;
    left.started = base::WallTime{1234567891ms};
    left.revision = 7;
    left.cookie_low = 0xfedcba9876543210;
    left.cookie_high = 8;
    left.upgrades = 2;
    left.grace = 1500ms;
    left.lock = 4;
    left.guard = 99;
    left.guard_pipe = 5;
    left.admin_socket = 6;
    left.doors = {{"gateway 127.0.0.1:80", "127.0.0.1:80", {10, 11, 12}}};
    left.instances = {{"orders", "orders-1", "127.0.0.1:9000", "2", "east", 3, "orders.example", "healthy", "said 200",
                       "200", base::WallTime{5s}, true}};
    supervisor::InstanceEstate instance{.id = "orders-1", .version = "2"};
    instance.state = supervisor::InstanceState::crash_loop;
    instance.pid = 77;
    instance.port = 9000;
    instance.age = 3s;
    instance.out = {20, "half a l\xc3"};
    instance.cgroups = {"/sys/fs/cgroup/x"};
    left.estate.services = {{.name = "orders", .fingerprint = "f", .next_ordinal = 4, .started = true}};
    left.estate.services[0].instances = {instance};
    left.estate.lines = {std::make_shared<const supervisor::LogLine>(
        supervisor::LogLine{base::WallTime{9s}, "orders", "orders-1", supervisor::Stream::err, "hello"})};
    return left;
}

}  // namespace

TEST(Handover, is_read_as_it_was_written) {
    const Handover left = full();
    const std::string text = write_handover(left);
    const auto read = read_handover(text);
    ASSERT_TRUE(read.has_value()) << read.error().message();
    EXPECT_EQ(write_handover(*read), text);
    EXPECT_EQ(read->manifest_text, left.manifest_text);
    EXPECT_EQ(read->estate.services[0].instances[0].out.partial, "half a l\xc3");
    EXPECT_EQ(read->estate.services[0].instances[0].state, supervisor::InstanceState::crash_loop);
    EXPECT_EQ(read->estate.lines[0]->stream, supervisor::Stream::err);
    EXPECT_EQ(read->started, left.started);
    EXPECT_EQ(read->cookie_low, left.cookie_low);
    EXPECT_EQ(read->instances[0].zone, "east");
    EXPECT_EQ(read->instances[0].weight, 3U);
    EXPECT_EQ(read->instances[0].host, "orders.example");
    const std::vector<int> open = read->descriptors();
    EXPECT_EQ(std::set<int>(open.begin(), open.end()), (std::set<int>{4, 5, 6, 10, 11, 12, 20}));
}

TEST(Handover, of_another_format_or_none_is_refused_with_what_to_do) {
    Handover left = full();
    left.format = Handover::kFormat + 1;
    const auto later = read_handover(write_handover(left));
    ASSERT_FALSE(later.has_value());
    EXPECT_NE(later.error().message().find("stop and start"), std::string::npos) << later.error().message();
    EXPECT_FALSE(read_handover("").has_value());
    EXPECT_FALSE(read_handover("[]").has_value());
    EXPECT_FALSE(read_handover(R"({"format": 1, "doors": 7})").has_value());
    EXPECT_FALSE(read_handover(R"({"format": 1, "cores": "many"})").has_value());
    EXPECT_TRUE(read_handover(R"({"format": 1, "what nobody knows": {}})").has_value());
}

TEST(HandoverTicket, goes_through_an_environment_variable_once) {
    const HandoverTicket given{.file = 7, .former = 123, .former_link = 8, .program = 9, .failed = "it crashed"};
    ASSERT_EQ(::setenv(HandoverTicket::kVariable, given.in_words().c_str(), 1), 0);
    const auto taken = HandoverTicket::take();
    ASSERT_TRUE(taken.has_value());
    EXPECT_EQ(taken->in_words(), given.in_words());
    EXPECT_EQ(taken->failed, "it crashed");
    EXPECT_FALSE(HandoverTicket::take().has_value());
    EXPECT_FALSE(HandoverTicket::parse("1 2 three").has_value());
}

}  // namespace tl::app
