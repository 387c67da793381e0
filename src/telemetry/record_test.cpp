#include "telemetry/record.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <thread>

#include "rt/core.h"
#include "telemetry/test_support.h"

namespace tl::telemetry {

using namespace std::chrono_literals;

namespace {

Record numbered(uint64_t number) {
    Record record = test::hop(number + 1, 0, 0, 1);
    record.trace = {number << 32, 1};
    return record;
}

RecordRing ring_with(size_t capacity, uint64_t pushed) {
    RecordRing ring(capacity);
    for (uint64_t i = 0; i < pushed; ++i) ring.push(numbered(i));
    return ring;
}

}  // namespace

TEST(NameTable, the_same_text_gives_the_same_id) {
    NameTable names;
    const NameId a = names.intern("orders-1");
    EXPECT_EQ(names.intern("orders-1"), a);
    EXPECT_NE(names.intern("orders-2"), a);
    EXPECT_EQ(names.text(a), "orders-1");
    EXPECT_EQ(names.intern(""), kNoName);
    EXPECT_EQ(names.text(kNoName), "");
    EXPECT_EQ(names.text(4711), "other");
    EXPECT_EQ(names.text(NameTable::kMost), "other");
}

TEST(NameTable, a_full_table_gives_other_and_keeps_what_it_has) {
    NameTable names;
    while (names.size() < NameTable::kMost) (void)names.intern("n" + std::to_string(names.size()));
    EXPECT_EQ(names.intern("one too many"), kOtherName);
    EXPECT_EQ(names.text(names.intern("n65535")), "n65535");
    EXPECT_EQ(names.size(), NameTable::kMost);
}

TEST(NameTable, a_long_name_is_cut) {
    NameTable names;
    EXPECT_EQ(names.text(names.intern(std::string(10'000, 'x'))).size(), NameTable::kLongestName);
}

TEST(NameTable, other_threads_read_while_it_grows) {
    NameTable names;
    std::atomic<bool> wrong{false};
    std::thread reader([&] {
        while (names.size() < 5000) {
            const uint32_t last = names.size() - 1;
            if (last > kOtherName && names.text(last) != "n" + std::to_string(last)) wrong = true;
        }
    });
    while (names.size() < 5000) (void)names.intern("n" + std::to_string(names.size()));
    reader.join();
    EXPECT_FALSE(wrong);
}

TEST(RecordRing, reads_in_order_and_goes_on_where_it_was) {
    const RecordRing ring = ring_with(8, 5);
    const RecordBatch first = ring.since(0, 3);
    ASSERT_EQ(first.records.size(), 3U);
    EXPECT_EQ(first.records[0].span, 1U);
    EXPECT_EQ(first.records[2].span, 3U);
    EXPECT_EQ(first.lost, 0U);
    const RecordBatch second = ring.since(first.next, 100);
    ASSERT_EQ(second.records.size(), 2U);
    EXPECT_EQ(second.records[0].span, 4U);
    EXPECT_EQ(ring.since(second.next, 100).records.size(), 0U);
}

TEST(RecordRing, tells_how_many_were_overwritten) {
    const RecordRing ring = ring_with(8, 20);
    const RecordBatch batch = ring.since(2, 100);
    ASSERT_EQ(batch.records.size(), 8U);
    EXPECT_EQ(batch.lost, 10U);
    EXPECT_EQ(batch.records.front().span, 13U);
    EXPECT_EQ(batch.records.back().span, 20U);
    EXPECT_EQ(batch.next, 20U);
    EXPECT_EQ(ring.since(99, 10).next, 20U);
}

TEST(RecordRing, is_exactly_full_without_loss) {
    const RecordRing ring = ring_with(8, 8);
    EXPECT_EQ(ring.since(0, 100).records.size(), 8U);
    EXPECT_EQ(ring.since(0, 100).lost, 0U);
}

TEST(RecordRing, finds_a_trace_by_its_first_digits) {
    RecordRing ring = ring_with(8, 20);
    Record more = numbered(15);
    more.span = 99;
    ring.push(more);
    const RecordBatch found = ring.find(*parse_trace_id("0000000f"));
    ASSERT_EQ(found.records.size(), 2U);
    EXPECT_EQ(found.records[0].span, 16U);
    EXPECT_EQ(found.records[1].span, 99U);
    EXPECT_EQ(found.lost, 13U);
    EXPECT_TRUE(ring.find(*parse_trace_id("00000003")).records.empty());  // overwritten
    EXPECT_EQ(ring.find(*parse_trace_id("0000000f"), 1).records.front().span, 99U);
    EXPECT_TRUE(RecordRing(4).find(*parse_trace_id("00000000")).records.empty());
}

TEST(Record, keeps_the_first_three_attempts_and_the_last) {
    Record record;
    for (uint32_t i = 0; i < 6; ++i) {
        record.add_attempt(i + 10, i * 1ms, 2ms, static_cast<uint8_t>(i));
        EXPECT_EQ(record.has(Record::kRetried), i > 0);
    }
    EXPECT_EQ(record.attempts, 6);
    EXPECT_EQ(record.attempts_kept(), 4U);
    EXPECT_EQ(record.attempt[2].instance, 12);
    EXPECT_EQ(record.attempt[3].instance, 15);
    EXPECT_EQ(record.attempt[3].start_us, 5000U);
    EXPECT_EQ(record.attempt[3].duration_us, 2000U);
    EXPECT_EQ(record.attempt[3].outcome, 5);
    EXPECT_EQ(record.instance, 15U);
}

TEST(Record, attempts_out_of_range_are_clamped) {
    Record record;
    for (int i = 0; i < 300; ++i) record.add_attempt(70'000, -1ms, 24h, 0);
    EXPECT_EQ(record.attempts, 255);
    EXPECT_EQ(record.attempt[0].start_us, 0U);
    EXPECT_EQ(record.attempt[0].duration_us, std::numeric_limits<uint32_t>::max());
    EXPECT_EQ(record.attempt[0].instance, kOtherName);
}

TEST(Record, long_texts_are_cut) {
    Record record;
    record.path.set(std::string(200, 'p'));
    EXPECT_EQ(record.path.view(), std::string(96, 'p'));
    record.path.set("");
    EXPECT_EQ(record.path.view(), "");
    record.set_method(9, "BASELINE-CONTROL");
    EXPECT_EQ(record.method_text.view(), "BASELINE-CO");
}

TEST(ClientAddress, is_put_into_words) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(5000);
    inet_pton(AF_INET, "10.1.2.3", &four.sin_addr);
    EXPECT_EQ(ClientAddress::from(reinterpret_cast<const sockaddr*>(&four)).text(), "10.1.2.3:5000");
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(80);
    inet_pton(AF_INET6, "2001:db8::1", &six.sin6_addr);
    EXPECT_EQ(ClientAddress::from(reinterpret_cast<const sockaddr*>(&six)).text(), "[2001:db8::1]:80");
    sockaddr local{};
    local.sa_family = AF_UNIX;
    EXPECT_EQ(ClientAddress::from(&local).text(), "unix");
    EXPECT_EQ(ClientAddress::from(nullptr).text(), "-");
}

// The way of a record in the product: pushed on a data core, fetched from the control core.
TEST(RecordRing, is_read_from_another_core_by_message) {
    rt::Core core("data");
    auto ring = std::make_unique<RecordRing>(16);
    rt::Loop loop;
    size_t got = 0;
    loop.run_until_done([](rt::Core& core, RecordRing& ring, size_t& got) -> rt::Task<void> {
        const auto pushed = co_await rt::run_on(core.loop(), [&ring] { ring.push(numbered(3)); });
        const auto batch = co_await rt::run_on(core.loop(), [&ring] { return ring.since(0, 10); });
        if (pushed && batch) got = batch->records.size();
    }(core, *ring, got));
    EXPECT_EQ(got, 1U);
}

}  // namespace tl::telemetry
