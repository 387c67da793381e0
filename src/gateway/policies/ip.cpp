#include "gateway/policies/ip.h"

#include "gateway/prefix_list.h"

namespace tl::gateway {

using proxy::RequestContext;

namespace {

class IpFilter final : public proxy::Filter {
  public:
    explicit IpFilter(const IpConfig& config) : allow_(config.allow), deny_(config.deny) {}

    std::string_view name() const override { return "ip"; }

    Verdict on_request(RequestContext& context) const override {
        const net::Address& client = context.client_address();
        const bool denied = deny_.contains(client);
        if (!denied && (allow_.empty() || allow_.contains(client))) return Verdict::proceed;
        context.note("ip", denied ? "on the deny list" : "not on the allow list");
        context.refusal = {proxy::Cause::blocked, "requests from this address are not taken here"};
        return Verdict::refuse;
    }

  private:
    net::PrefixSet allow_;
    net::PrefixSet deny_;
};

void check_lists(const IpConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (!config.allow.empty() || !config.deny.empty()) return;
    diagnostics.error(at, "an ip policy needs \"allow\" or \"deny\"",
                      "give the networks that may ask: ip: [10.0.0.0/8]");
}

}  // namespace

const manifest::Object<IpConfig>& ip_schema() {
    static const auto schema = manifest::Object<IpConfig>("an ip policy")
                                   .position(&IpConfig::at)
                                   .field("allow", &IpConfig::allow, prefix_list().at_most(100000))
                                   .doc("Networks that may ask, and no others.")
                                   .default_is("all")
                                   .example("[10.0.0.0/8]")
                                   .field("deny", &IpConfig::deny, prefix_list().at_most(100000))
                                   .doc("Networks that may not; wins over allow.")
                                   .default_is("none")
                                   .validate(check_lists);
    return schema;
}

FilterPtr make_ip_filter(const IpConfig& config, const PolicyContext& /*context*/) {
    return std::make_shared<IpFilter>(config);
}

}  // namespace tl::gateway
