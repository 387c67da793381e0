// API keys as the admin API shows and makes them. Plain values; the key itself is only ever in the answer that makes
// it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"

namespace tl::console {

struct KeyView {
    std::string name;
    std::string id;  // the part of the key that may be shown
    std::string plan;
    std::vector<std::string> scopes;
    std::vector<std::string> roles;
    base::WallTime created{};
    base::WallTime rotated{};       // the same as created, if never
    base::WallTime former_until{};  // until when the key before the rotation is valid; 0: there is none
    base::WallTime used{};          // 0: never; to the second
};

struct NewKey {
    std::string name;
    std::string plan;
    std::vector<std::string> scopes;
    std::vector<std::string> roles;
};

}  // namespace tl::console
