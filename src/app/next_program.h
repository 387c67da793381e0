// The program that is to take the place of this one: is it a Trunkline, and does it understand what it will be given?
// Asked by running it, beside this one, before anything is touched.
#pragma once

#include <string>

#include "base/error.h"
#include "rt/task.h"
#include "rt/waiter.h"

namespace tl::app {

// Its version, as `BINARY --version` says it.
[[nodiscard]] rt::Task<base::Result<std::string>> ask_version(std::string binary);
// `BINARY take-over FILE` reads the handover in `file`, makes all of it that can be made beside this process, and says
// that it is ready. The error is what it said instead.
[[nodiscard]] rt::Task<base::Result<void>> rehearse(std::string binary, std::string file);

}  // namespace tl::app
