#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <semaphore>
#include <thread>
#include <vector>

#include "rt/core.h"
#include "rt/dump.h"
#include "rt/event.h"
#include "rt/gate.h"
#include "rt/io.h"
#include "rt/timer_wheel.h"

namespace tl::rt {

using namespace std::chrono_literals;

namespace {

Task<int> add(int a, int b) { co_return a + b; }

Task<int> add_later(int a, int b) {
    co_await sleep(1ms);
    const int sum = co_await add(a, b);
    co_return sum;
}

Task<int> throws() {
    co_await yield();
    throw std::runtime_error("broken");
}

}  // namespace

TEST(Task, a_value_comes_back_through_frames) {
    Loop loop;
    int got = 0;
    loop.run_until_done([](int& out) -> Task<void> { out = co_await add_later(2, 3); }(got));
    EXPECT_EQ(got, 5);
}

TEST(Task, an_exception_travels_to_the_awaiter) {
    Loop loop;
    std::string what;
    loop.run_until_done([](std::string& out) -> Task<void> {
        try {
            co_await throws();
        } catch (const std::runtime_error& error) {
            out = error.what();
        }
    }(what));
    EXPECT_EQ(what, "broken");
}

TEST(Wait, a_deadline_in_the_past_ends_the_wait_at_once) {
    Loop loop;
    Wake wake = Wake::ready;
    loop.run_until_done([](Wake& out) -> Task<void> {
        Signal never;
        out = co_await never.wait({.deadline = this_loop().now() - 1s});
    }(wake));
    EXPECT_EQ(wake, Wake::timeout);
}

TEST(Wait, a_cancel_wakes_children_of_children) {
    Loop loop;
    Cancel parent;
    std::vector<Wake> wakes;
    loop.run_until_done([](Cancel& parent_cancel, std::vector<Wake>& out) -> Task<void> {
        Gate gate;
        Cancel child{&parent_cancel};
        auto waits = [](Cancel& cancel, std::vector<Wake>& log) -> Task<void> {
            const Wake wake = co_await sleep(10s, &cancel);
            log.push_back(wake);
        };
        gate.spawn("waits", waits(child, out));
        gate.spawn("waits", waits(parent_cancel, out));
        co_await sleep(1ms);
        parent_cancel.request();
        co_await gate.closed();
        const Wake late = co_await sleep(10s, &child);
        out.push_back(late);
    }(parent, wakes));
    EXPECT_EQ(wakes, (std::vector<Wake>{Wake::cancelled, Wake::cancelled, Wake::cancelled}));
}

TEST(Gate, closing_waits_for_all_and_takes_no_more) {
    Loop loop;
    int ended = 0;
    loop.run_until_done([](int& out) -> Task<void> {
        Gate gate;
        auto work = [](int& counter) -> Task<void> {
            co_await sleep(2ms);
            ++counter;
        };
        for (int i = 0; i < 10; ++i) gate.spawn("work", work(out));
        const Wake wake = co_await gate.closed();
        EXPECT_EQ(wake, Wake::ready);
        EXPECT_FALSE(gate.spawn("late", work(out)));
    }(ended));
    EXPECT_EQ(ended, 10);
}

TEST(Signal, a_wake_for_one_is_not_lost_on_a_wait_that_has_just_timed_out) {
    Loop loop;
    std::vector<Wake> wakes;
    loop.run_until_done([](std::vector<Wake>& out) -> Task<void> {
        Signal signal;
        Gate gate;
        Cancel cancel;
        auto waits = [](Signal& on, Wait wait, std::vector<Wake>& log) -> Task<void> {
            const Wake wake = co_await on.wait(wait);
            log.push_back(wake);
        };
        gate.spawn("first", waits(signal, {base::kNever, &cancel}, out));
        gate.spawn("second", waits(signal, this_loop().within(1s), out));
        cancel.request();  // the first is woken, but has not resumed
        signal.notify_one();
        co_await gate.closed();
    }(wakes));
    EXPECT_EQ(wakes, (std::vector<Wake>{Wake::cancelled, Wake::ready}));
}

TEST(Gate, any_number_may_wait_for_its_end) {
    Loop loop;
    int ended = 0;
    loop.run_until_done([](int& out) -> Task<void> {
        Gate work;
        Gate closers;
        auto closes = [](Gate& gate, int& counter) -> Task<void> {
            const Wake wake = co_await gate.closed(this_loop().within(1s));
            if (wake == Wake::ready) ++counter;
        };
        auto works = []() -> Task<void> { co_await sleep(2ms); };
        work.spawn("works", works());
        closers.spawn("closes", closes(work, out));
        closers.spawn("closes", closes(work, out));
        co_await closers.closed();
    }(ended));
    EXPECT_EQ(ended, 2);
}

TEST(Gate, an_exception_of_any_kind_ends_its_task_only) {
    Loop loop;
    bool closed = false;
    loop.run_until_done([](bool& out) -> Task<void> {
        Gate gate;
        auto throws_int = []() -> Task<void> {
            co_await yield();
            throw 7;
        };
        gate.spawn("throws", throws_int());
        const Wake wake = co_await gate.closed(this_loop().within(1s));
        out = wake == Wake::ready;
    }(closed));
    EXPECT_TRUE(closed);
}

TEST(Readiness, a_waiter_may_outlive_the_object_that_it_waits_for) {
    Loop loop;
    Wake got = Wake::ready;
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    loop.run_until_done([](int fd, Wake& out) -> Task<void> {
        auto io = std::make_unique<Readiness>();
        EXPECT_TRUE(io->attach(fd));
        io->clear_readable();
        Gate gate;
        auto waits = [](Readiness& on, Wake& log) -> Task<void> {
            const Wake wake = co_await on.wait_readable({});
            log = wake;
        };
        gate.spawn("waits", waits(*io, out));
        io.reset();
        co_await gate.closed();
    }(fds[0], got));
    EXPECT_EQ(got, Wake::cancelled);
    ::close(fds[0]);
    ::close(fds[1]);
}

TEST(Readiness, a_hang_up_is_told_to_who_asks_after_it) {
    Loop loop;
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    loop.run_until_done([](int mine, int other) -> Task<void> {
        Readiness io;
        EXPECT_TRUE(io.attach(mine));
        ::shutdown(other, SHUT_WR);
        co_await sleep(1ms);
        Cancel cancel;
        io.on_hang_up(&cancel);
        EXPECT_TRUE(io.finished());
        EXPECT_FALSE(cancel.requested());  // half closed: it may still read
        io.on_hang_up(nullptr);
        ::close(other);
        co_await sleep(1ms);
        io.on_hang_up(&cancel);
        EXPECT_TRUE(cancel.requested());
        io.detach();
        ::close(mine);
    }(fds[0], fds[1]));
}

TEST(Readiness, a_reader_is_woken_by_bytes_and_by_its_deadline) {
    Loop loop;
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    loop.run_until_done([](int reader, int writer) -> Task<void> {
        Readiness io;
        EXPECT_TRUE(io.attach(reader));
        io.clear_readable();
        const Wake first = co_await io.wait_readable(this_loop().within(5ms));
        EXPECT_EQ(first, Wake::timeout);
        EXPECT_EQ(::write(writer, "x", 1), 1);
        const Wake second = co_await io.wait_readable(this_loop().within(1s));
        EXPECT_EQ(second, Wake::ready);
        char byte = 0;
        EXPECT_EQ(::read(reader, &byte, 1), 1);
        io.clear_readable();
        ::close(writer);
        const Wake third = co_await io.wait_readable(this_loop().within(1s));
        EXPECT_EQ(third, Wake::ready);
        EXPECT_TRUE(io.hung_up());
        io.detach();
        ::close(reader);
    }(fds[0], fds[1]));
}

TEST(Core, work_runs_there_and_its_answer_comes_here) {
    Loop loop;
    Core core{"worker"};
    loop.run_until_done([](Core& worker) -> Task<void> {
        for (int i = 0; i < 100; ++i) {
            const auto id = co_await run_on(worker.loop(), [] { return std::this_thread::get_id(); });
            EXPECT_TRUE(id.has_value());
            EXPECT_NE(*id, std::this_thread::get_id());
        }
    }(core));
}

TEST(Core, mail_from_several_threads_all_arrives) {
    Core core{"sink"};
    std::atomic<int> got{0};
    std::vector<std::thread> senders;
    for (int t = 0; t < 4; ++t) {
        senders.emplace_back([&] {
            for (int i = 0; i < 2000; ++i) EXPECT_TRUE(core.loop().post([&got] { ++got; }));
        });
    }
    for (auto& sender : senders) sender.join();
    while (got < 8000) std::this_thread::yield();
    EXPECT_EQ(got, 8000);
}

TEST(Dump, names_the_task_and_the_lines_where_it_waits) {
    Loop loop;
    std::string dump;
    loop.run_until_done([](std::string& out) -> Task<void> {
        Gate gate;
        Cancel cancel;
        auto inner = [](Cancel& stop) -> Task<void> { co_await sleep(10s, &stop); };
        auto outer = [](Cancel& stop, auto nested) -> Task<void> { co_await nested(stop); };
        gate.spawn("sleeper", outer(cancel, inner));
        out = dump_tasks(this_loop());
        cancel.request();
        co_await gate.closed();
    }(dump));
    EXPECT_NE(dump.find("task sleeper\n    waits at src/rt/rt_test.cpp:"), std::string::npos) << dump;
}

namespace {

struct TestTimer final : Timer {
    void on_timer() override { fired = true; }
    bool fired = false;
};

}  // namespace

TEST(TimerWheel, timers_fire_in_time_and_never_early_at_any_distance) {
    const base::TimePoint start{};
    base::Random random{7};
    for (int round = 0; round < 200; ++round) {
        TimerWheel wheel{start};
        const auto offset = std::chrono::milliseconds{random.below(1 << 20)};
        wheel.advance(start + offset);
        const auto delay = std::chrono::milliseconds{1 + random.below(1U << (1 + random.below(25)))};
        TestTimer timer;
        wheel.arm(timer, start + offset + delay);
        base::TimePoint now = start + offset;
        while (!timer.fired) {
            const base::Duration wait = wheel.until_next(now);
            ASSERT_NE(wait, base::Duration::max());
            ASSERT_LE(now + wait, start + offset + delay + 1ms);
            now += std::max<base::Duration>(wait, 1ms);
            wheel.advance(now);
            if (timer.fired) {
                ASSERT_GE(now, start + offset + delay);
                ASSERT_LE(now, start + offset + delay + 2ms);
            }
        }
    }
}

TEST(TimerWheel, a_disarmed_timer_does_not_fire_and_one_may_disarm_another) {
    const base::TimePoint start{};
    TimerWheel wheel{start};
    struct Killer final : Timer {
        explicit Killer(Timer& other) : victim(&other) {}
        void on_timer() override { victim->unlink(); }
        Timer* victim;
    };
    TestTimer victim;
    Killer killer{victim};
    wheel.arm(killer, start + 5ms);
    wheel.arm(victim, start + 5ms);
    wheel.advance(start + 10ms);
    EXPECT_FALSE(victim.fired);
}

TEST(Core, that_is_parked_runs_on_where_it_was_by_another_thread) {
    Core core{"parked"};
    std::atomic<int> turns = 0;
    std::atomic<bool> enough = false;
    std::binary_semaphore ended{0};
    Gate* gate = nullptr;
    core.loop().post([&] {
        gate = new Gate;
        const auto tick = [](std::atomic<int>& count, std::atomic<bool>& end) -> Task<void> {
            while (!end) {
                ++count;
                co_await sleep(1ms);
            }
        };
        gate->spawn("tick", tick(turns, enough), [&ended] { ended.release(); });
    });
    while (turns < 3) std::this_thread::yield();
    ASSERT_TRUE(core.park(base::steady_now() + 5s));
    core.leave();
    const int before = turns;
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(turns, before) << "it runs although it is parked";
    core.go_on();
    while (turns < before + 3) std::this_thread::yield();
    enough = true;
    ended.acquire();
    std::binary_semaphore deleted{0};
    core.loop().post([&] {
        delete gate;
        deleted.release();
    });
    deleted.acquire();
}

TEST(Core, that_is_busy_is_not_parked_and_can_be_later) {
    Core core{"busy"};
    std::binary_semaphore busy{0};
    core.loop().post([&busy] { busy.acquire(); });
    EXPECT_FALSE(core.park(base::steady_now() + 20ms));
    core.go_on();  // it runs: nothing to do
    busy.release();
    ASSERT_TRUE(core.park(base::steady_now() + 5s));
    core.go_on();
    std::binary_semaphore answered{0};
    core.loop().post([&answered] { answered.release(); });
    EXPECT_TRUE(answered.try_acquire_for(5s));
}

}  // namespace tl::rt
