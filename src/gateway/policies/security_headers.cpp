#include "gateway/policies/security_headers.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/text.h"
#include "codec/http1.h"
#include "proxy/client.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using manifest::text;
using proxy::RequestContext;

namespace {

std::optional<std::string> check_value(std::string_view value) {
    if (codec::is_field_value(value)) return std::nullopt;
    return "must not hold control characters";
}

// Origins as frame-ancestors takes them: they stand in one directive, so nothing may end it.
std::optional<std::string> check_frame(std::string_view value) {
    if (value.find_first_of(";,\"") == std::string_view::npos && codec::is_field_value(value)) return std::nullopt;
    return "must be deny, same_origin, any, or origins such as https://desk.example with spaces between";
}

std::string hsts_of(const SecurityHeadersConfig::Hsts& hsts) {
    if (hsts.max_age == base::Duration{0}) return {};
    return fmt::format("max-age={}{}{}", hsts.max_age / 1s, hsts.subdomains ? "; includeSubDomains" : "",
                       hsts.preload ? "; preload" : "");
}

std::string ancestors_of(const std::string& frame) {
    if (frame == "any") return {};
    if (frame == "deny") return "frame-ancestors 'none'";
    return "frame-ancestors " + (frame == "same_origin" ? std::string{"'self'"} : frame);
}

class SecurityHeadersFilter final : public proxy::Filter {
  public:
    explicit SecurityHeadersFilter(const SecurityHeadersConfig& config)
        : hsts_(hsts_of(config.hsts)), override_(config.override_service) {
        const auto say = [&](std::string name, std::string value) {
            if (!value.empty() && value != "none") fields_.emplace_back(std::move(name), std::move(value));
        };
        if (config.nosniff) say("X-Content-Type-Options", "nosniff");
        say("Referrer-Policy", config.referrer);
        // For browsers that do not know frame-ancestors; there is no way to name origins in it.
        if (config.frame == "deny") say("X-Frame-Options", "DENY");
        if (config.frame == "same_origin") say("X-Frame-Options", "SAMEORIGIN");
        std::string policy = config.content_security_policy;
        const std::string ancestors = ancestors_of(config.frame);
        if (!ancestors.empty() && !policy.contains("frame-ancestors"))
            policy += (policy.empty() ? "" : "; ") + ancestors;
        say("Content-Security-Policy", policy);
        say("Permissions-Policy", config.permissions_policy);
        say("Cross-Origin-Opener-Policy", config.opener);
        say("Cross-Origin-Resource-Policy", config.resource);
    }

    std::string_view name() const override { return "security_headers"; }

    void on_response(RequestContext& context, codec::ResponseHead& head) const override {
        for (const auto& [name, value] : fields_) say(head.headers, name, value);
        const bool tls = proxy::is_secure(context);
        // A service's own promise does not go out in the clear either: browsers must ignore it there.
        if (!tls) head.headers.remove("Strict-Transport-Security");
        if (tls && !hsts_.empty()) say(head.headers, "Strict-Transport-Security", hsts_);
    }

  private:
    void say(codec::HeaderTable& headers, std::string_view name, std::string_view value) const {
        if (override_) {
            headers.remove(name);
        } else if (headers.find(name) != nullptr) {
            return;
        }
        headers.add(name, value);
    }

    std::vector<std::pair<std::string, std::string>> fields_;
    std::string hsts_;
    bool override_;
};

// hstspreload.org: a year at least, with subdomains.
void check_preload(const SecurityHeadersConfig::Hsts& hsts, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (!hsts.preload || (hsts.subdomains && hsts.max_age >= 24h * 365)) return;
    diagnostics.error(at, "hsts: browsers' lists take no name without subdomains and a max_age of a year",
                      "add subdomains: true and max_age: 8760h, or leave preload out");
}

const manifest::Object<SecurityHeadersConfig::Hsts>& hsts_schema() {
    using Hsts = SecurityHeadersConfig::Hsts;
    static const auto schema = manifest::Object<Hsts>("the promise of HTTPS")
                                   .field("max_age", &Hsts::max_age, manifest::duration().range(0s, 24h * 3650))
                                   .doc("How long browsers remember to use https only; 0s: not said.")
                                   .field("subdomains", &Hsts::subdomains, manifest::boolean())
                                   .doc("All names below this one too.")
                                   .field("preload", &Hsts::preload, manifest::boolean())
                                   .doc("Asks to be on browsers' own lists, which is hard to undo.")
                                   .validate(check_preload);
    return schema;
}

}  // namespace

const manifest::Object<SecurityHeadersConfig>& security_headers_schema() {
    using Config = SecurityHeadersConfig;
    static const std::vector<std::string> kReferrer{"no-referrer",
                                                    "no-referrer-when-downgrade",
                                                    "origin",
                                                    "origin-when-cross-origin",
                                                    "same-origin",
                                                    "strict-origin",
                                                    "strict-origin-when-cross-origin",
                                                    "unsafe-url",
                                                    "none"};
    static const auto schema =
        manifest::Object<Config>("a security_headers policy")
            .position(&Config::at)
            .field("hsts", &Config::hsts, hsts_schema().or_scalar("max_age"))
            .doc("Strict-Transport-Security; over TLS only.")
            .field("nosniff", &Config::nosniff, manifest::boolean())
            .doc("X-Content-Type-Options: nosniff.")
            .field("frame", &Config::frame, text("who may show it in a frame").check(check_frame).at_most(2000))
            .doc("Who may show it in a frame: deny, same_origin, any, or origins with spaces between.")
            .field("referrer", &Config::referrer, manifest::one_of(kReferrer))
            .doc("Referrer-Policy; none: not said.")
            .field("content_security_policy", &Config::content_security_policy,
                   text("a policy").check(check_value).at_most(8000).allow_empty())
            .doc("Content-Security-Policy; frame-ancestors is added by `frame`.")
            .default_is("frame-ancestors alone")
            .field("permissions_policy", &Config::permissions_policy,
                   text("a policy").check(check_value).at_most(4000).allow_empty())
            .doc("Permissions-Policy.")
            .default_is("not said")
            .field("opener", &Config::opener,
                   manifest::one_of({"same-origin", "same-origin-allow-popups", "unsafe-none", "none"}))
            .doc("Cross-Origin-Opener-Policy; none: not said.")
            .field("resource", &Config::resource,
                   manifest::one_of({"same-origin", "same-site", "cross-origin", "none"}))
            .doc("Cross-Origin-Resource-Policy; none: not said.")
            .field("override", &Config::override_service, manifest::boolean())
            .doc("What is said here replaces what the service says.");
    return schema;
}

FilterPtr make_security_headers_filter(const SecurityHeadersConfig& config, const PolicyContext& /*context*/) {
    return std::make_shared<SecurityHeadersFilter>(config);
}

}  // namespace tl::gateway
