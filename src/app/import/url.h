// URLs as foreign files write them: leniently, for `check` judges what comes of it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace tl::app {

struct Url {
    std::string scheme;
    std::string host;          // IPv6 without brackets
    unsigned port = 0;         // 0: not said
    std::string path;          // with its query
    bool credentials = false;  // it had a name and a password, which are left out

    [[nodiscard]] bool secure() const { return scheme == "https" || scheme == "grpcs" || scheme == "wss"; }
    [[nodiscard]] unsigned usual_port() const { return secure() ? 443 : 80; }
};

// Without a scheme it is http.
[[nodiscard]] Url parse_url(std::string_view text);

}  // namespace tl::app
