// What finding a route costs with 1, 100 and 5,000 routes, for paths that match, paths that do not, hosts, conditions
// and priorities. Prints the best of several rounds in nanoseconds a find: noise only adds. "warm" asks for 64 routes
// in turn, as busy services do; "cold" for all of them, so that every find also pays for fetching its part of the table
// and the request itself from memory. Also counts allocations, of which there must be none.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <new>

#include "proxy/route_testing.h"

namespace {

std::atomic<size_t> allocations{0};

}  // namespace

void* operator new(size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* at = std::malloc(size)) return at;
    std::abort();
}
void operator delete(void* at) noexcept { std::free(at); }
void operator delete(void* at, size_t) noexcept { std::free(at); }

namespace {

using namespace tl::proxy;

constexpr int kRounds = 15;
constexpr size_t kTimes = 100'000;

constexpr size_t kWarm = 64;

// A prime stride through the requests, so that neither cache nor branch predictor sees them in order.
constexpr size_t kStride = 7919;

using Write = std::function<std::string(size_t)>;

void measure(const char* name, size_t count, const Write& route, const Write& request, bool found) {
    std::vector<std::string> routes;
    std::vector<testing::Line> lines;
    for (size_t i = 0; i < count; ++i) {
        routes.push_back(route(i));
        lines.push_back(testing::parse_line(request(i)));
    }
    const RouteTable table = testing::table_of(testing::rules_of(routes));
    std::vector<tl::codec::RequestHead> heads(count);
    for (size_t i = 0; i < count; ++i) testing::fill(heads[i], lines[i]);

    const auto time = [&](size_t among) {
        double best = 1e9;
        size_t matched = 0;
        for (int round = 0; round < kRounds; ++round) {
            const auto start = std::chrono::steady_clock::now();
            for (size_t i = 0, at = 0; i < kTimes; ++i, at = (at + kStride) % among) {
                const size_t chosen = at * (count / among);
                const RouteMatch match = table.find(heads[chosen], lines[chosen].path);
                matched += match.route != nullptr ? 1 : 0;
                asm volatile("" : : "r"(&match) : "memory");
            }
            const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
            best = std::min(best, took.count() / kTimes);
        }
        if (matched != (found ? kRounds * kTimes : 0)) std::printf("the next figures mean nothing: wrong answers\n");
        return best;
    };
    const size_t before = allocations;
    const double warm = time(std::min(count, kWarm));
    const double cold = time(count);
    std::printf("%-20s %5zu routes  warm %6.1f ns  cold %6.1f ns%s\n", name, count, warm, cold,
                allocations == before ? "" : "  ALLOCATES");
}

std::string number(size_t i) { return std::to_string(i); }

}  // namespace

int main() {
    for (const size_t count : {size_t{1}, size_t{100}, size_t{5000}}) {
        const Write prefix = [](size_t i) { return "/api/service" + number(i) + "/*"; };
        const Write below = [](size_t i) { return "x.net/api/service" + number(i) + "/items/17"; };
        measure("/api/serviceN/*", count, prefix, below, true);
        measure(
            "/api/serviceN/{id}", count, [](size_t i) { return "GET /api/service" + number(i) + "/{id}"; },
            [](size_t i) { return "/api/service" + number(i) + "/4711"; }, true);
        measure("no route", count, prefix, [](size_t i) { return "/api/servace" + number(i) + "/items"; }, false);
        measure(
            "hostN", count, [](size_t i) { return "h" + number(i) + ".example.net/api/*"; },
            [](size_t i) { return "h" + number(i) + ".example.net:8080/api/items"; }, true);
        measure(
            "*.hostN", count, [](size_t i) { return "*.h" + number(i) + ".net/api/*"; },
            [](size_t i) { return "www.h" + number(i) + ".net/api/items"; }, true);
        measure(
            "header", count, [](size_t i) { return "/api/service" + number(i) + "/* x-beta:1"; },
            [&](size_t i) { return below(i) + " accept:all user-agent:bench x-beta:1"; }, true);
        measure("priorities", count, [&](size_t i) { return prefix(i) + " !1"; }, below, true);
        std::printf("\n");
    }
}
