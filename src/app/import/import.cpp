// `trunkline import`: a file of another gateway, or a document about an API, becomes a manifest on standard output and
// a report on standard error. Nothing is changed, and nothing of the file is dropped in silence.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/import/kong.h"
#include "app/import/krakend.h"
#include "app/import/openapi.h"
#include "app/import/settle.h"
#include "app/up.h"
#include "base/text.h"
#include "manifest/document.h"
#include "storage/whole_file.h"

namespace tl::app {

namespace {

constexpr size_t kMostBytes = size_t{4} << 20;
constexpr manifest::DocumentLimits kLimits{.bytes = kMostBytes, .depth = 64, .nodes = 200'000};

// Why there is no manifest: one sentence, in JSON with --json.
int refuse(const ImportOptions& options, const std::string& sentence) {
    if (options.json) {
        fmt::print("{}\n", nlohmann::ordered_json{{"cause", "invalid"}, {"detail", sentence}}.dump(2));
    } else {
        fmt::print(stderr, "trunkline: {}\n", sentence);
    }
    return kBadInput;
}

int refuse(const ImportOptions& options, const manifest::Diagnostic& found) {
    manifest::Diagnostics all{options.file};
    all.add(found);
    return refuse(options, std::string{base::trim(base::split(all.to_text(), '\n').front())});
}

int print(const ImportOptions& options, const std::string& manifest, const Report& report,
          const nlohmann::ordered_json& counts) {
    if (options.json) {
        nlohmann::ordered_json out{{"format", options.format}, {"file", options.file}};
        out.update(counts);
        out["report"] = report.to_json();
        out["manifest"] = manifest;
        fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
        return kOk;
    }
    fmt::print("{}", manifest);
    // Below the manifest on a terminal, apart from it everywhere else.
    std::fflush(stdout);
    fmt::print(stderr, "{}", report.to_text());
    return kOk;
}

// An openapi document becomes lines, for whoever has it has a manifest already.
int import_document(const ImportOptions& options) {
    if (options.to.empty())
        return refuse(options, "'import openapi' needs --to SERVICE, the service that the routes lead to");
    Report report{options.file};
    const auto lines = import_openapi(options, report);
    if (!lines) return refuse(options, lines.error().context);
    return print(options, *lines, report, nlohmann::ordered_json::object());
}

std::string header_of(const ImportOptions& options, const Draft& draft, const Report& report) {
    std::string text = fmt::format("# From {}: {} services, {} routes.", base::printable(options.file),
                                   draft.service_count(), draft.route_count());
    text += report.size() == 0 ? " All of it is here.\n" : fmt::format(" {} remarks:\n", report.size());
    return text + report.to_comments();
}

int import_gateway(const ImportOptions& options) {
    const auto text = storage::read_file(options.file, kMostBytes);
    if (!text) return refuse(options, text.error().message());
    const manifest::Document document = manifest::parse_document(*text, options.file, kLimits);
    if (!document.readable) return refuse(options, document.diagnostics.sorted().front());
    Report report{options.file};
    Draft draft{std::filesystem::path{options.file}.stem().string()};
    const auto wrong = options.format == "kong" ? import_kong(document.root, draft, report)
                                                : import_krakend(document.root, draft, report);
    if (wrong) return refuse(options, *wrong);
    const auto manifest = settle(draft, "trunkline.yaml", report);
    if (!manifest) return refuse(options, fmt::format("{}: {}", options.file, manifest.error().context));
    return print(options, header_of(options, draft, report) + *manifest, report,
                 {{"services", draft.service_count()}, {"routes", draft.route_count()}});
}

}  // namespace

int run_import(const ImportOptions& options) {
    if (options.format == "openapi") return import_document(options);
    if (!options.to.empty() || options.base) return refuse(options, "--to and --base are for 'import openapi' alone");
    return import_gateway(options);
}

}  // namespace tl::app
