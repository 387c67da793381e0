// Files that an auth policy names.
#pragma once

#include <string>
#include <string_view>

namespace tl::gateway {

// A file of a manifest: relative ones are in the manifest's folder.
[[nodiscard]] std::string file_in(const std::string& folder, const std::string& file);
// A secret as a file holds it: one newline at the end is not of it.
[[nodiscard]] std::string_view trimmed_secret(std::string_view text);

}  // namespace tl::gateway
