// A tree as YAML text that parse_document reads back to the same values. Notes become comments behind their
// line; an entry with a null value and a note is printed as a comment only. Short lists of scalars stay on
// one line.
#pragma once

#include <string>
#include <string_view>

#include "manifest/node.h"

namespace tl::manifest {

[[nodiscard]] std::string to_yaml(const Node& node);

// Whether no YAML reader would take the plain text for a number, a boolean or a null.
[[nodiscard]] bool reads_as_text(std::string_view text);
[[nodiscard]] bool reads_as_null(std::string_view text);

}  // namespace tl::manifest
