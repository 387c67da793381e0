// What a pick costs under each policy with 3, 100 and 1,000 instances, and what building the tables costs. Prints the
// best of several rounds in nanoseconds a pick: noise only adds. Every instance is held while a few other requests are
// in flight, as under load. Also counts allocations, of which a pick must make none.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <new>

#include "proxy/balancer.h"

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
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 15;
constexpr size_t kTimes = 100'000;
constexpr size_t kInFlight = 64;

double ns_since(Clock::time_point start) {
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

double measure(Balancer& balancer, tl::base::Random& random) {
    const tl::base::TimePoint now{std::chrono::hours{1}};
    Instance* held[kInFlight] = {};
    double best = 1e9;
    for (int round = 0; round < kRounds; ++round) {
        const auto start = Clock::now();
        for (size_t i = 0; i < kTimes; ++i) {
            Instance* const instance = balancer.pick({.random = random, .now = now, .hash = tl::base::mix(i)});
            Instance*& place = held[i % kInFlight];
            if (place != nullptr) --place->active;
            place = instance;
            ++place->active;
        }
        best = std::min(best, ns_since(start) / kTimes);
    }
    for (Instance* instance : held) --instance->active;
    return best;
}

void run(const char* name, Policy policy, size_t count, bool weighted) {
    tl::telemetry::PoolCell cell;
    std::deque<Instance> instances;
    std::vector<Instance*> members;
    const tl::base::TimePoint now{std::chrono::hours{1}};
    for (size_t i = 0; i < count; ++i) {
        Instance& one = instances.emplace_back(tl::net::Address::loopback(1), cell);
        one.id = "orders-" + std::to_string(i);
        one.weight = weighted ? static_cast<uint32_t>(1 + i % 7) : 1;
        one.share = one.weight;
        one.latency.observe(std::chrono::microseconds{200 + i % 50}, now - std::chrono::seconds{1});
        members.push_back(&one);
    }
    tl::base::Random random{1};
    Balancer balancer;
    const auto start = Clock::now();
    balancer.build(members, {.policy = policy}, random);
    const double built = ns_since(start);
    const size_t before = allocations.load();
    const double ns = measure(balancer, random);
    std::printf("%-24s %5zu instances %8.1f ns a pick %6zu allocations  built in %8.1f us\n", name, count, ns,
                allocations.load() - before, built / 1000);
}

}  // namespace

int main() {
    struct Case {
        const char* name;
        Policy policy;
        bool weighted;
    };
    constexpr Case kCases[] = {{"least_request", Policy::least_request, false},
                               {"least_request, weights", Policy::least_request, true},
                               {"round_robin", Policy::round_robin, false},
                               {"round_robin, weights", Policy::round_robin, true},
                               {"peak_ewma", Policy::peak_ewma, false},
                               {"ring_hash", Policy::ring_hash, false},
                               {"maglev", Policy::maglev, false}};
    for (const Case& one : kCases) {
        for (const size_t count : {3UL, 100UL, 1000UL}) run(one.name, one.policy, count, one.weighted);
    }
    return 0;
}
