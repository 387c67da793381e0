// What telemetry costs a request: the trace context read or begun and written on, one record filled and pushed, one
// count. Prints nanoseconds a request; the promise is 100 at most. And what reading takes of a data core's time.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <vector>

#include "telemetry/metrics.h"
#include "telemetry/record.h"
#include "telemetry/trace.h"

namespace {

using namespace tl;
using namespace tl::telemetry;

constexpr std::string_view kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

// Processor time of this thread: others on the machine count less.
double thread_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct Core {
    base::Random random{1};
    RecordRing ring;
    CoreMetrics metrics;
    uint64_t kept = 0;
};

TraceContext trace(Core& core, bool given, std::span<char, kTraceparentSize> out, Record& record) {
    const auto parent = given ? parse_traceparent(kParent) : std::nullopt;
    const TraceContext context = parent ? child_of(*parent, core.random) : new_trace(core.random);
    write_traceparent(context, out);
    record.trace = context.trace;
    record.span = context.span;
    record.parent = parent ? parent->span : 0;
    return context;
}

void one_request(Core& core, uint64_t number) {
    Record record;
    std::array<char, kTraceparentSize> header;
    trace(core, number % 2 == 0, header, record);
    core.kept += static_cast<uint64_t>(header[40]);
    record.start_ns = static_cast<int64_t>(number);
    record.set_method(1, "GET");
    record.path.set("/api/orders/1234567890/items");
    record.request_id.set("f47ac10b-58cc-4372-a567-0e02b2c3d479");
    record.route = 3;
    record.service = 4;
    record.add_attempt(5, base::Duration{2000}, base::Duration{900'000}, 0);
    record.status = 200;
    record.duration_ns = 1'000'000 + number % 1'000'000;
    record.bytes_out = 64;
    core.ring.push(record);
    core.metrics.count(static_cast<SeriesId>(number % 20), record);
}

// Microseconds of one call, the best of 20.
template <class Work>
double best_us(Work work) {
    double best = 1e9;
    for (int i = 0; i < 20; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
        best = std::min(best, took.count());
    }
    return best;
}

// What a reader takes of a data core's time.
void measure_reading(Core& core) {
    size_t kept = 0;
    const double find = best_us([&] { kept += core.ring.find(*parse_trace_id("00000000")).records.size(); });
    const double since = best_us([&] { kept += core.ring.since(core.ring.oldest_sequence(), 1024).next; });
    const double few = best_us([&] { kept += core.metrics.copy().series.size(); });
    core.metrics.reserve(SeriesTable::kMost, SeriesTable::kMost);
    const double many = best_us([&] { kept += core.metrics.copy().series.size(); });
    std::printf("reading: find %.1f us, since(1024) %.1f us, copy of 20 series %.1f us, of 1000 %.1f us\n", find, since,
                few, many);
    core.kept += kept;
}

}  // namespace

int main() {
    constexpr uint64_t kRequests = 1'000'000;
    Core core;
    core.metrics.reserve(20, 5);
    std::vector<double> runs;
    for (int run = 0; run < 7; ++run) {
        const double begin = thread_ns();
        for (uint64_t i = 0; i < kRequests; ++i) one_request(core, i);
        runs.push_back((thread_ns() - begin) / kRequests);
    }
    std::ranges::sort(runs);
    std::printf("telemetry a request: %.1f ns (median of 7, best %.1f)\n", runs[3], runs[0]);
    measure_reading(core);
    return core.kept == 0 ? 1 : 0;
}
