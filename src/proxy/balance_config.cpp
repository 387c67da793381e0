#include "proxy/balance_config.h"

#include "codec/http1.h"
#include "proxy/request_key.h"

namespace tl::proxy {

using namespace std::chrono_literals;
using manifest::duration;
using manifest::Object;

namespace {

std::optional<std::string> check_cookie_name(std::string_view name) {
    if (codec::is_token(name)) return std::nullopt;
    return "is no cookie name";
}

const Object<StickyConfig>& sticky_schema() {
    static const auto schema =
        Object<StickyConfig>("a sticky cookie")
            .field("cookie", &StickyConfig::cookie, manifest::text("a cookie's name").check(check_cookie_name))
            .doc("Its name.")
            .field("max_age", &StickyConfig::max_age, duration().range(1s, 720h))
            .doc("How long a client stays with its instance.");
    return schema;
}

void check_balance(const BalanceConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    const bool hashes = config.policy.value == Policy::ring_hash || config.policy.value == Policy::maglev;
    if (config.key && !hashes) {
        diagnostics.error(config.key->at, "\"key\" is for the policies ring_hash and maglev; this one does not hash",
                          "set policy: maglev, or take \"key\" out");
    }
    if (hashes && config.slow_start > 0s) {
        diagnostics.error(at, "\"slow_start\" does not go with a policy that hashes: requests would move twice",
                          "use least_request, round_robin or peak_ewma, or take \"slow_start\" out");
    }
}

}  // namespace

BalanceRule BalanceConfig::rule(base::HashKey secret) const {
    BalanceRule rule{.policy = policy.value,
                     .key = key ? key->value : RequestKey{},
                     .prefer_zone = zones == ZoneUse::prefer,
                     .slow_start = slow_start,
                     .sticky = {}};
    if (sticky) rule.sticky = StickyRule{.cookie = sticky->cookie, .max_age = sticky->max_age, .secret = secret};
    return rule;
}

const Object<BalanceConfig>& balance_schema() {
    static const auto schema =
        Object<BalanceConfig>("a balancing rule")
            .validate(check_balance)
            .field("policy", &BalanceConfig::policy,
                   manifest::one_of<Policy>({{"least_request", Policy::least_request},
                                             {"round_robin", Policy::round_robin},
                                             {"peak_ewma", Policy::peak_ewma},
                                             {"ring_hash", Policy::ring_hash},
                                             {"maglev", Policy::maglev}}))
            .doc("Which instance gets the next request.")
            .field(
                "key", &BalanceConfig::key,
                manifest::custom<RequestKey>("client, path, header NAME or cookie NAME", parse_request_key, to_string))
            .doc("For ring_hash and maglev: what is the same in requests that go to the same instance.")
            .default_is("client: the address of who is connected")
            .example("header x-user")
            .field("zones", &BalanceConfig::zones,
                   manifest::one_of<ZoneUse>({{"prefer", ZoneUse::prefer}, {"ignore", ZoneUse::ignore}}))
            .doc("prefer: instances of the caller's zone first, others when too few of those are well.")
            .field("slow_start", &BalanceConfig::slow_start, duration().range(0s, 1h))
            .doc("How long a new instance takes to its full share, from a tenth of it.")
            .field("sticky", &BalanceConfig::sticky, sticky_schema().or_scalar("cookie"))
            .doc("A cookie that keeps a client at its instance.")
            .default_is("none");
    return schema;
}

}  // namespace tl::proxy
