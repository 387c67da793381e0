// The authority of `tls: local`: its files in the state folder, and the certificate that it signs for this system. It
// survives restarts, so that who has trusted it once need not do so again. Never touches a trust store. Control core.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace tl::app {

inline constexpr base::Duration kAuthorityLives = std::chrono::hours{24 * 3650};
inline constexpr base::Duration kLeafLives = std::chrono::hours{24 * 90};
inline constexpr base::Duration kLeafRenewed = std::chrono::hours{24 * 30};  // before its end

struct LocalFiles {
    std::string folder;
    [[nodiscard]] std::string authority() const { return folder + "/ca.pem"; }
    [[nodiscard]] std::string authority_key() const { return folder + "/ca.key"; }
    [[nodiscard]] std::string leaf() const { return folder + "/local.pem"; }
    [[nodiscard]] std::string leaf_key() const { return folder + "/local.key"; }
};
[[nodiscard]] LocalFiles local_files(const std::string& state_dir);

// Sees to it that all four files are there, readable by nobody else, and good for `names` at `now`: what is missing or
// near its end is made. The error names the file that stands in the way.
[[nodiscard]] base::Result<void> prepare_local(const LocalFiles& files, const std::vector<std::string>& names,
                                               base::WallTime now);

}  // namespace tl::app
