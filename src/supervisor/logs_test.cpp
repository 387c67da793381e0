#include "supervisor/logs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "rt/gate.h"
#include "rt/loop.h"
#include "supervisor/capture.h"

namespace tl::supervisor {

using namespace std::chrono_literals;

namespace {

std::vector<std::string> split_all(const std::vector<std::string>& pieces) {
    LineSplitter splitter;
    std::vector<std::string> lines;
    const auto take = [&](std::string_view line) { lines.emplace_back(line); };
    for (const std::string& piece : pieces) splitter.feed(piece, take);
    splitter.finish(take);
    return lines;
}

LogLine line(std::string text, std::string service = "orders", std::string instance = "orders-1") {
    return {.time = {}, .service = std::move(service), .instance = std::move(instance), .text = std::move(text)};
}

}  // namespace

TEST(Lines, come_out_whole_however_they_arrive) {
    EXPECT_EQ(split_all({"on", "e\ntw", "o\n\nfour"}), (std::vector<std::string>{"one", "two", "", "four"}));
    EXPECT_EQ(split_all({}), std::vector<std::string>{});
}

TEST(Lines, that_are_too_long_are_split_and_make_no_empty_ones) {
    const std::string most(LineSplitter::kMostLine, 'x');
    EXPECT_EQ(split_all({most + "\nnext\n"}), (std::vector<std::string>{most, "next"}));
    EXPECT_EQ(split_all({most + "yz\n\nnext"}), (std::vector<std::string>{most, "yz", "", "next"}));
    EXPECT_EQ(split_all({most + most}), (std::vector<std::string>{most, most}));
}

TEST(Lines, are_safe_to_print_and_keep_what_people_write) {
    EXPECT_EQ(clean_line("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\tx"),
              "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\tx");
    EXPECT_EQ(clean_line("a\xff"
                         "b\xc3"),
              "a\\xffb\\xc3");
    EXPECT_EQ(clean_line("\xc0\xaf\xed\xa0\x80"), "\\xc0\\xaf\\xed\\xa0\\x80");
    EXPECT_EQ(clean_line("bell\a \x1b[31mred"), "bell\\x07 \x1b[31mred");
    EXPECT_EQ(clean_line("\xc2\x9b"
                         "31m"),
              "\\xc2\\x9b31m");
    EXPECT_EQ(clean_line("windows\r"), "windows");
}

TEST(LogStore, keeps_the_last_lines_of_each_by_number_and_by_bytes) {
    LogStore logs;
    for (int i = 0; i < 600; ++i) logs.add(line(std::to_string(i)));
    logs.add(line("other", "pay", "pay-1"));
    const auto all = logs.of_service("orders", 10'000);
    ASSERT_EQ(all.size(), LogRing::kMostLines);
    EXPECT_EQ(all.front()->text, "100");
    EXPECT_EQ(logs.of_instance("orders-1", 2)[0]->text, "598");
    for (int i = 0; i < 100; ++i) logs.add(line(std::string(16 * 1024, 'x')));
    EXPECT_EQ(logs.of_service("orders", 10'000).size(), LogRing::kMostBytes / (16 * 1024));
}

TEST(LogStore, a_slow_subscriber_loses_lines_and_is_told_how_many) {
    rt::Loop loop;
    loop.run_until_done([]() -> rt::Task<void> {
        LogStore logs;
        const auto all = logs.subscribe();
        const auto pay = logs.subscribe("pay");
        for (size_t i = 0; i < LogSubscription::kMostWaiting + 7; ++i) logs.add(line("x"));
        const auto got = co_await all->next(rt::this_loop().within(1s));
        EXPECT_EQ(got->size(), LogSubscription::kMostWaiting + 1);
        EXPECT_EQ(got->back()->text, "7 lines are missing here: they came faster than they were read");
        const auto none = co_await pay->next(rt::this_loop().within(5ms));
        EXPECT_FALSE(none.has_value());
        rt::Gate gate;
        auto later = [](LogStore& store) -> rt::Task<void> {
            co_await rt::sleep(5ms);
            store.add(line("paid", "pay", "pay-1"));
        };
        gate.spawn("later", later(logs));
        const auto one = co_await pay->next(rt::this_loop().within(1s));
        EXPECT_EQ(one->at(0)->text, "paid");
        co_await gate.closed();
    }());
}

TEST(Capture, reads_a_stream_to_its_end_and_closes_it) {
    rt::Loop loop;
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    loop.run_until_done([](int in, int out) -> rt::Task<void> {
        LogStore logs;
        rt::Gate gate;
        CapturedStream stream{.fd = in, .lines = {}};
        gate.spawn("capture", capture(stream, {"orders", "orders-1", Stream::err}, logs, {}));
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(::write(out, "li\nne", 5), 5);
            co_await rt::sleep(2ms);
        }
        ::close(out);
        const rt::Wake ended = co_await gate.closed(rt::this_loop().within(1s));
        EXPECT_EQ(ended, rt::Wake::ready);
        const auto lines = logs.of_instance("orders-1", 10);
        EXPECT_EQ(lines.size(), 4U);
        EXPECT_EQ(lines[1]->text, "neli");
        EXPECT_EQ(lines[1]->stream, Stream::err);
    }(ends[0], ends[1]));
    EXPECT_EQ(::fcntl(ends[0], F_GETFD), -1);
}

}  // namespace tl::supervisor
