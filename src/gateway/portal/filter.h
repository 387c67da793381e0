// The portal's answers: its page and the merged document as JSON and as YAML. All is made once, when a manifest is
// loaded; a request compares an ETag and gets what is there. The last filter of the portal's route, behind its
// policies. Immutable, shared by cores.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "gateway/policies/context.h"
#include "proxy/filter.h"

namespace tl::gateway {

// `path`: of the page, "/docs"; the others are below it.
[[nodiscard]] FilterPtr make_portal_filter(const std::string& path, const nlohmann::ordered_json& document);

// Whether If-None-Match has this entity tag (RFC 9110 13.1.2; compared weakly, for a tag may have been weakened on its
// way).
[[nodiscard]] bool has_tag(std::string_view if_none_match, std::string_view etag);

}  // namespace tl::gateway
