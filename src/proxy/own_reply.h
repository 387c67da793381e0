// An answer that a filter gives in the service's place: a preflight, a redirect, a document. Plain values.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tl::proxy {

struct OwnReply {
    uint16_t status = 200;
    std::vector<std::pair<std::string, std::string>> headers;  // without those of framing
    std::string body;                                          // dropped for HEAD, 204, 304
};

}  // namespace tl::proxy
