// Small files that must survive: written as a whole or not at all. After replace_file has said yes, a kill, a full disk
// or a loss of power leaves the new text; before, the old one. Blocks for the time of an fsync: control core only.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace tl::storage {

// The file's text; Code::not_found when there is none, Code::too_large beyond `most` bytes.
[[nodiscard]] base::Result<std::string> read_file(const std::string& path, size_t most);

// `text` in the place of what was there, by a file beside it (`path`.new), fsync and rename; then the folder's fsync,
// without which the rename itself may be lost.
[[nodiscard]] base::Result<void> replace_file(const std::string& path, std::string_view text, unsigned mode);

// Differs when the file has been written, replaced or removed since (device, inode, size and time).
[[nodiscard]] std::string stamp_of(const std::string& path);

}  // namespace tl::storage
