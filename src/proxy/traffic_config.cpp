#include "proxy/traffic_config.h"

namespace tl::proxy {

using namespace std::chrono_literals;
using manifest::duration;
using manifest::integer;
using manifest::Object;

namespace {

const Object<RetryConfig>& retry_schema() {
    static const auto schema =
        Object<RetryConfig>("a retry rule")
            .field("attempts", &RetryConfig::attempts, integer().range(1, 8))
            .doc("Tries in all, the first included. Only what is safe to repeat, or was never sent, is tried again.");
    return schema;
}

}  // namespace

TrafficRule TrafficConfig::request_rule() const {
    return {.timeout = timeout, .stream_idle = stream_idle, .attempts = retry.attempts};
}

TrafficRule TrafficOverride::over(TrafficRule rule) const {
    if (timeout) rule.timeout = *timeout;
    if (stream_idle) rule.stream_idle = *stream_idle;
    if (retry) rule.attempts = retry->attempts;
    return rule;
}

const Object<TrafficConfig>& traffic_schema() {
    static const auto schema =
        Object<TrafficConfig>("a service's traffic")
            .field("timeout", &TrafficConfig::timeout, duration().range(1ms, 1h))
            .doc("For requests to this service: until the head of its answer, retries included.")
            .field("stream_idle", &TrafficConfig::stream_idle, duration().range(1ms, 24h))
            .doc("Silence after which a streamed answer or an upgraded connection to it ends.")
            .field("retry", &TrafficConfig::retry, retry_schema())
            .doc("Tries of a request to this service on other instances.")
            .field("protocol", &TrafficConfig::protocol,
                   manifest::one_of<Protocol>({{"http1", Protocol::http1},  //
                                               {"http2", Protocol::http2}}))
            .doc(
                "What the service speaks: http2 is HTTP/2, under TLS by ALPN, else in cleartext by prior "
                "knowledge (h2c). Clients may speak either, whatever the service speaks.")
            .field("balance", &TrafficConfig::balance, balance_schema().or_scalar("policy"))
            .doc("How requests are spread over its instances: a policy, or a map.")
            .include(&TrafficConfig::shaping, shaping_schema());
    return schema;
}

const Object<TrafficOverride>& traffic_override_schema() {
    static const auto schema = Object<TrafficOverride>("a route's traffic")
                                   .field("timeout", &TrafficOverride::timeout, duration().range(1ms, 1h))
                                   .doc("Until the head of the answer, retries included.")
                                   .default_is("the service's timeout")
                                   .field("stream_idle", &TrafficOverride::stream_idle, duration().range(1ms, 24h))
                                   .doc("Silence after which a streamed answer or an upgraded connection ends.")
                                   .default_is("the service's stream_idle")
                                   .field("retry", &TrafficOverride::retry, retry_schema())
                                   .doc("Tries on other instances.")
                                   .default_is("the service's retry")
                                   .include(&TrafficOverride::shaping, shaping_schema());
    return schema;
}

}  // namespace tl::proxy
