// YAML text to a tree with positions. One document of YAML 1.2 with anchors, aliases and merge keys, but
// without tags, non-scalar keys or a second document. Hostile text is refused, not survived by luck: size,
// depth and the number of nodes (aliases counted as often as they are used) have caps, duplicate keys and
// control characters are errors. Pure: reads no file, keeps nothing; call it on any core.
#pragma once

#include <string>
#include <string_view>

#include "manifest/diagnostics.h"
#include "manifest/node.h"

namespace tl::manifest {

struct DocumentLimits {
    size_t bytes = size_t{1} << 20;
    size_t depth = 64;
    size_t nodes = 100'000;
};

struct Document {
    Node root;                // null if the text could not be read, and for an empty text
    Diagnostics diagnostics;  // go on collecting here: schema and cross-checks add theirs
    bool readable = false;    // false: the text is not YAML that we accept; one error says why, root means nothing
};

[[nodiscard]] Document parse_document(std::string_view text, std::string file_name, const DocumentLimits& limits = {});

}  // namespace tl::manifest
