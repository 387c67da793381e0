// What a json policy does to one document. Paths are names with dots ("user.address.city"); a list on the way stands
// for each of its items. Plain functions.
#pragma once

#include <string_view>

#include "gateway/policies/documents.h"
#include "gateway/policies/json.h"

namespace tl::gateway {

// Everything but the forms (`from`, `to`).
void apply_changes(const JsonChanges& changes, proxy::RequestContext& context, Document& document);

void drop_path(Document& document, std::string_view path);
[[nodiscard]] Document pick_paths(const Document& document, const std::vector<std::string_view>& paths);
void rename_path(Document& document, std::string_view path, const std::string& name);
void set_path(Document& document, std::string_view path, const Document& value);

}  // namespace tl::gateway
