// Paths of Kong as paths of a manifest. A prefix becomes "/prefix/*"; of regular expressions those that say what
// parameters can say. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tl::app {

struct KongPath {
    std::string stem;    // without a trailing slash or "/*": "" is the root
    bool below = false;  // everything below it, too
    bool wider = false;  // takes more than the expression did: [0-9]+ became a whole segment

    // As a route's `path`.
    [[nodiscard]] std::string pattern() const { return below ? stem + "/*" : stem.empty() ? "/" : stem; }
};

// Whether a path of a file of that format is a regular expression: "~/users" since 3.0, by its characters before.
[[nodiscard]] bool is_kong_regex(std::string_view path, int major);
// "/users" or "/users/": what begins like this.
[[nodiscard]] KongPath kong_prefix(std::string_view path);
// "~/users/(?<id>\d+)$" is "/users/{id}"; nothing where parameters cannot say it. The "~" may be missing.
[[nodiscard]] std::optional<KongPath> kong_regex(std::string_view expression);

}  // namespace tl::app
