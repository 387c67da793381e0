#include "proxy/protection_config.h"

namespace tl::proxy {

using namespace std::chrono_literals;
using manifest::boolean;
using manifest::duration;
using manifest::integer;
using manifest::Object;
using manifest::percent;

namespace {

const Object<BreakerConfig>& breaker_schema() {
    static const auto schema =
        Object<BreakerConfig>("a circuit breaker")
            .field("enabled", &BreakerConfig::enabled, boolean())
            .doc("Whether the service gets no requests for a moment when it fails as a whole.")
            .field("consecutive", &BreakerConfig::consecutive, integer().range(1, 10'000))
            .doc("Opens after so many failures in a row: no connection, no answer, or 502, 503, 504.")
            .field("failures", &BreakerConfig::failures, percent().range(0.01, 1))
            .doc("Opens when such a share of the calls in `window` has failed.")
            .field("least_calls", &BreakerConfig::least_calls, integer().range(1, 1'000'000))
            .doc("Fewer calls in `window` make no share.")
            .field("window", &BreakerConfig::window, duration().range(1s, 10min))
            .doc("The time looked back at.")
            .field("slow_after", &BreakerConfig::slow_after, duration().range(1ms, 1h))
            .doc("A call that took longer counts as slow.")
            .default_is("no call is slow")
            .field("slow", &BreakerConfig::slow, percent().range(0.01, 1))
            .doc("Opens when such a share of the calls in `window` was slow.")
            .field("open_for", &BreakerConfig::open_for, duration().range(10ms, 1h))
            .doc("How long nobody is sent there at first; doubles each time that it was not enough.")
            .field("longest_open", &BreakerConfig::longest_open, duration().range(10ms, 1h))
            .doc("The longest time in between two trials.")
            .field("probes", &BreakerConfig::probes, integer().range(1, 1000))
            .doc("Requests that try it at a time, and successes until all go there again.")
            .validate([](const BreakerConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
                if (config.longest_open >= config.open_for) return;
                diagnostics.error(at, "longest_open must not be shorter than open_for");
            });
    return schema;
}

const Object<OutlierConfig>& outlier_schema() {
    static const auto schema =
        Object<OutlierConfig>("outlier ejection")
            .field("enabled", &OutlierConfig::enabled, boolean())
            .doc("Whether an instance that does worse than the others gets no requests for a while.")
            .field("consecutive", &OutlierConfig::consecutive, integer().range(1, 10'000))
            .doc("Failures in a row: no connection, no answer, or any 5xx.")
            .field("failures", &OutlierConfig::failures, percent().range(0.01, 1))
            .doc("So much larger a share of failures than the others have, in ten seconds.")
            .field("least_calls", &OutlierConfig::least_calls, integer().range(1, 1'000'000))
            .doc("Fewer calls in ten seconds make no share.")
            .field("latency", &OutlierConfig::latency, manifest::number().range(1.5, 1000))
            .doc("An answer is slow when it takes so many times what is usual for the service ...")
            .field("latency_above", &OutlierConfig::latency_above, duration().range(1ms, 1h))
            .doc("... and at least so much longer. Who is slow several times in a row is ejected.")
            .field("most", &OutlierConfig::most, percent())
            .doc("The share of the instances that may be ejected at a time, rounded down.")
            .field("eject_for", &OutlierConfig::eject_for, duration().range(100ms, 1h))
            .doc("For how long the first time; as much longer each time again.")
            .field("longest", &OutlierConfig::longest, duration().range(100ms, 24h))
            .doc("For how long at most.")
            .validate([](const OutlierConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
                if (config.longest >= config.eject_for) return;
                diagnostics.error(at, "longest must not be shorter than eject_for");
            });
    return schema;
}

const Object<ConcurrencyConfig>& concurrency_schema() {
    static const auto schema =
        Object<ConcurrencyConfig>("a concurrency limit")
            .field("requests", &ConcurrencyConfig::requests, integer().range(1, 1'000'000))
            .doc("Requests that wait for the service's answer at a time; shared out to the gateway's threads.")
            .field("instance", &ConcurrencyConfig::instance, integer().range(1, 1'000'000))
            .doc("The same for one instance: as many as it has workers, for instance.")
            .default_is("no limit")
            .field("adaptive", &ConcurrencyConfig::adaptive, boolean())
            .doc("Whether fewer are let through while latency shows that they only wait for each other.")
            .field("queue", &ConcurrencyConfig::queue, integer().range(0, 1'000'000))
            .doc("Requests that wait for their turn; what comes on top is answered 503. Shared out to the threads.")
            .field("queue_for", &ConcurrencyConfig::queue_for, duration().range(1ms, 1min))
            .doc("How long they wait at most; then 503.");
    return schema;
}

}  // namespace

UpstreamRule ProtectionConfig::rule() const {
    UpstreamRule rule;
    rule.breaker = {.on = breaker.enabled,
                    .consecutive = breaker.consecutive,
                    .failures = breaker.failures,
                    .least_calls = breaker.least_calls,
                    .window = breaker.window,
                    .slow_after = breaker.slow_after.value_or(0s),
                    .slow = breaker.slow,
                    .open_for = breaker.open_for,
                    .longest_open = breaker.longest_open,
                    .probes = breaker.probes};
    rule.outlier = {.on = outlier.enabled,
                    .consecutive = outlier.consecutive,
                    .failures = outlier.failures,
                    .least_calls = outlier.least_calls,
                    .latency = outlier.latency,
                    .latency_above = outlier.latency_above,
                    .most = outlier.most,
                    .eject_for = outlier.eject_for,
                    .longest = outlier.longest};
    rule.concurrency = {.requests = concurrency.requests,
                        .instance = concurrency.instance.value_or(0),
                        .adaptive = concurrency.adaptive,
                        .queue = concurrency.queue,
                        .queue_for = concurrency.queue_for};
    return rule;
}

const Object<ProtectionConfig>& protection_schema() {
    static const auto schema = Object<ProtectionConfig>("a service's protection")
                                   .field("breaker", &ProtectionConfig::breaker, breaker_schema())
                                   .doc("The circuit breaker, for the service as a whole.")
                                   .field("outlier", &ProtectionConfig::outlier, outlier_schema())
                                   .doc("The ejection of single instances.")
                                   .field("concurrency", &ProtectionConfig::concurrency, concurrency_schema())
                                   .doc("How many requests the service gets at once.");
    return schema;
}

ConcurrencyRule part_of(ConcurrencyRule whole, uint32_t threads) {
    const auto part = [threads](uint32_t count) { return (count + threads - 1) / threads; };
    whole.requests = part(whole.requests);
    whole.instance = part(whole.instance);
    whole.queue = part(whole.queue);
    return whole;
}

}  // namespace tl::proxy
