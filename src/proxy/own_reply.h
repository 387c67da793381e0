// An answer that a filter gives in the service's place: a preflight, a redirect, a document. Plain values.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tl::proxy {

struct OwnReply {
    uint16_t status = 200;
    std::vector<std::pair<std::string, std::string>> headers;  // without those of framing
    std::string body;                                          // dropped for HEAD, 204, 304
    std::shared_ptr<const std::string> lasting;                // set: the body in its place, the same for many answers

    [[nodiscard]] std::string_view text() const { return lasting != nullptr ? std::string_view{*lasting} : body; }
};

}  // namespace tl::proxy
