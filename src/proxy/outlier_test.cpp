#include "proxy/outlier.h"

#include <gtest/gtest.h>

#include <array>

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

// Three instances and a clock that the test moves; asks as Upstream does.
struct Bed {
    explicit Bed(OutlierRule rule = {}) { detector.change_rule(rule); }

    bool call(size_t which, Verdict verdict, base::Duration took = 5ms) {
        OutlierRecord& one = records[which];
        detector.try_begins(one, now);
        return detector.try_ended(one, verdict, took, now) && detector.eject(one, all, now);
    }
    // All instances answer well, each so many times.
    void well(int count, base::Duration took = 5ms) {
        for (int i = 0; i < count; ++i) {
            for (size_t which = 0; which < records.size(); ++which) call(which, Verdict::success, took);
        }
        review();
    }
    bool review() {
        const auto found = detector.review(all, now);
        return found.worst != nullptr && detector.eject(*found.worst, all, now);
    }
    OutlierDetector detector;
    std::array<OutlierRecord, 3> records;
    std::array<OutlierRecord*, 3> all{&records[0], &records[1], &records[2]};
    base::TimePoint now{1h};
};

}  // namespace

TEST(Outlier, ejects_after_failures_in_a_row) {
    Bed bed;
    bed.well(2);
    for (int i = 0; i < 4; ++i) EXPECT_FALSE(bed.call(0, Verdict::failure));
    bed.call(0, Verdict::success);
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(bed.call(1, Verdict::failure));
    bool ejected = false;
    for (int i = 0; i < 5 && !ejected; ++i) ejected = bed.call(0, Verdict::failure);
    EXPECT_TRUE(ejected);
    EXPECT_TRUE(bed.records[0].reason().find("fail") != std::string::npos) << bed.records[0].reason();
}

TEST(Outlier, ejects_one_that_fails_half_the_time_while_the_others_do_well) {
    Bed bed;
    bool ejected = false;
    int calls = 0;
    for (; calls < 20 && !ejected; ++calls) {
        bed.call(1, Verdict::success);
        bed.call(2, Verdict::success);
        ejected = bed.call(0, calls % 2 == 0 ? Verdict::failure : Verdict::success);
    }
    EXPECT_TRUE(ejected);
    EXPECT_LE(calls, 12);
    EXPECT_EQ(bed.records[0].reason(), "6 of its last 11 calls failed, far more than elsewhere");
}

TEST(Outlier, ejects_nobody_when_the_service_fails_as_a_whole) {
    Bed bed;
    for (int i = 0; i < 100; ++i) {
        for (size_t which = 0; which < 3; ++which) EXPECT_FALSE(bed.call(which, Verdict::failure)) << i;
    }
}

TEST(Outlier, ejects_one_that_is_far_slower_than_the_others_after_three_answers) {
    Bed bed;
    bed.well(10);
    EXPECT_FALSE(bed.call(0, Verdict::success, 1s));
    EXPECT_FALSE(bed.call(0, Verdict::success, 1s));
    EXPECT_TRUE(bed.call(0, Verdict::success, 1s));
    EXPECT_NE(bed.records[0].reason().find("far slower"), std::string::npos);
}

TEST(Outlier, needs_more_evidence_where_slow_answers_are_usual) {
    Bed bed;
    for (int i = 0; i < 100; ++i) {
        for (size_t which = 0; which < 3; ++which) bed.call(which, Verdict::success, i % 4 == 0 ? 1s : 5ms);
        bed.review();
    }
    for (const auto& record : bed.records) EXPECT_FALSE(record.ejected());
}

TEST(Outlier, ejects_nobody_when_all_become_slow) {
    Bed bed;
    bed.well(20);
    for (int i = 0; i < 100; ++i) bed.well(1, 1s);
    for (const auto& record : bed.records) EXPECT_FALSE(record.ejected());
}

TEST(Outlier, takes_a_long_silence_for_one_slow_answer) {
    Bed bed;
    bed.well(10);
    bed.detector.try_begins(bed.records[0], bed.now);
    for (int i = 0; i < 20; ++i) {
        bed.now += 250ms;
        bed.call(1, Verdict::success);
        EXPECT_FALSE(bed.review()) << i;
    }
    EXPECT_FALSE(bed.detector.try_ended(bed.records[0], Verdict::success, 5s, bed.now));  // the second
    EXPECT_TRUE(bed.call(0, Verdict::success, 5s));                                       // the third
}

TEST(Outlier, ejects_no_more_than_its_share_and_never_the_only_one) {
    Bed bed;
    bed.well(20);
    int ejected = 0;
    for (size_t which = 0; which < 2; ++which) {
        for (int i = 0; i < 5; ++i) ejected += bed.call(which, Verdict::failure) ? 1 : 0;
    }
    EXPECT_EQ(ejected, 1);
    OutlierDetector alone;
    OutlierRecord only;
    std::array<OutlierRecord*, 1> all{&only};
    EXPECT_FALSE(alone.eject(only, all, bed.now));
}

TEST(Outlier, takes_back_after_a_while_and_ejects_for_longer_the_next_time) {
    Bed bed;
    const auto fail = [&] {
        bool ejected = false;
        for (int i = 0; i < 5; ++i) ejected = bed.call(0, Verdict::failure);
        return ejected;
    };
    bed.well(20);
    ASSERT_TRUE(fail());
    EXPECT_EQ(bed.records[0].until() - bed.now, 10s);
    bed.now += 9s;
    bed.review();
    EXPECT_TRUE(bed.records[0].ejected());
    bed.now += 1s;
    bed.well(20);
    EXPECT_FALSE(bed.records[0].ejected());
    ASSERT_TRUE(fail());
    EXPECT_EQ(bed.records[0].until() - bed.now, 20s);
    bed.now += 20s;
    bed.review();
    bed.now += 10min;  // well for long: forgiven
    bed.well(20);
    ASSERT_TRUE(fail());
    EXPECT_EQ(bed.records[0].until() - bed.now, 10s);
}

TEST(Outlier, can_be_turned_off_and_then_takes_everybody_back) {
    Bed bed;
    bed.well(20);
    for (int i = 0; i < 5; ++i) bed.call(0, Verdict::failure);
    ASSERT_TRUE(bed.records[0].ejected());
    bed.detector.change_rule({.on = false});
    bed.review();
    EXPECT_FALSE(bed.records[0].ejected());
    for (int i = 0; i < 50; ++i) EXPECT_FALSE(bed.call(0, Verdict::failure));
}

}  // namespace tl::proxy
