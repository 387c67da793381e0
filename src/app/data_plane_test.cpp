// The cores as the control loop sees them: what happens at the end when one of them is stuck.
#include "app/data_plane.h"

#include <gtest/gtest.h>

#include <semaphore>

namespace tl::app {

using namespace std::chrono_literals;

namespace {

class DataPlaneTest : public testing::Test {
  public:
    // Nothing else runs on the core until `release` is called. Resumes when it has begun.
    rt::Task<void> block(size_t core) {
        rt::Loop* control = &loop;
        rt::Event began;
        const bool posted = plane.loop(core).post([this, control, &began] {
            control->post([&began] { began.set(); });
            gate.acquire();
        });
        EXPECT_TRUE(posted);
        co_await began.wait(rt::this_loop().within(10s));
    }
    rt::Task<std::string> stop_within(base::Duration time) {
        const base::TimePoint began = base::steady_now();
        const auto ended = co_await plane.stop(rt::this_loop().now() + 50ms);
        EXPECT_LT(base::steady_now() - began, time);
        co_return ended ? "" : ended.error().message();
    }

    rt::Loop loop;
    std::binary_semaphore gate{0};
    telemetry::NameTable names;
    DataPlane plane{{.cores = 2, .records = 64, .names = &names, .report = {}}};
};

TEST_F(DataPlaneTest, AStopDoesNotWaitForACoreThatIsStuckAndNamesIt) {
    loop.run_until_done([](DataPlaneTest& t) -> rt::Task<void> {
        co_await t.plane.start();
        co_await t.block(1);
        const std::string said = co_await t.stop_within(5s);
        EXPECT_NE(said.find("core 1"), std::string::npos) << said;
        EXPECT_EQ(said.find("core 0"), std::string::npos) << said;
        t.gate.release();
        const std::string again = co_await t.stop_within(5s);
        EXPECT_EQ(again, "");
    }(*this));
}

TEST_F(DataPlaneTest, AStopReachesACoreWhoseMailboxWasFull) {
    loop.run_until_done([](DataPlaneTest& t) -> rt::Task<void> {
        co_await t.plane.start();
        co_await t.block(0);
        while (t.plane.loop(0).post([] {})) {
        }
        const std::string said = co_await t.stop_within(5s);
        EXPECT_NE(said.find("core 0"), std::string::npos) << said;
        t.gate.release();
        const std::string again = co_await t.stop_within(5s);
        EXPECT_EQ(again, "");
    }(*this));
}

}  // namespace

}  // namespace tl::app
