// XML by pugixml, which expands nothing but the five entities of XML and character references.
#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>

#include "gateway/policies/documents.h"
#include "gateway/policies/members.h"

namespace tl::gateway {

namespace {

constexpr unsigned kRead = pugi::parse_default | pugi::parse_doctype;

base::Error broken(std::string what) { return {.code = base::Code::invalid, .context = std::move(what)}; }

void add_member(Members& object, const std::string& name, Document value) {
    Document& found = object.at(name);
    if (found.is_null()) {
        found = std::move(value);
    } else if (found.is_array()) {
        found.push_back(std::move(value));
    } else {
        Document list = Document::array();
        list.push_back(std::move(found));
        list.push_back(std::move(value));
        found = std::move(list);
    }
}

class Reader {
  public:
    base::Result<Document> element(const pugi::xml_node& node, size_t depth) {
        if (depth > kMostDepth)
            return base::fail(broken(fmt::format("the XML is nested more than {} deep", kMostDepth)));
        Document object = Document::object();
        Members members{object};
        std::string text;
        for (const pugi::xml_attribute& attribute : node.attributes()) {
            if (++parts_ > kMostParts) return base::fail(broken("the XML has too many parts"));
            members.at("@" + std::string{attribute.name()}) = attribute.value();
        }
        for (const pugi::xml_node& child : node.children()) {
            if (++parts_ > kMostParts) return base::fail(broken("the XML has too many parts"));
            if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) text += child.value();
            if (child.type() != pugi::node_element) continue;
            auto value = element(child, depth + 1);
            if (!value) return value;
            add_member(members, child.name(), std::move(*value));
        }
        if (object.empty()) return Document(std::move(text));
        if (!text.empty()) object["#text"] = std::move(text);
        return object;
    }

  private:
    size_t parts_ = 0;
};

// XML 1.0 2.3, for the ASCII part of it; others are left to whoever reads.
bool is_name(const std::string& name) {
    const auto starts = [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || c >= 0x80;
    };
    const auto goes_on = [&](unsigned char c) { return starts(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
    return !name.empty() && starts(static_cast<unsigned char>(name.front())) && std::ranges::all_of(name, goes_on);
}

// XML 1.0 2.2: no control characters, not even as references.
bool is_text(const std::string& text) {
    return std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 || c == '\t' || c == '\n' || c == '\r'; });
}

std::string scalar_text(const Document& value) {
    if (value.is_null()) return {};
    return value.is_string() ? value.get<std::string>() : write_json(value);
}

base::Result<void> write_element(pugi::xml_node& parent, const std::string& name, const Document& value);

base::Result<void> write_member(pugi::xml_node& node, const std::string& name, const Document& value) {
    const bool attribute = name.starts_with('@');
    if (attribute || name == "#text") {
        const std::string text = scalar_text(value);
        if (value.is_structured() || !is_text(text))
            return base::fail(broken(fmt::format("\"{}\" is no text for XML", name)));
        if (!attribute) {
            node.append_child(pugi::node_pcdata).set_value(text.c_str());
            return {};
        }
        if (!is_name(name.substr(1))) return base::fail(broken(fmt::format("\"{}\" is no name in XML", name)));
        node.append_attribute(name.c_str() + 1).set_value(text.c_str());
        return {};
    }
    if (!value.is_array()) return write_element(node, name, value);
    for (const Document& one : value) {
        auto written = write_element(node, name, one);
        if (!written) return written;
    }
    return {};
}

base::Result<void> write_element(pugi::xml_node& parent, const std::string& name, const Document& value) {
    if (!is_name(name)) return base::fail(broken(fmt::format("\"{}\" is no name in XML", name)));
    pugi::xml_node node = parent.append_child(name.c_str());
    if (value.is_object()) {
        for (const auto& [key, member] : value.items()) {
            auto written = write_member(node, key, member);
            if (!written) return written;
        }
        return {};
    }
    if (value.is_array()) {  // a list in a list has no name of its own
        for (const Document& one : value) {
            auto written = write_element(node, "item", one);
            if (!written) return written;
        }
        return {};
    }
    const std::string text = scalar_text(value);
    if (!is_text(text)) return base::fail(broken(fmt::format("\"{}\" is no text for XML", name)));
    if (!text.empty()) node.append_child(pugi::node_pcdata).set_value(text.c_str());
    return {};
}

struct Text final : pugi::xml_writer {
    std::string all;
    void write(const void* data, size_t size) override { all.append(static_cast<const char*>(data), size); }
};

}  // namespace

base::Result<Document> read_xml(std::string_view text) {
    pugi::xml_document read;
    const pugi::xml_parse_result result = read.load_buffer(text.data(), text.size(), kRead, pugi::encoding_utf8);
    if (!result) return base::fail(broken(fmt::format("the body is no XML: {}", result.description())));
    // Entities live there: what nobody needs and everybody attacks with (billion laughs, files of the host).
    for (const pugi::xml_node& node : read.children()) {
        if (node.type() == pugi::node_doctype) return base::fail(broken("XML with a document type is not taken"));
    }
    const pugi::xml_node root = read.document_element();
    if (root.next_sibling() && std::any_of(pugi::xml_node_iterator{root.next_sibling()}, read.end(),
                                           [](const auto& node) { return node.type() == pugi::node_element; }))
        return base::fail(broken("the XML has more than one root"));
    auto value = Reader{}.element(root, 1);
    if (!value) return value;
    Document document = Document::object();
    document[root.name()] = std::move(*value);
    // pugixml takes bytes as they are.
    try {
        [[maybe_unused]] const std::string written = document.dump();
    } catch (const Document::type_error&) {
        return base::fail(broken("the XML is no UTF-8"));
    }
    return document;
}

base::Result<std::string> write_xml(const Document& document, const std::string& root) {
    pugi::xml_document made;
    const bool has_root = document.is_object() && document.size() == 1 && !document.begin()->is_array() &&
                          is_name(document.begin().key());
    auto written =
        has_root ? write_element(made, document.begin().key(), *document.begin()) : write_element(made, root, document);
    if (!written) return base::fail(written.error());
    Text text;
    made.save(text, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
    return std::move(text.all);
}

}  // namespace tl::gateway
