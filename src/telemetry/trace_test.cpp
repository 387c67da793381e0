#include "telemetry/trace.h"

#include <gtest/gtest.h>

namespace tl::telemetry {

namespace {

constexpr std::string_view kGood = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string changed(size_t at, std::string_view by) {
    std::string text{kGood};
    return text.replace(at, by.size(), by);
}

std::string written(const TraceContext& context) {
    std::array<char, kTraceparentSize> out{};
    write_traceparent(context, out);
    return {out.data(), out.size()};
}

}  // namespace

TEST(Traceparent, a_valid_one_is_read_and_written_back) {
    const auto context = parse_traceparent(kGood);
    ASSERT_TRUE(context);
    EXPECT_EQ(context->trace, (TraceId{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736}));
    EXPECT_EQ(context->span, 0x00f067aa0ba902b7U);
    EXPECT_EQ(context->flags, TraceContext::kSampled);
    EXPECT_EQ(written(*context), kGood);
}

TEST(Traceparent, what_is_not_exactly_right_is_refused) {
    for (const std::string& bad : {std::string{},
                                   std::string{kGood.substr(0, 54)},
                                   std::string{kGood} + "-",
                                   std::string{kGood} + "0",
                                   std::string{kGood} + "-what-the-future-will-be-like",
                                   " " + std::string{kGood}.substr(1),
                                   changed(0, "ff"),
                                   changed(0, "0x"),
                                   changed(0, "0A"),
                                   changed(2, "_"),
                                   changed(35, " "),
                                   changed(52, "0"),
                                   changed(3, "4BF9"),
                                   changed(36, "00F0"),
                                   changed(53, "0G"),
                                   changed(53, "FF"),
                                   changed(10, "."),
                                   changed(3, "00000000000000000000000000000000"),
                                   changed(36, "0000000000000000"),
                                   changed(40, std::string_view{"\0", 1})}) {
        EXPECT_FALSE(parse_traceparent(bad)) << bad;
    }
}

TEST(Traceparent, half_an_id_of_zeros_is_valid) {
    EXPECT_TRUE(parse_traceparent(changed(3, "0000000000000000")));
    EXPECT_TRUE(parse_traceparent(changed(19, "0000000000000000")));
}

TEST(Traceparent, a_future_version_may_go_on_behind_a_dash_only) {
    EXPECT_TRUE(parse_traceparent(changed(0, "cc")));
    EXPECT_TRUE(parse_traceparent(changed(0, "cc") + "-what-the-future-will-be-like"));
    EXPECT_TRUE(parse_traceparent(changed(0, "fe") + "-"));
    EXPECT_FALSE(parse_traceparent(changed(0, "cc") + ".what"));
    EXPECT_FALSE(parse_traceparent(changed(0, "cc") + "0"));
}

TEST(Traceparent, unknown_flags_are_not_passed_on) {
    const auto context = parse_traceparent(changed(53, "ff"));
    ASSERT_TRUE(context);
    EXPECT_EQ(context->flags, TraceContext::kSampled | TraceContext::kRandom);
    EXPECT_EQ(parse_traceparent(changed(53, "00"))->flags, 0);
}

TEST(Traceparent, every_digit_is_written_right) {
    const TraceContext context{
        .trace = {0x0123456789abcdef, 0xfedcba9876543210}, .span = 0xff00aa9900000001, .flags = 0xff};
    EXPECT_EQ(written(context), "00-0123456789abcdeffedcba9876543210-ff00aa9900000001-03");
}

TEST(Trace, a_new_trace_is_valid_and_a_child_stays_in_it) {
    base::Random random{7};
    const TraceContext first = new_trace(random);
    EXPECT_TRUE(parse_traceparent(written(first)));
    EXPECT_NE(new_trace(random).trace, first.trace);
    const TraceContext child = child_of(first, random);
    EXPECT_EQ(child.trace, first.trace);
    EXPECT_EQ(child.flags, first.flags);
    EXPECT_NE(child.span, first.span);
    EXPECT_NE(child.span, 0U);
}

TEST(TraceId, a_person_may_give_its_first_digits) {
    const TraceId id{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736};
    EXPECT_EQ(to_hex(id), "4bf92f3577b34da6a3ce929d0e0e4736");
    for (const std::string& text :
         {short_hex(id), to_hex(id), std::string{"4BF92F3577b34da6"}, std::string{"4bf92f3577b34da6a"}}) {
        const auto prefix = parse_trace_id(text);
        ASSERT_TRUE(prefix) << text;
        EXPECT_TRUE(prefix->matches(id)) << text;
    }
    EXPECT_FALSE(parse_trace_id("4bf92f36")->matches(id));
    EXPECT_FALSE(parse_trace_id("4bf92f3577b34da6b")->matches(id));
    EXPECT_FALSE(parse_trace_id("4bf92f3577b34da6a3ce929d0e0e4737")->matches(id));
    for (const char* bad : {"", "4bf92f3", "4bf92f3577b34da6a3ce929d0e0e47360", "4bf92f3z", "4bf92f3-"}) {
        EXPECT_FALSE(parse_trace_id(bad)) << bad;
    }
}

}  // namespace tl::telemetry
