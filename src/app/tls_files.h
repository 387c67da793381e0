// Files of TLS: read with a bound, looked at for changes, parsed with errors that name them. Control core.
#pragma once

#include <string>
#include <vector>

#include "net/certificate.h"

namespace tl::app {

// At most 1 MiB. The error names the file.
[[nodiscard]] base::Result<std::string> read_pem(const std::string& path);

// `key` may be "": it is in the same file.
[[nodiscard]] base::Result<net::CredentialPtr> load_credential(const std::string& cert, const std::string& key);

// Differs when a file has been written, replaced or removed since (device, inode, size and time of each, links
// followed).
[[nodiscard]] std::string stamp_of(const std::vector<std::string>& files);

// Writes a file as a whole or not at all, with `mode`.
[[nodiscard]] base::Result<void> write_file(const std::string& path, std::string_view text, unsigned mode);

}  // namespace tl::app
