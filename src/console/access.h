// Who may use the admin API. By the Unix socket: whoever may open it, and only the owner of the state folder may. By
// loopback HTTP: whoever knows the token, which stands in a file that only the owner may read. A web page in a browser
// on this machine reaches loopback too, under a name of its own (DNS rebinding): so the Host must be loopback.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace tl::console {

inline constexpr std::string_view kSocketName = "admin.sock";
inline constexpr std::string_view kTokenName = "admin.token";

class Access {
  public:
    // The Unix socket: the file system has decided already.
    [[nodiscard]] static Access by_socket() { return Access{}; }
    // Loopback HTTP. `open_metrics`: /metrics needs no token.
    [[nodiscard]] static Access by_token(std::string token, bool open_metrics);

    [[nodiscard]] bool needs_token(std::string_view path) const;
    [[nodiscard]] bool host_is_fine(std::string_view authority) const;
    // `authorization` is the header's value: "Bearer TOKEN". Takes the same time wherever the first wrong byte is.
    [[nodiscard]] bool admits(std::string_view authorization) const;

  private:
    bool token_needed_ = false;
    bool open_metrics_ = false;
    std::string token_;
};

// localhost, 127.0.0.0/8 or [::1], with any port or none.
[[nodiscard]] bool is_loopback_authority(std::string_view authority);

// The token in `<state_dir>/admin.token`: the one that is there if only its owner may read it and it is well formed
// (programs that scrape metrics keep it), else a new one: 32 bytes from the kernel as hex.
[[nodiscard]] base::Result<std::string> load_or_make_token(const std::string& state_dir);

}  // namespace tl::console
