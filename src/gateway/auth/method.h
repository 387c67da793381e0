// One way to say who a request comes from. A method looks at the credential that is its own and at nothing else; which
// methods a route takes, and what a request without a credential gets, is the auth policy's business (policies/auth.h).
// Immutable, shared by cores.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/core_states.h"
#include "proxy/filter.h"
#include "proxy/identity.h"

namespace tl::gateway {

struct Finding {
    proxy::IdentityPtr identity;  // nullptr: the credential is refused
    proxy::Denial refusal{};      // then: why
};

class Method {
  public:
    virtual ~Method() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    // WWW-Authenticate (RFC 9110 11.6.1) for requests without a credential; "" for none.
    [[nodiscard]] virtual std::string challenge() const { return {}; }
    // Whether the request has a credential of this kind, right or wrong.
    [[nodiscard]] virtual bool is_used(const proxy::RequestContext& context) const = 0;
    // Of a request for which is_used; nullopt when it cannot be told without waiting.
    [[nodiscard]] virtual std::optional<Finding> check(proxy::RequestContext& context) const = 0;
    // After nullopt; with a deadline, and watching the exchange's cancel.
    [[nodiscard]] virtual rt::Task<Finding> check_later(proxy::RequestContext& context) const;
    // Takes the credential out of a request that goes on to the service, unless it is to be kept.
    virtual void strip(proxy::RequestContext& context) const = 0;
    // Whether the credential is in Authorization.
    [[nodiscard]] virtual bool uses_authorization() const { return false; }
};
using MethodPtr = std::shared_ptr<const Method>;

// 401 with the method's own challenge.
[[nodiscard]] Finding refuse_credential(std::string why, std::string challenge);
// 503: what would have to decide cannot.
[[nodiscard]] Finding cannot_decide(std::string why, uint32_t retry_after = 1);

// The credentials behind `scheme` in Authorization (RFC 9110 11.4), without white space; nullopt for another scheme or
// none. Only of the first one: a request with several is refused before.
[[nodiscard]] std::optional<std::string_view> authorization(const codec::HeaderTable& headers, std::string_view scheme);

// Text as a quoted string of a challenge: quotes, backslashes and control bytes are left out.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace tl::gateway
