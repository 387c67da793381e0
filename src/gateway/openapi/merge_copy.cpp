#include "gateway/openapi/merge_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "gateway/openapi/merge.h"

namespace tl::gateway {

namespace {

using Json = DocumentCopy::Json;
using Source = DocumentCopy::Source;

constexpr int kMostReferences = 32;  // in a row; more are a circle
constexpr size_t kMostName = 80;
constexpr std::array<std::string_view, kComponentKinds> kKinds{"schemas", "responses", "requestBodies", "headers",
                                                               "examples"};

constexpr KnownKey kMedia[] = {{"schema", Part::schema},
                               {"example", Part::value},
                               {"examples", Part::example_map},
                               {"encoding", Part::encoding_map}};
constexpr KnownKey kEncoding[] = {
    {"contentType", Part::text}, {"headers", Part::header_map}, {"explode", Part::flag}, {"allowReserved", Part::flag}};
constexpr KnownKey kHeader[] = {{"description", Part::text},    {"required", Part::flag}, {"deprecated", Part::flag},
                                {"explode", Part::flag},        {"schema", Part::schema}, {"example", Part::value},
                                {"examples", Part::example_map}};
constexpr KnownKey kExample[] = {{"summary", Part::text}, {"description", Part::text}, {"value", Part::value}};
constexpr KnownKey kResponse[] = {
    {"description", Part::text}, {"headers", Part::header_map}, {"content", Part::media_map}};
constexpr KnownKey kRequestBody[] = {
    {"description", Part::text}, {"required", Part::flag}, {"content", Part::media_map}};
constexpr KnownKey kParameter[] = {{"description", Part::text}, {"required", Part::flag},
                                   {"deprecated", Part::flag},  {"explode", Part::flag},
                                   {"schema", Part::schema},    {"content", Part::media_map},
                                   {"example", Part::value},    {"examples", Part::example_map}};
constexpr KnownKey kOperation[] = {{"summary", Part::text}, {"description", Part::text}, {"deprecated", Part::flag}};
constexpr KnownKey kXml[] = {{"name", Part::text},
                             {"namespace", Part::text},
                             {"prefix", Part::text},
                             {"attribute", Part::flag},
                             {"wrapped", Part::flag}};

// The styles that a place of parameters may have (OpenAPI 3.1.1, 4.8.12.3).
bool fits(std::string_view in, std::string_view style) {
    const auto one_of = [&](std::initializer_list<std::string_view> words) {
        return std::ranges::find(words, style) != words.end();
    };
    if (in == "path") return one_of({"matrix", "label", "simple"});
    if (in == "query") return one_of({"form", "spaceDelimited", "pipeDelimited", "deepObject"});
    return in == "header" ? style == "simple" : style == "form";
}

std::string text_at(const Source& from, const char* key) {
    const auto found = from.find(key);
    return found != from.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

bool is_reference(const Source& from) {
    if (!from.is_object()) return false;
    const auto found = from.find("$ref");
    return found != from.end() && found->is_string();
}

bool is_status(std::string_view text) {
    if (text == "default") return true;
    if (text.size() != 3 || text[0] < '1' || text[0] > '5') return false;
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    return text.substr(1) == "XX" || (digit(text[1]) && digit(text[2]));
}

}  // namespace

std::string_view to_string(Component kind) { return kKinds[static_cast<size_t>(kind)]; }

void append_to(Json& object, std::string key, Json value) {
    object.get_ref<Json::object_t&>().push_back({std::move(key), std::move(value)});
}

std::string component_name(std::string_view text) {
    std::string name{text.substr(0, kMostName)};
    for (char& c : name) {
        const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                          c == '-' || c == '_';
        if (!good) c = '_';
    }
    return name.empty() ? "_" : name;
}

void MergeShared::declare(const Source& tree) {
    const auto all = tree.find("components");
    if (all == tree.end() || !all->is_object()) return;
    for (size_t kind = 0; kind < kComponentKinds; ++kind) {
        const auto found = all->find(std::string{kKinds[kind]});
        if (found == all->end() || !found->is_object()) continue;
        std::set<std::string> names;
        for (const auto& [name, component] : found->items()) names.insert(component_name(name));
        for (const std::string& name : names) ++declared_[kind][name];
    }
}

std::string MergeShared::name_for(Component kind, const std::string& document, std::string_view wished, bool own) {
    const auto at = static_cast<size_t>(kind);
    std::string name = component_name(wished);
    const auto declared = declared_[at].find(name);
    const bool several = declared != declared_[at].end() && declared->second > 1;
    if (!own || several) name = component_name(document) + "." + name;
    std::string free = name;
    for (int i = 2; !taken_[at].insert(free).second; ++i) free = fmt::format("{}-{}", name, i);
    return free;
}

bool MergeShared::spend(size_t bytes) {
    if (left_ == 0) return false;
    if (bytes < left_) {
        left_ -= bytes;
        return true;
    }
    left_ = 0;
    note("the documents are too large for one: what is missing here is described by the services");
    return false;
}

void MergeShared::note(std::string sentence) {
    if (notes.size() < kMostNotes && std::ranges::find(notes, sentence) == notes.end())
        notes.push_back(std::move(sentence));
}

DocumentCopy::DocumentCopy(const Source& tree, std::string name, MergeShared& shared)
    : tree_(&tree), name_(std::move(name)), shared_(&shared), old_(text_at(tree, "openapi").starts_with("3.0")) {}

const Source* DocumentCopy::follow(const Source& given) const {
    const Source* at = &given;
    for (int i = 0; i < kMostReferences; ++i) {
        if (!is_reference(*at)) return at;
        const auto& text = at->at("$ref").get_ref<const std::string&>();
        if (!text.starts_with("#/")) return nullptr;
        try {
            const Source::json_pointer pointer{text.substr(1)};
            if (!tree_->contains(pointer)) return nullptr;
            at = &tree_->at(pointer);
        } catch (const Source::exception&) {
            return nullptr;
        }
    }
    return nullptr;
}

std::optional<Json> DocumentCopy::refer(const Source& from, Component kind) {
    const Source* const target = follow(from);
    if (target == nullptr) {
        shared_->note(fmt::format("{}: a reference that leads out of its document or nowhere was left out", name_));
        return std::nullopt;
    }
    const std::string& pointer = from.at("$ref").get_ref<const std::string&>();
    const auto [known, added] = names_.try_emplace({kind, pointer});
    if (added) {
        const std::string folder = fmt::format("#/components/{}/", to_string(kind));
        const bool own = pointer.starts_with(folder) && pointer.find('/', folder.size()) == std::string::npos;
        known->second = shared_->name_for(kind, name_, std::string_view{pointer}.substr(own ? folder.size() : 2), own);
        // A schema may refer on; all others are what the last reference says.
        const Source* next = target;
        if (kind == Component::schemas) next = &tree_->at(Source::json_pointer{pointer.substr(1)});
        pending_.push_back({kind, known->second, next});
    }
    Json reference = Json::object();
    append_to(reference, "$ref", fmt::format("#/components/{}/{}", to_string(kind), known->second));
    return reference;
}

std::optional<Json> DocumentCopy::copy(const Source& from, Part part, unsigned depth) {
    if (depth > kDeepest) {
        shared_->note(fmt::format("{}: what is more than {} levels deep was left out", name_, kDeepest));
        return std::nullopt;
    }
    if (!shared_->spend(8 + (from.is_string() ? from.get_ref<const std::string&>().size() : 0))) return std::nullopt;
    switch (part) {
        case Part::text:
        case Part::flag:
        case Part::number:
        case Part::count: return copy_scalar(from, part);
        case Part::value: return copy_value(from, depth);
        case Part::values:
        case Part::texts:
        case Part::schemas: return copy_list(from, part, depth);
        case Part::type: return copy_type(from);
        case Part::schema: return copy_schema(from, depth);
        case Part::discriminator: return copy_discriminator(from);
        case Part::xml: return from.is_object() ? std::optional{copy_keys(from, kXml, depth)} : std::nullopt;
        case Part::response: return copy_component(from, Component::responses, depth);
        case Part::request_body: return copy_component(from, Component::request_bodies, depth);
        case Part::texts_map:
        case Part::schema_map:
        case Part::media_map:
        case Part::encoding_map:
        case Part::header_map:
        case Part::example_map: return copy_map(from, part, depth);
    }
    return std::nullopt;
}

std::optional<Json> DocumentCopy::copy_scalar(const Source& from, Part part) {
    if (part == Part::text && from.is_string()) return Json(from.get_ref<const std::string&>());
    if (part == Part::flag && from.is_boolean()) return Json(from.get<bool>());
    const bool whole = from.is_number_unsigned();
    if (part == Part::count) return whole ? std::optional<Json>{Json(from.get<uint64_t>())} : std::nullopt;
    if (part != Part::number || !from.is_number()) return std::nullopt;
    if (whole) return Json(from.get<uint64_t>());
    return from.is_number_integer() ? Json(from.get<int64_t>()) : Json(from.get<double>());
}

// Anything: an example, a default.
std::optional<Json> DocumentCopy::copy_value(const Source& from, unsigned depth) {
    if (from.is_null()) return Json(nullptr);
    if (from.is_string()) return copy_scalar(from, Part::text);
    if (from.is_boolean()) return copy_scalar(from, Part::flag);
    if (from.is_number()) return copy_scalar(from, Part::number);
    Json out = from.is_array() ? Json::array() : Json::object();
    for (const auto& [key, one] : from.items()) {
        if (!shared_->spend(from.is_object() ? key.size() : 0)) return std::nullopt;
        auto value = copy(one, Part::value, depth + 1);
        if (!value) return std::nullopt;  // half an example is none
        if (from.is_array()) {
            out.push_back(std::move(*value));
        } else {
            append_to(out, key, std::move(*value));
        }
    }
    return out;
}

std::optional<Json> DocumentCopy::copy_list(const Source& from, Part part, unsigned depth) {
    if (!from.is_array()) return std::nullopt;
    const Part item = part == Part::values ? Part::value : part == Part::texts ? Part::text : Part::schema;
    Json out = Json::array();
    for (const Source& one : from) {
        if (auto value = copy(one, item, depth + 1)) out.push_back(std::move(*value));
    }
    // Of schemas none is not "none of them".
    if (out.empty() && part == Part::schemas) return std::nullopt;
    return out;
}

std::optional<Json> DocumentCopy::copy_entry(const Source& from, Part part, unsigned depth) {
    switch (part) {
        case Part::texts_map: return copy(from, Part::texts, depth);
        case Part::schema_map: return copy(from, Part::schema, depth);
        case Part::header_map: return copy_component(from, Component::headers, depth);
        case Part::example_map: return copy_component(from, Component::examples, depth);
        case Part::media_map: return from.is_object() ? std::optional{copy_keys(from, kMedia, depth)} : std::nullopt;
        default: return from.is_object() ? std::optional{copy_keys(from, kEncoding, depth)} : std::nullopt;
    }
}

std::optional<Json> DocumentCopy::copy_map(const Source& from, Part part, unsigned depth) {
    if (!from.is_object()) return std::nullopt;
    Json out = Json::object();
    for (const auto& [key, one] : from.items()) {
        if (!shared_->spend(8 + key.size())) break;
        if (auto value = copy_entry(one, part, depth + 1)) append_to(out, key, std::move(*value));
    }
    return out;
}

Json DocumentCopy::copy_keys(const Source& from, std::span<const KnownKey> keys, unsigned depth) {
    Json out = Json::object();
    for (const KnownKey& key : keys) {
        const auto found = from.find(key.name);
        if (found == from.end()) continue;
        if (auto value = copy(*found, key.part, depth + 1)) append_to(out, std::string{key.name}, std::move(*value));
    }
    if (out.contains("example") && out.contains("examples")) out.erase("example");
    return out;
}

std::optional<Json> DocumentCopy::copy_component(const Source& from, Component kind, unsigned depth) {
    if (kind == Component::schemas) return copy(from, Part::schema, depth);
    if (is_reference(from)) return refer(from, kind);
    if (!from.is_object() || depth > kDeepest) return std::nullopt;
    switch (kind) {
        case Component::responses: {
            Json out = copy_keys(from, kResponse, depth);
            if (!out.contains("description")) out["description"] = "";
            return out;
        }
        case Component::request_bodies: {
            Json out = copy_keys(from, kRequestBody, depth);
            if (!out.contains("content")) out["content"] = Json::object();
            return out;
        }
        case Component::headers: {
            Json out = copy_keys(from, kHeader, depth);
            if (!out.contains("schema")) out["schema"] = Json::object();
            return out;
        }
        default: return copy_keys(from, kExample, depth);
    }
}

std::optional<Json> DocumentCopy::copy_parameter(const Source& from) {
    const std::string in = text_at(from, "in");
    const std::string name = text_at(from, "name");
    if (name.empty() || (in != "path" && in != "query" && in != "header" && in != "cookie")) return std::nullopt;
    if (!shared_->spend(name.size() + 32)) return std::nullopt;
    Json out{{"name", name}, {"in", in}};
    for (auto& [key, value] : copy_keys(from, kParameter, 0).items()) out[key] = std::move(value);
    if (in == "path") out["required"] = true;
    if (const std::string style = text_at(from, "style"); fits(in, style)) out["style"] = style;
    const bool content = out.contains("content") && out["content"].size() == 1;
    if (!content) out.erase("content");
    if (content) {
        for (const char* const key : {"schema", "style", "explode", "example", "examples"}) out.erase(key);
    } else if (!out.contains("schema")) {
        out["schema"] = Json::object();
    }
    return out;
}

Json DocumentCopy::copy_parameters(const Source& item, const Source& operation) {
    Json out = Json::array();
    for (const Source* const whose : {&item, &operation}) {
        const auto list = whose->find("parameters");
        if (list == whose->end() || !list->is_array()) continue;
        for (const Source& given : *list) {
            const Source* const found = follow(given);
            auto parameter = found != nullptr && found->is_object() ? copy_parameter(*found) : std::nullopt;
            if (!parameter) continue;
            // The operation's own goes before the one of its path.
            std::erase_if(out.get_ref<Json::array_t&>(), [&](const Json& one) {
                return one["name"] == (*parameter)["name"] && one["in"] == (*parameter)["in"];
            });
            out.push_back(std::move(*parameter));
        }
    }
    return out;
}

Json DocumentCopy::copy_responses(const Source& from) {
    Json out = Json::object();
    for (const auto& [status, given] : from.items()) {
        if (!is_status(status)) continue;
        if (auto response = copy(given, Part::response, 1)) append_to(out, status, std::move(*response));
    }
    return out;
}

Json DocumentCopy::operation(const Source& item, const Source& operation) {
    Json out = copy_keys(operation, kOperation, 0);
    Json parameters = copy_parameters(item, operation);
    if (!parameters.empty()) out["parameters"] = std::move(parameters);
    if (const auto body = operation.find("requestBody"); body != operation.end()) {
        if (auto copied = copy(*body, Part::request_body, 1)) out["requestBody"] = std::move(*copied);
    }
    if (const auto responses = operation.find("responses"); responses != operation.end() && responses->is_object()) {
        if (Json copied = copy_responses(*responses); !copied.empty()) out["responses"] = std::move(copied);
    }
    for (const char* const key : {"callbacks", "webhooks"}) {
        if (operation.contains(key)) shared_->note(fmt::format("{}: {} were left out", name_, key));
    }
    copy_pending();
    return out;
}

void DocumentCopy::copy_pending() {
    while (!pending_.empty()) {
        const Pending next = std::move(pending_.front());
        pending_.pop_front();
        auto copied = copy_component(*next.from, next.kind, 1);
        // What refers to it stays right, whatever has become of it.
        if (!copied) copied = next.kind == Component::responses ? Json{{"description", ""}} : Json::object();
        if (next.kind == Component::request_bodies && !copied->contains("content")) {
            (*copied)["content"] = Json::object();
        }
        shared_->components[static_cast<size_t>(next.kind)][next.name] = std::move(*copied);
    }
}

}  // namespace tl::gateway
