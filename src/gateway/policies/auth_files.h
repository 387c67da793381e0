// Files that an auth policy names.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "gateway/policies/policies.h"
#include "storage/whole_file.h"

namespace tl::gateway {

// A file of a manifest: relative ones are in the manifest's folder.
[[nodiscard]] std::string file_in(const std::string& folder, const std::string& file);
// A secret as a file holds it: one newline at the end is not of it.
[[nodiscard]] std::string_view trimmed_secret(std::string_view text);

// The file says what it must (a Result<void> of `parse`); the complaint stands at the word that names it.
template <class Parse>
void check_file(const manifest::Located<std::string>& file, const PolicyCheck& check, Parse parse) {
    const auto read = storage::read_file(file_in(check.folder, file.value), size_t{4} << 20);
    const base::Result<void> good = read ? parse(*read) : base::fail(read.error());
    if (!good) check.diagnostics.error(file.at, fmt::format("auth: {}: {}", file.value, good.error().message()));
}

}  // namespace tl::gateway
