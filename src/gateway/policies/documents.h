// Documents between their forms: JSON, XML, HTML forms. Every reader is bounded in size (by its caller), depth and
// count, and knows no entities but the five of XML. Plain functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tl::gateway {

using Document = nlohmann::ordered_json;

// How deep lists and objects may be nested: what walks over them is recursive.
inline constexpr size_t kMostDepth = 64;
// Pairs of a form, children and attributes of an XML document.
inline constexpr size_t kMostParts = 100'000;

// Names that are given twice: the last one counts, here and for the service.
[[nodiscard]] base::Result<Document> read_json(std::string_view text);
// Invalid UTF-8 cannot be there: read_json refuses it.
[[nodiscard]] std::string write_json(const Document& document);

// {root: {...}}: attributes are "@name", text beside elements "#text", elements of the same name a list, an element
// with text alone that text. A document type is refused, whatever it declares.
[[nodiscard]] base::Result<Document> read_xml(std::string_view text);
// The reverse. An object with one member, which is no list, has its root; other documents get `root` around them.
[[nodiscard]] base::Result<std::string> write_xml(const Document& document, const std::string& root);

// a=1&b=2: members in order; a name that is given several times is a list.
[[nodiscard]] base::Result<Document> read_form(std::string_view text);

}  // namespace tl::gateway
