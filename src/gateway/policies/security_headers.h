// The fields that tell browsers to be careful with an answer. Safe defaults; what a service says itself wins unless
// `override`. HTTPS-only promises are made over TLS only (RFC 6797 7.2).
#pragma once

#include <string>

#include "gateway/policies/context.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct SecurityHeadersConfig {
    manifest::Position at;
    struct Hsts {
        base::Duration max_age = std::chrono::hours{24 * 180};
        bool subdomains = false;
        bool preload = false;
    } hsts;
    bool nosniff = true;
    std::string frame = "deny";  // "deny", "same_origin", "any", or origins for frame-ancestors
    std::string referrer = "strict-origin-when-cross-origin";
    std::string content_security_policy;  // "": none but frame-ancestors
    std::string permissions_policy;       // "": none
    std::string opener = "same-origin";   // Cross-Origin-Opener-Policy; "none": not said
    std::string resource = "none";        // Cross-Origin-Resource-Policy
    bool override_service = false;
};

[[nodiscard]] const manifest::Object<SecurityHeadersConfig>& security_headers_schema();
[[nodiscard]] FilterPtr make_security_headers_filter(const SecurityHeadersConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
