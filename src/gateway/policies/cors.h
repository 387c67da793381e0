// Cross-origin requests by browsers (the CORS protocol of the Fetch standard,
// https://fetch.spec.whatwg.org/#http-cors-protocol): preflights are answered here, answers get their Access-Control
// fields, what services say themselves is replaced.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/policies/context.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct CorsConfig {
    manifest::Position at;
    std::vector<std::string> origins;  // "https://shop.example", "https://*.shop.example", "*"
    std::vector<std::string> methods{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    std::vector<std::string> headers;  // of requests; empty: those that the preflight asks for
    std::vector<std::string> expose;   // headers of answers that pages may read
    bool credentials = false;
    base::Duration max_age = std::chrono::minutes{10};
};

[[nodiscard]] const manifest::Object<CorsConfig>& cors_schema();
[[nodiscard]] FilterPtr make_cors_filter(const CorsConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
