#include "app/version.h"

namespace tl::app {

// TL_VERSION is defined for this file alone, so that a new version rebuilds nothing else.
std::string_view version() { return TL_VERSION; }

}  // namespace tl::app
