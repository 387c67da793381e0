#include "gateway/policies/cors.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "codec/http1.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using manifest::list_of;
using manifest::text;
using proxy::RequestContext;

namespace {

std::optional<std::string> check_origin(std::string_view origin) {
    if (origin == "*") return std::nullopt;
    const size_t scheme = origin.find("://");
    std::string_view host = scheme == std::string_view::npos ? std::string_view{} : origin.substr(scheme + 3);
    if (host.starts_with("*.")) host.remove_prefix(2);
    const bool good = scheme != 0 && codec::is_valid_authority(host) && host.find('*') == std::string_view::npos;
    if (good && base::lower(origin) == origin) return std::nullopt;
    return "must be an origin in lower case without a path, such as https://shop.example or https://*.shop.example";
}

std::optional<std::string> check_token(std::string_view name) {
    if (codec::is_token(name)) return std::nullopt;
    return "is no name of a method or header";
}

// A page must never be given another client's cookies' worth of answers by a list that says "everybody".
void check_credentials(const CorsConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (!config.credentials || std::ranges::find(config.origins, "*") == config.origins.end()) return;
    diagnostics.error(at, R"(cors: credentials cannot go with the origin "*")",
                      "name the origins that may send cookies");
}

class CorsFilter final : public proxy::Filter {
  public:
    explicit CorsFilter(const CorsConfig& config)
        : origins_(config.origins),
          headers_(base::join(config.headers, ", ")),
          expose_(base::join(config.expose, ", ")),
          max_age_(fmt::to_string(config.max_age / 1s)),
          credentials_(config.credentials) {
        for (const std::string& method : config.methods) methods_ += (methods_.empty() ? "" : ", ") + method;
        any_ = std::ranges::find(origins_, "*") != origins_.end();
    }

    std::string_view name() const override { return "cors"; }

    Verdict on_request(RequestContext& context) const override {
        const codec::HeaderTable& headers = context.head().headers;
        const codec::Header* const wanted = headers.find("Access-Control-Request-Method");
        if (context.head().method != codec::Method::options || wanted == nullptr) return Verdict::proceed;
        const codec::Header* const origin = headers.find("Origin");
        if (origin == nullptr) return Verdict::proceed;
        // A preflight ends here, whatever it asks for: without these fields the browser refuses it.
        auto reply = std::make_unique<proxy::OwnReply>();
        reply->status = 204;
        if (allows(origin->value)) {
            reply->headers.emplace_back("Access-Control-Allow-Methods", methods_);
            const codec::Header* const asked = headers.find("Access-Control-Request-Headers");
            const std::string names = headers_.empty() && asked != nullptr ? std::string{asked->value} : headers_;
            if (!names.empty()) reply->headers.emplace_back("Access-Control-Allow-Headers", names);
            reply->headers.emplace_back("Access-Control-Max-Age", max_age_);
            context.note("cors", "preflight answered");
        } else {
            context.note("cors", "preflight of an origin that is not allowed");
        }
        context.reply = std::move(reply);
        return Verdict::reply;
    }

    void on_response(RequestContext& context, codec::ResponseHead& head) const override {
        codec::HeaderTable& headers = head.headers;
        headers.remove("Access-Control-Allow-Origin");
        headers.remove("Access-Control-Allow-Credentials");
        headers.remove("Access-Control-Expose-Headers");
        // Caches must not give one origin the answer for another.
        if (!any_) headers.add("Vary", "Origin");
        const codec::Header* const origin = context.head().headers.find("Origin");
        if (origin == nullptr || !allows(origin->value)) return;
        headers.add("Access-Control-Allow-Origin", any_ ? std::string_view{"*"} : origin->value);
        if (credentials_) headers.add("Access-Control-Allow-Credentials", "true");
        if (!expose_.empty()) headers.add("Access-Control-Expose-Headers", expose_);
    }

  private:
    [[nodiscard]] bool allows(std::string_view origin) const {
        return any_ || std::ranges::any_of(origins_, [&](const std::string& one) { return matches(one, origin); });
    }
    // "https://*.a.example" takes one label or more in front of .a.example, of that scheme alone.
    static bool matches(std::string_view pattern, std::string_view origin) {
        const size_t star = pattern.find('*');
        if (star == std::string_view::npos) return pattern == origin;
        const std::string_view scheme = pattern.substr(0, star);
        const std::string_view domain = pattern.substr(star + 1);
        if (!origin.starts_with(scheme) || !origin.ends_with(domain)) return false;
        if (origin.size() <= scheme.size() + domain.size()) return false;
        const std::string_view label = origin.substr(scheme.size(), origin.size() - scheme.size() - domain.size());
        return label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string_view::npos;
    }

    std::vector<std::string> origins_;
    std::string methods_;
    std::string headers_;
    std::string expose_;
    std::string max_age_;
    bool credentials_;
    bool any_ = false;
};

}  // namespace

const manifest::Object<CorsConfig>& cors_schema() {
    static const auto schema =
        manifest::Object<CorsConfig>("a cors policy")
            .position(&CorsConfig::at)
            .field("origins", &CorsConfig::origins,
                   list_of(text("an origin such as https://shop.example").check(check_origin)).at_least(1).or_single())
            .required()
            .doc("Origins whose pages may read answers; \"*\" for all.")
            .example("[https://shop.example]")
            .field("methods", &CorsConfig::methods, list_of(text("a method").check(check_token)).or_single())
            .doc("Methods that pages may use.")
            .field("headers", &CorsConfig::headers, list_of(text("a header's name").check(check_token)).or_single())
            .doc("Request headers that pages may send; none named: those that they ask for.")
            .field("expose", &CorsConfig::expose, list_of(text("a header's name").check(check_token)).or_single())
            .doc("Headers of answers that pages may read, beside the usual ones.")
            .field("credentials", &CorsConfig::credentials, manifest::boolean())
            .doc("Whether cookies and authorization may be sent along.")
            .field("max_age", &CorsConfig::max_age, manifest::duration().range(0s, 24h))
            .doc("How long a browser may remember a preflight's answer.")
            .validate(check_credentials);
    return schema;
}

FilterPtr make_cors_filter(const CorsConfig& config, const PolicyContext& /*context*/) {
    return std::make_shared<CorsFilter>(config);
}

}  // namespace tl::gateway
