#include "proxy/traffic_config.h"

#include <charconv>

#include "codec/grpc.h"
#include "codec/http1.h"

namespace tl::proxy {

using namespace std::chrono_literals;
using manifest::duration;
using manifest::integer;
using manifest::list_of;
using manifest::Object;
using manifest::percent;
using manifest::text;

namespace {

// 0 for what is no status of a failed request.
uint16_t status_of(std::string_view text) {
    uint16_t status = 0;
    const char* const end = text.data() + text.size();
    const bool number = std::from_chars(text.data(), end, status).ptr == end;
    return number && status >= 400 && status <= 599 ? status : 0;
}

std::optional<std::string> check_on(std::string_view word) {
    if (word == "unsent" || word == "reset" || word == "timeout" || status_of(word) != 0) return std::nullopt;
    const auto call = codec::grpc_status_named(word);
    if (call && *call != codec::GrpcStatus::ok) return std::nullopt;
    return "must be unsent, reset, timeout, a status from 400 to 599, or one of gRPC such as unavailable";
}

std::optional<std::string> check_method(std::string_view method) {
    if (codec::is_token(method) && method.find_first_of("abcdefghijklmnopqrstuvwxyz") == std::string_view::npos)
        return std::nullopt;
    return "must be a method in upper case, such as POST";
}

void set_on(RetryRule& rule, const std::vector<std::string>& words) {
    rule.unsent = rule.reset = rule.timeout = false;
    rule.statuses.clear();
    rule.calls = 0;
    for (const std::string& word : words) {
        if (word == "unsent") rule.unsent = true;
        if (word == "reset") rule.reset = true;
        if (word == "timeout") rule.timeout = true;
        if (const uint16_t status = status_of(word); status != 0) rule.statuses.push_back(status);
        if (const auto call = codec::grpc_status_named(word)) rule.calls |= call_bit(*call);
    }
}

constexpr const char* kAttempts =
    "Tries in all, the first included. Only what is safe to repeat, or was never sent, is tried again.";
constexpr const char* kOn =
    "What is tried again: unsent (no connection, or proven not received), reset (the connection broke before an "
    "answer), "
    "timeout (of one try), and statuses of answers: of HTTP, or of gRPC such as unavailable.";
constexpr const char* kMethods = "Methods that the service takes twice without harm, beside the idempotent ones.";
constexpr const char* kBackoff = "The longest first wait; it doubles with each try, and chance takes a part of it.";
constexpr const char* kLongest =
    "The longest wait before a try. An answer whose Retry-After is later is not tried again.";

auto on_kind() {
    return list_of(text("unsent, reset, timeout or a status").check(check_on).any_scalar()).unique().at_most(16);
}
auto methods_kind() { return list_of(text("a method").check(check_method)).unique().or_single().at_most(16); }

const Object<RetryConfig>& retry_schema() {
    static const auto schema =
        Object<RetryConfig>("a retry rule")
            .field("attempts", &RetryConfig::attempts, integer().range(1, 8))
            .doc(kAttempts)
            .field("on", &RetryConfig::on, on_kind())
            .doc(kOn)
            .field("methods", &RetryConfig::methods, methods_kind())
            .doc(kMethods)
            .field("backoff", &RetryConfig::backoff, duration().range(1ms, 1min))
            .doc(kBackoff)
            .field("longest_wait", &RetryConfig::longest_wait, duration().range(1ms, 1min))
            .doc(kLongest)
            .field("budget", &RetryConfig::budget, percent())
            .doc("Retries of one caller, as a share of its requests in ten seconds; 0% for none.")
            .field("budget_least", &RetryConfig::budget_least, integer().range(0, 10'000))
            .doc("Retries a second, for each thread, that are allowed however few requests there are.");
    return schema;
}

const Object<RetryOverride>& retry_override_schema() {
    static const auto schema = Object<RetryOverride>("a route's retry rule")
                                   .field("attempts", &RetryOverride::attempts, integer().range(1, 8))
                                   .doc(kAttempts)
                                   .default_is("the service's")
                                   .field("on", &RetryOverride::on, on_kind())
                                   .doc(kOn)
                                   .default_is("the service's")
                                   .field("methods", &RetryOverride::methods, methods_kind())
                                   .doc(kMethods)
                                   .default_is("the service's")
                                   .field("backoff", &RetryOverride::backoff, duration().range(1ms, 1min))
                                   .doc(kBackoff)
                                   .default_is("the service's")
                                   .field("longest_wait", &RetryOverride::longest_wait, duration().range(1ms, 1min))
                                   .doc(kLongest)
                                   .default_is("the service's");
    return schema;
}

const Object<HedgeConfig>& hedge_schema() {
    static const auto schema =
        Object<HedgeConfig>("hedging")
            .field("after", &HedgeConfig::after, duration().range(1ms, 1min))
            .required()
            .doc("How long the first instance may take before a second one is asked too; the first answer counts.")
            .example("50ms");
    return schema;
}

const Object<TcpConfig>& tcp_schema() {
    static const auto schema =
        Object<TcpConfig>("a rule for connections")
            .position(&TcpConfig::at)
            .field("connect", &TcpConfig::connect, duration().range(1ms, 1min))
            .doc("How long an instance may take to accept; then another one is tried.")
            .field("idle", &TcpConfig::idle, duration().range(1s, 720h))
            .doc("Silence in both directions after which a connection is reset.")
            .field("send_proxy_protocol", &TcpConfig::send_proxy_protocol,
                   manifest::one_of<ProxyHeader>(
                       {{"none", ProxyHeader::none}, {"v1", ProxyHeader::v1}, {"v2", ProxyHeader::v2}}))
            .doc("Tell the instance the client's address first, by a header of the PROXY protocol.");
    return schema;
}

manifest::Enumeration<Importance> importance_kind() {
    return manifest::one_of<Importance>(
        {{"low", Importance::low}, {"normal", Importance::normal}, {"high", Importance::high}});
}

}  // namespace

TrafficRule TrafficConfig::request_rule() const {
    TrafficRule rule{.timeout = timeout,
                     .stream_idle = stream_idle,
                     .attempts = retry.attempts,
                     .try_timeout = try_timeout.value_or(0s),
                     .retry = {},
                     .hedge = {hedge.value_or(HedgeConfig{}).after},
                     .importance = importance};
    set_on(rule.retry, retry.on);
    rule.retry.methods = retry.methods;
    rule.retry.backoff = retry.backoff;
    rule.retry.longest_wait = retry.longest_wait;
    return rule;
}

UpstreamRule TrafficConfig::upstream_rule(base::HashKey secret) const {
    UpstreamRule rule = protection.rule();
    rule.protocol = protocol;
    rule.balance = balance.rule(secret);
    rule.budget = {.share = retry.budget, .least = retry.budget_least};
    const TcpConfig connections = tcp.value_or(TcpConfig{});
    rule.tcp = {.idle = connections.idle,
                .drain = TcpRule{}.drain,
                .attempts = retry.attempts,
                .send_proxy_protocol = connections.send_proxy_protocol};
    if (protocol == Protocol::tcp) rule.pool.connect = connections.connect;
    return rule;
}

TrafficRule TrafficOverride::over(TrafficRule rule) const {
    if (timeout) rule.timeout = *timeout;
    if (try_timeout) rule.try_timeout = *try_timeout;
    if (stream_idle) rule.stream_idle = *stream_idle;
    if (hedge) rule.hedge.after = hedge->after;
    if (importance) rule.importance = *importance;
    if (!retry) return rule;
    if (retry->attempts) rule.attempts = *retry->attempts;
    if (retry->on) set_on(rule.retry, *retry->on);
    if (retry->methods) rule.retry.methods = *retry->methods;
    if (retry->backoff) rule.retry.backoff = *retry->backoff;
    if (retry->longest_wait) rule.retry.longest_wait = *retry->longest_wait;
    return rule;
}

const Object<TrafficConfig>& traffic_schema() {
    static const auto schema =
        Object<TrafficConfig>("a service's traffic")
            .field("timeout", &TrafficConfig::timeout, duration().range(1ms, 1h))
            .doc("For requests to this service: until the head of its answer, retries included.")
            .field("try_timeout", &TrafficConfig::try_timeout, duration().range(1ms, 1h))
            .doc("The same for one try.")
            .default_is("only `timeout` counts")
            .field("stream_idle", &TrafficConfig::stream_idle, duration().range(1ms, 24h))
            .doc("Silence after which a streamed answer or an upgraded connection to it ends.")
            .field("retry", &TrafficConfig::retry, retry_schema())
            .doc("Tries of a request to this service on other instances.")
            .field("hedge", &TrafficConfig::hedge, hedge_schema())
            .doc("A second try beside a first that takes long; for what may be sent twice.")
            .default_is("no hedging")
            .field("importance", &TrafficConfig::importance, importance_kind())
            .doc("Who goes first, and is turned away last, when the service has more requests than it can take.")
            .include(&TrafficConfig::protection, protection_schema())
            .field("protocol", &TrafficConfig::protocol,
                   manifest::one_of<Protocol>({{"http1", Protocol::http1},  //
                                               {"http2", Protocol::http2},
                                               {"tcp", Protocol::tcp}}))
            .doc(
                "What the service speaks: http2 is HTTP/2, under TLS by ALPN, else in cleartext by prior "
                "knowledge (h2c). Clients may speak either, whatever the service speaks. tcp: bytes of any other "
                "protocol, for databases and the like.")
            .field("tcp", &TrafficConfig::tcp, tcp_schema())
            .doc("With protocol: tcp, how its connections are treated.")
            .default_is("connect 1s, idle 1h, no PROXY header")
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
                                   .field("try_timeout", &TrafficOverride::try_timeout, duration().range(1ms, 1h))
                                   .doc("The same for one try.")
                                   .default_is("the service's try_timeout")
                                   .field("stream_idle", &TrafficOverride::stream_idle, duration().range(1ms, 24h))
                                   .doc("Silence after which a streamed answer or an upgraded connection ends.")
                                   .default_is("the service's stream_idle")
                                   .field("retry", &TrafficOverride::retry, retry_override_schema())
                                   .doc("Tries on other instances.")
                                   .default_is("the service's retry")
                                   .field("hedge", &TrafficOverride::hedge, hedge_schema())
                                   .doc("A second try beside a first that takes long; for what may be sent twice.")
                                   .default_is("the service's hedge")
                                   .field("importance", &TrafficOverride::importance, importance_kind())
                                   .doc("Who goes first when the service has more requests than it can take.")
                                   .default_is("the service's importance")
                                   .include(&TrafficOverride::shaping, shaping_schema());
    return schema;
}

}  // namespace tl::proxy
