// Who called, as headers for the service: made from an identity by the auth policy, and taken away from clients that
// claim them themselves. Services believe these headers, so where one route sets a header, no route lets a client's own
// copy through.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/filter.h"
#include "proxy/identity_fwd.h"

namespace tl::gateway {

// One header and where its value comes from: "subject", "method", "plan", "scopes", "roles" or "claims.PATH".
struct IdentityHeader {
    std::string name;
    std::string from;
    bool operator==(const IdentityHeader&) const = default;
};

// What is wrong with a source, to be read after it; nothing when it is one.
[[nodiscard]] std::optional<std::string> check_identity_source(std::string_view from);
// The value; "" for what the identity does not have. Lists are joined by commas. Bytes that are no visible ASCII, and
// the percent sign, are percent-encoded, so that no claim can end a header.
[[nodiscard]] std::string_view identity_value(const proxy::Identity& identity, std::string_view from,
                                              base::Arena& arena);

// Takes away the headers of these names from each request. '-' and '_' are the same here, because servers that turn
// headers into variables (CGI, WSGI) cannot tell them apart. A request whose Connection names one is refused: it would
// take our own header away on the last step.
class ForgedHeadersFilter final : public proxy::Filter {
  public:
    explicit ForgedHeadersFilter(std::vector<std::string> names) : names_(std::move(names)) {}
    std::string_view name() const override { return "forged headers"; }
    Verdict on_request(proxy::RequestContext& context) const override;

  private:
    [[nodiscard]] bool is_ours(std::string_view name) const;
    std::vector<std::string> names_;
};

}  // namespace tl::gateway
