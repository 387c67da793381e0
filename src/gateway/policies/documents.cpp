#include "gateway/policies/documents.h"

#include <fmt/format.h>

#include "base/arena.h"
#include "gateway/policies/template.h"

namespace tl::gateway {

namespace {

// Brackets outside of strings. The parser itself is not recursive; whoever walks over what it has made is.
bool too_deep(std::string_view text) {
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > kMostDepth) return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return false;
}

}  // namespace

base::Result<Document> read_json(std::string_view text) {
    if (too_deep(text))
        return base::fail(base::Code::invalid, fmt::format("the JSON is nested more than {} deep", kMostDepth));
    Document document = Document::parse(text, nullptr, false);
    if (document.is_discarded()) return base::fail(base::Code::invalid, "the body is no JSON");
    return document;
}

std::string write_json(const Document& document) {
    return document.dump(-1, ' ', false, Document::error_handler_t::replace);
}

base::Result<Document> read_form(std::string_view text) {
    base::Arena arena;
    Document document = Document::object();
    for (size_t parts = 0; !text.empty(); ++parts) {
        if (parts == kMostParts) return base::fail(base::Code::invalid, "the form has too many fields");
        const std::string_view pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(text.size(), pair.size() + 1));
        if (pair.empty()) continue;
        const size_t equals = std::min(pair.find('='), pair.size());
        const std::string name{decode_percent(pair.substr(0, equals), Plus::space, arena)};
        const std::string_view coded = equals == pair.size() ? "" : pair.substr(equals + 1);
        Document value = std::string{decode_percent(coded, Plus::space, arena)};
        Document& slot = document[name];
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
