// Any bytes as a manifest: no crash, no hang, no text that cannot be shown; and what was read survives
// printing.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "manifest/document.h"
#include "manifest/print.h"
#include "manifest/schema.h"

namespace {

using namespace tl::manifest;
using namespace std::chrono_literals;

struct Leaf {
    Located<std::string> text;
    std::string word = "one";
    double share = 0.5;
    tl::base::Duration wait = 2s;
    std::optional<uint16_t> port;
    bool on = false;
};
struct Root {
    std::vector<Leaf> list;
    OrderedMap<OrderedMap<Leaf>> maps;
    std::optional<Leaf> brief;
    std::vector<std::string> names{"a"};
    Leaf leaf;
    OrderedMap<std::string> env;
    uint64_t bytes = 4096;
    double number = 1;
};

const Object<Root>& schema() {
    static const auto leaf = Object<Leaf>("a leaf")
                                 .field("text", &Leaf::text, text())
                                 .field("word", &Leaf::word, one_of({"one", "two"}))
                                 .field("share", &Leaf::share, percent())
                                 .field("wait", &Leaf::wait, duration().range(1us, 24h))
                                 .field("port", &Leaf::port, integer())
                                 .field("on", &Leaf::on, boolean());
    static const auto root = Object<Root>("the root")
                                 .field("list", &Root::list, list_of(leaf))
                                 .field("maps", &Root::maps, map_of(map_of(leaf)).names(dns_label("a name")))
                                 .field("brief", &Root::brief, leaf.or_scalar("text"))
                                 .field("names", &Root::names, list_of(text().allow_empty()).or_single().unique())
                                 .field("leaf", &Root::leaf, leaf)
                                 .field("env", &Root::env, map_of(text().allow_empty().any_scalar()))
                                 .field("bytes", &Root::bytes, size())
                                 .field("number", &Root::number, number());
    return root;
}

void demand(bool kept, const char* promise, const std::string& printed) {
    if (kept) return;
    std::fprintf(stderr, "broken: %s\n---\n%s---\n", promise, printed.c_str());
    std::abort();
}

void show(const Diagnostics& diagnostics) {
    (void)diagnostics.to_text();
    (void)diagnostics.to_terminal(true);
    (void)diagnostics.to_json().dump();  // throws on broken UTF-8
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    Document document = parse_document(bytes, "fuzz.yaml");
    if (!document.readable) {
        demand(document.diagnostics.has_errors(), "unreadable without a reason", "");
        show(document.diagnostics);
        return 0;
    }
    const std::string tree = to_yaml(document.root);
    const Document again = parse_document(tree, "printed.yaml");
    // Printing writes every alias out and indents: an input near the limits may pass them.
    if (size < 10'000 && tree.size() < 100'000) {
        demand(again.readable && same_values(document.root, again.root), "a printed tree reads back", tree);
    }
    const Root config = schema().parse(document.root, document.diagnostics);
    show(document.diagnostics);
    const std::string printed = schema().dump(config);
    Document second = parse_document(printed, "dumped.yaml");
    const Root config2 = schema().parse(second.root, second.diagnostics);
    demand(!second.diagnostics.has_errors(), "a dumped config reads back", printed + second.diagnostics.to_text());
    demand(same_values(schema().to_node(config), schema().to_node(config2)), "with the same values", printed);
    return 0;
}
