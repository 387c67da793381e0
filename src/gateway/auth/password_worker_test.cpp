#include "gateway/auth/password_worker.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "rt/gate.h"
#include "rt/loop.h"

namespace tl::gateway {
namespace {

using namespace std::chrono_literals;
using Answer = PasswordWorker::Answer;

const std::string kHash = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";  // of "correct horse"

rt::Task<void> compare(PasswordWorker& worker, std::string password, Answer& answer) {
    answer = co_await worker.compare(std::move(password), kHash, rt::this_loop().within(30s));
}

TEST(PasswordWorker, tells_right_from_wrong) {
    PasswordWorker worker;
    rt::Loop loop;
    Answer answer = Answer::busy;
    loop.run_until_done(compare(worker, "correct horse", answer));
    EXPECT_EQ(answer, Answer::right);
    loop.run_until_done(compare(worker, "battery", answer));
    EXPECT_EQ(answer, Answer::wrong);
}

rt::Task<void> crowd(PasswordWorker& worker) {
    rt::Gate gate;
    std::vector<Answer> answers(PasswordWorker::kMostJobs + 8, Answer::right);
    for (Answer& answer : answers) gate.spawn("compare", compare(worker, "battery", answer));
    [[maybe_unused]] const rt::Wake wake = co_await gate.closed();
    const auto busy = std::ranges::count(answers, Answer::busy);
    const auto wrong = std::ranges::count(answers, Answer::wrong);
    EXPECT_GE(busy, 1);
    EXPECT_EQ(busy + wrong, static_cast<long>(answers.size()));
    // What was full is empty again.
    Answer answer = Answer::busy;
    co_await compare(worker, "correct horse", answer);
    EXPECT_EQ(answer, Answer::right);
}

TEST(PasswordWorker, has_a_line_with_an_end) {
    PasswordWorker worker;
    rt::Loop loop;
    loop.run_until_done(crowd(worker));
}

TEST(PasswordWorker, gives_up_when_nobody_waits) {
    PasswordWorker worker;
    rt::Loop loop;
    const auto impatient = [](PasswordWorker& of, Answer& answer) -> rt::Task<void> {
        answer = co_await of.compare("battery", kHash, rt::Wait{base::TimePoint{}, nullptr});
    };
    for (size_t i = 0; i < 3 * PasswordWorker::kMostJobs; ++i) {
        Answer answer = Answer::right;
        loop.run_until_done(impatient(worker, answer));
        EXPECT_NE(answer, Answer::right);
    }
}

// An upgrade forks: the thread stays behind.
TEST(PasswordWorker, works_on_in_a_fork) {
#if __has_feature(thread_sanitizer)
    GTEST_SKIP() << "ThreadSanitizer ends a child that starts threads";
#endif
    PasswordWorker worker;
    rt::Loop loop;
    Answer answer = Answer::busy;
    loop.run_until_done(compare(worker, "correct horse", answer));
    const pid_t child = ::fork();
    if (child == 0) {
        rt::Loop other;
        Answer there = Answer::busy;
        other.run_until_done(compare(worker, "correct horse", there));
        ::_exit(there == Answer::right ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace tl::gateway
