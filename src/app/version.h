// The version of this program, as CMake's project() states it.
#pragma once

#include <string_view>

namespace tl::app {

[[nodiscard]] std::string_view version();

}  // namespace tl::app
