// Makes sure that `trunkline check` takes what an import has written: the manifest is read and checked as `check` does
// it, and what is refused is taken out, in words, until nothing is. A route whose protection goes is closed.
#pragma once

#include <string>

#include "app/import/draft.h"
#include "app/import/report.h"
#include "base/error.h"

namespace tl::app {

// The manifest's text without the comments above it. `file` is where it would stand: files that it names are looked for
// in that folder. The error says why no manifest could be made.
[[nodiscard]] base::Result<std::string> settle(Draft& draft, const std::string& file, Report& report);

}  // namespace tl::app
