#include "manifest/schema.h"

#include <nlohmann/json.hpp>

#include "manifest/json_schema.h"
#include "manifest/print.h"

namespace tl::manifest {

namespace {

// Names of services become host names (http://orders/) and parts of file names: one rule fits both.
std::optional<std::string> complain_of_label(std::string_view name) {
    constexpr size_t kLongest = 63;  // RFC 1035, section 2.3.4
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (name.size() > kLongest) return "must be at most 63 characters long";
    if (name.find_first_not_of(kAllowed) != std::string_view::npos) {
        return "may hold only lower-case letters, digits and hyphens";
    }
    if (name.starts_with('-') || name.ends_with('-')) return "must not begin or end with a hyphen";
    return std::nullopt;
}

}  // namespace

Text dns_label(std::string wanted) {
    return text(std::move(wanted)).check(complain_of_label).pattern("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$");
}

void read_root(const ObjectKind& root, const Node& node, void* out, Diagnostics& diagnostics) {
    Reader reader{.diagnostics = diagnostics, .label = root.title()};
    root.read(node, out, reader);
}

std::string print_root(const ObjectKind& root, const void* value) { return to_yaml(root.write(value, nullptr)); }

Json root_schema(const ObjectKind& root) { return schema_document(root); }

}  // namespace tl::manifest
