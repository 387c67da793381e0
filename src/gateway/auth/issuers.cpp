// Bearer tokens of several issuers. Which rules a token is held against is said by the token itself; that it keeps
// them, its issuer's name among them, is the method's business that is chosen.
#include <fmt/format.h>

#include "gateway/auth/jwt.h"
#include "gateway/auth/token.h"

namespace tl::gateway {

namespace {

class IssuersMethod final : public Method {
  public:
    IssuersMethod(std::vector<std::pair<std::string, MethodPtr>> issuers, std::string realm)
        : issuers_(std::move(issuers)), realm_(std::move(realm)) {}

    std::string_view name() const override { return "jwt"; }
    std::string challenge() const override { return issuers_.front().second->challenge(); }
    bool uses_authorization() const override { return true; }
    bool is_used(const proxy::RequestContext& context) const override {
        return authorization(context.head().headers, "Bearer").has_value();
    }
    std::optional<Finding> check(proxy::RequestContext& context) const override {
        if (const Method* const method = chosen(context)) return method->check(context);
        constexpr const char* kWhy = "the token is of no issuer that is taken here";
        return refuse_credential(kWhy, fmt::format("Bearer realm={}, error=\"invalid_token\", error_description={}",
                                                   quote(realm_), quote(kWhy)));
    }
    rt::Task<Finding> check_later(proxy::RequestContext& context) const override {
        return chosen(context)->check_later(context);
    }
    void strip(proxy::RequestContext& context) const override { chosen(context)->strip(context); }

  private:
    [[nodiscard]] const Method* chosen(const proxy::RequestContext& context) const {
        const std::string claimed = claimed_issuer(*authorization(context.head().headers, "Bearer"));
        for (const auto& [issuer, method] : issuers_) {
            if (issuer == claimed) return method.get();
        }
        return nullptr;
    }

    std::vector<std::pair<std::string, MethodPtr>> issuers_;
    std::string realm_;
};

}  // namespace

MethodPtr make_issuers_method(std::vector<std::pair<std::string, MethodPtr>> issuers, std::string realm) {
    return std::make_shared<IssuersMethod>(std::move(issuers), std::move(realm));
}

}  // namespace tl::gateway
