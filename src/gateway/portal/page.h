// The portal's page: one HTML document with its style and script inside, which names no other host. Its policy lets
// nothing run but that script. Pure.
#pragma once

#include <string>

namespace tl::gateway {

struct Page {
    std::string html;
    std::string policy;  // Content-Security-Policy
};

// `folder`: the last segment of the page's path; the document is below it.
[[nodiscard]] Page make_page(const std::string& title, const std::string& folder);

}  // namespace tl::gateway
