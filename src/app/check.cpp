#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/manifest_model.h"
#include "app/up.h"

namespace tl::app {

int run_check(const CheckOptions& options) {
    const auto loaded = load_manifest(options.project.manifest);
    if (!loaded) {
        fmt::print(stderr, "trunkline: {}\n", loaded.error().message());
        return kBadInput;
    }
    if (options.json) {
        fmt::print("{}\n", loaded->diagnostics.to_json().dump(2));
    } else if (!loaded->diagnostics.empty()) {
        fmt::print(stderr, "{}",
                   options.colour ? loaded->diagnostics.to_terminal(true) : loaded->diagnostics.to_text());
    }
    if (!loaded->good()) return kBadInput;
    if (options.defaults) {
        fmt::print("{}", manifest_schema().dump(loaded->manifest));
    } else if (!options.json) {
        fmt::print("ok: {} services, {} routes\n", services_of(loaded->manifest).size(),
                   loaded->manifest.gateway.routes.size());
    }
    return kOk;
}

int run_schema(const SchemaOptions& options) {
    fmt::print("{}\n", manifest::json_schema(manifest_schema()).dump(options.json ? -1 : 2));
    return kOk;
}

}  // namespace tl::app
