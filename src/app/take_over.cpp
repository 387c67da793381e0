// `trunkline take-over FILE`: asked by a Trunkline that is to be upgraded, of the program that is to take its place. It
// makes all that can be made beside the one that runs: nothing listens, nothing is started.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "app/data_plane.h"
#include "app/handover.h"
#include "app/manifest_model.h"
#include "app/plane_builder.h"
#include "app/up.h"
#include "app/version.h"

namespace tl::app {

namespace {

rt::Task<void> try_cores(const LoadedManifest& loaded, uint32_t cores, base::Result<void>& result) {
    telemetry::NameTable names;
    telemetry::SeriesTable series;
    DataPlane plane{{.cores = cores, .records = 64, .names = &names, .report = {}}};
    co_await plane.start();
    const PlanePlan plan = build_plane(loaded, names, series);
    result = co_await plane.apply(plan.snapshot, {}, base::Duration{0});
    const auto ended = co_await plane.stop(rt::this_loop().now());
    if (result && !ended) result = ended;
}

base::Result<void> rehearse_from(const std::string& file) {
    const auto text = read_whole_file(file);
    if (!text) return base::fail(text.error());
    const auto left = read_handover(*text);
    if (!left) return base::fail(left.error());
    const LoadedManifest loaded = read_manifest(left->manifest_text, left->manifest_file);
    if (!loaded.good()) {
        return base::fail(base::Code::invalid,
                          "this version does not accept the manifest that runs:\n" + loaded.diagnostics.to_text());
    }
    base::Result<void> result;
    rt::Loop loop;
    loop.run_until_done(try_cores(loaded, left->cores, result));
    return result;
}

}  // namespace

int run_take_over(const TakeOverOptions& options) {
    const auto ready = rehearse_from(options.file);
    if (!ready) {
        fmt::print(stderr, "trunkline: {}\n", ready.error().message());
        return kFailed;
    }
    fmt::print("ready: trunkline {}\n", version());
    return kOk;
}

}  // namespace tl::app
