// Changes of JSON bodies in both directions, and of XML and forms into JSON and back. The document is held whole, up to
// `most` bytes: this is for API answers, not for downloads.
#pragma once

#include <string>
#include <vector>

#include "gateway/policies/context.h"
#include "gateway/policies/template.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

enum class DocumentForm : uint8_t { json, xml, form };

// Carried out in the order of the members.
struct JsonChanges {
    std::vector<DocumentForm> from;  // beside JSON itself, what is made JSON
    std::string unwrap;              // "": not
    std::vector<std::string> pick;   // paths; empty: all
    std::vector<std::string> drop;
    manifest::OrderedMap<std::string> rename;  // path to the new last name
    manifest::OrderedMap<Template> set;
    std::string wrap;
    DocumentForm to = DocumentForm::json;
    std::string root = "root";  // of XML

    [[nodiscard]] bool any() const {
        return !from.empty() || !unwrap.empty() || !pick.empty() || !drop.empty() || !rename.empty() || !set.empty() ||
               !wrap.empty() || to != DocumentForm::json;
    }
};

struct JsonConfig {
    manifest::Position at;
    JsonChanges request;
    JsonChanges response;
    uint64_t most = 1 << 20;  // bytes
};

[[nodiscard]] const manifest::Object<JsonConfig>& json_policy_schema();
[[nodiscard]] FilterPtr make_json_filter(const JsonConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
