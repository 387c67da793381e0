#include "gateway/policies/opa.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "gateway/policies/opa_input.h"
#include "gateway/policies/opa_result.h"
#include "gateway/policies/policies.h"

namespace tl::gateway {

using manifest::text;
using proxy::RequestContext;

namespace {

class Opa final : public Authoriser {
  public:
    explicit Opa(const OpaConfig& config)
        : rules_(config.rules), target_("/v1/data/" + config.path), kept_(config.cache.has_value()) {}

    std::expected<Question, proxy::Denial> question(RequestContext& context) const override {
        const codec::HeaderTable& headers = context.head().headers;
        if (headers.count(codec::Field::authorization) > 1) {
            return std::unexpected(proxy::Denial{proxy::Cause::bad_request, "the request has Authorization twice"});
        }
        Question question{.request = {.method = "POST",
                                      .target = target_,
                                      .headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}},
                                      .body = make_opa_input(context, rules_.send)},
                          .key = std::nullopt};
        if (kept_) question.key = net::sha256(question.request.body);
        return question;
    }
    std::expected<Decision, std::string> read(const proxy::SubResponse& answer) const override {
        if (answer.status != 200) return std::unexpected(fmt::format("it answered {}", answer.status));
        return parse_opa_result(answer.body, rules_.take, rules_.answer);
    }
    // 500 is its word that the rules failed with this input: whoever could bring that about must not pass by it.
    bool is_failure(uint16_t status) const override { return status > 500; }

  private:
    AuthoriserRules rules_;
    std::string target_;
    bool kept_;
};

// A package and a rule, as the API wants them.
std::optional<std::string> check_path(std::string_view path) {
    const auto is_name = [](std::string_view name) {
        return !name.empty() && std::ranges::all_of(name, [](char c) {
            const char low = base::to_lower(c);
            return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        });
    };
    if (std::ranges::all_of(base::split(path, '/'), is_name)) return std::nullopt;
    return "is no rule; data.shop.allow is shop/allow";
}

}  // namespace

void OpaConfig::check(const PolicyCheck& check) const { check_authoriser(rules, "an opa policy", check); }

const manifest::Object<OpaConfig>& opa_schema() {
    static const auto schema = manifest::Object<OpaConfig>("an opa policy")
                                   .position(&OpaConfig::at)
                                   .include(&OpaConfig::rules, authoriser_schema())
                                   .field("path", &OpaConfig::path, text("a rule such as shop/allow").check(check_path))
                                   .required()
                                   .doc("The rule that decides, below /v1/data/.")
                                   .example("shop/allow")
                                   .field("cache", &OpaConfig::cache, decision_schema().or_scalar("for"))
                                   .doc("Decisions hold for a time, for the same input.")
                                   .default_is("it is asked each time");
    return schema;
}

FilterPtr make_opa_filter(const OpaConfig& config, const PolicyContext& context) {
    return make_authoriser_filter({.policy = "opa", .config = opa_schema().dump(config), .cache = config.cache},
                                  config.rules, std::make_unique<Opa>(config), context);
}

}  // namespace tl::gateway
