// The commands that run in this process: `up`, `check`, `schema`. See app/cli/cli.h for what calls them.
#pragma once

#include "app/cli/cli.h"

namespace tl::app {

// Runs the system of a manifest until a signal or `trunkline stop` ends it.
[[nodiscard]] int run_up(const UpOptions& options);
// Whether this program could go on with what another one has written into a file.
[[nodiscard]] int run_take_over(const TakeOverOptions& options);
[[nodiscard]] int run_check(const CheckOptions& options);
[[nodiscard]] int run_schema(const SchemaOptions& options);
[[nodiscard]] int run_quotas(const QuotasOptions& options);
[[nodiscard]] int run_effective(const EffectiveOptions& options);
[[nodiscard]] int run_import(const ImportOptions& options);

}  // namespace tl::app
