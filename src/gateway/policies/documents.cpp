#include "gateway/policies/documents.h"

#include <fmt/format.h>

#include "base/arena.h"
#include "gateway/policies/members.h"
#include "gateway/policies/template.h"

namespace tl::gateway {

base::Result<Document> read_form(std::string_view text) {
    base::Arena arena;
    Document document = Document::object();
    Members members{document};
    for (size_t parts = 0; !text.empty(); ++parts) {
        if (parts == kMostParts) return base::fail(base::Code::invalid, "the form has too many fields");
        const std::string_view pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(text.size(), pair.size() + 1));
        if (pair.empty()) continue;
        const size_t equals = std::min(pair.find('='), pair.size());
        const std::string name{decode_percent(pair.substr(0, equals), Plus::space, arena)};
        const std::string_view coded = equals == pair.size() ? "" : pair.substr(equals + 1);
        Document value = std::string{decode_percent(coded, Plus::space, arena)};
        Document& slot = members.at(name);
        if (slot.is_null()) {
            slot = std::move(value);
        } else if (slot.is_array()) {
            slot.push_back(std::move(value));
        } else {
            slot = Document::array({std::move(slot), std::move(value)});
        }
    }
    // Bytes that are no UTF-8 cannot be written as JSON.
    try {
        [[maybe_unused]] const std::string written = document.dump();
    } catch (const Document::type_error&) {
        return base::fail(base::Code::invalid, "the form is no UTF-8");
    }
    return document;
}

}  // namespace tl::gateway
