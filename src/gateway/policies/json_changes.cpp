#include "gateway/policies/json_changes.h"

#include <utility>

namespace tl::gateway {

namespace {

struct Step {
    std::string_view name;
    std::string_view rest;  // "": this is the last one
};
Step first_of(std::string_view path) {
    const size_t dot = path.find('.');
    if (dot == std::string_view::npos) return {path, {}};
    return {path.substr(0, dot), path.substr(dot + 1)};
}

// `change(object, name)` for each object in which the path's last name may stand.
template <class Change>
void at_end(Document& document, std::string_view path, const Change& change) {
    if (document.is_array()) {
        for (Document& item : document) at_end(item, path, change);
        return;
    }
    if (!document.is_object()) return;
    const auto [name, rest] = first_of(path);
    if (rest.empty()) return change(document, std::string{name});
    const auto found = document.find(name);
    if (found != document.end()) at_end(*found, rest, change);
}

}  // namespace

void drop_path(Document& document, std::string_view path) {
    at_end(document, path, [](Document& object, const std::string& name) { object.erase(name); });
}

Document pick_paths(const Document& document, const std::vector<std::string_view>& paths) {
    if (document.is_array()) {
        Document list = Document::array();
        for (const Document& item : document) list.push_back(pick_paths(item, paths));
        return list;
    }
    if (!document.is_object()) return document;
    Document object = Document::object();
    // In the order of the document, whatever the order of the paths.
    for (const auto& [name, value] : document.items()) {
        std::vector<std::string_view> below;
        bool whole = false;
        for (const std::string_view path : paths) {
            const auto [first, rest] = first_of(path);
            if (first != name) continue;
            whole = whole || rest.empty();
            below.push_back(rest);
        }
        if (whole) {
            object[name] = value;
        } else if (!below.empty() && value.is_structured()) {
            object[name] = pick_paths(value, below);
        }
    }
    return object;
}

void rename_path(Document& document, std::string_view path, const std::string& name) {
    at_end(document, path, [&](Document& object, const std::string& old) {
        if (!object.contains(old) || old == name) return;
        // At its place, so that the order of members stays.
        Document renamed = Document::object();
        for (auto& [key, value] : object.items()) {
            if (key != name) renamed[key == old ? name : key] = std::move(value);
        }
        object = std::move(renamed);
    });
}

void set_path(Document& document, std::string_view path, const Document& value) {
    if (document.is_array()) {
        for (Document& item : document) set_path(item, path, value);
        return;
    }
    if (!document.is_object()) return;
    const auto [name, rest] = first_of(path);
    Document& slot = document[std::string{name}];
    if (rest.empty()) {
        slot = value;
        return;
    }
    if (slot.is_null()) slot = Document::object();
    set_path(slot, rest, value);
}

void apply_changes(const JsonChanges& changes, proxy::RequestContext& context, Document& document) {
    if (!changes.unwrap.empty() && document.is_object() && document.contains(changes.unwrap)) {
        Document inner = std::move(document[changes.unwrap]);
        document = std::move(inner);
    }
    if (!changes.pick.empty()) document = pick_paths(document, {changes.pick.begin(), changes.pick.end()});
    for (const std::string& path : changes.drop) drop_path(document, path);
    for (const auto& [path, name] : changes.rename) rename_path(document, path.value, name);
    for (const auto& [path, value] : changes.set)
        set_path(document, path.value, std::string{value.expand(context, Template::Target::document)});
    if (!changes.wrap.empty()) {
        Document outer = Document::object();
        outer[changes.wrap] = std::move(document);
        document = std::move(outer);
    }
}

}  // namespace tl::gateway
