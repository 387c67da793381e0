// Any bytes as the file of another gateway: no crash, no hang; what becomes a manifest, `check` takes. Each input is
// tried as each format.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "app/import/kong.h"
#include "app/import/krakend.h"
#include "app/import/settle.h"
#include "app/manifest_model.h"
#include "manifest/document.h"

namespace {

using namespace tl::app;

void demand(bool kept, const char* promise, const std::string& printed) {
    if (kept) return;
    std::fprintf(stderr, "broken: %s\n---\n%s---\n", promise, printed.c_str());
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const tl::manifest::Document document = tl::manifest::parse_document(bytes, "given", {.nodes = 5000});
    if (!document.readable) return 0;
    for (const auto import : {&import_kong, &import_krakend}) {
        Report report{"given"};
        Draft draft{"fuzz"};
        if (const auto wrong = import(document.root, draft, report)) continue;
        const auto text = settle(draft, "trunkline.yaml", report);
        (void)report.to_text();
        (void)report.to_comments();
        if (!text) continue;
        const LoadedManifest loaded = read_manifest(*text, "trunkline.yaml");
        demand(loaded.good(), "check takes it", *text + loaded.diagnostics.to_text());
    }
    return 0;
}
