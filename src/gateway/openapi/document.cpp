#include "gateway/openapi/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "manifest/document.h"
#include "manifest/json_schema.h"

namespace tl::gateway {

using nlohmann::json;

namespace {

constexpr size_t kYamlDepth = 64;
constexpr std::array<const char*, 8> kMethods{"get", "put", "post", "delete", "options", "head", "patch", "trace"};

std::string text_at(const json& from, const char* key) {
    const auto found = from.find(key);
    return found != from.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

bool flag_at(const json& from, const char* key, bool otherwise) {
    const auto found = from.find(key);
    return found != from.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

// Without its parameters, in lower case.
std::string type_name(std::string_view type) { return base::lower(base::trim(type.substr(0, type.find(';')))); }

bool type_matches(std::string_view pattern, std::string_view type) {
    if (pattern == type || pattern == "*/*") return true;
    return pattern.ends_with("/*") && type.starts_with(pattern.substr(0, pattern.size() - 1));
}

// Whether brackets outside of texts are nested deeper than what reads the document may recurse.
bool is_too_deep(std::string_view text) {
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\' && quoted) ++i;
        if (c == '"') quoted = !quoted;
        if (quoted) continue;
        if ((c == '{' || c == '[') && ++depth > ApiDocument::kDeepest) return true;
        if ((c == '}' || c == ']') && depth > 0) --depth;
    }
    return false;
}

base::Result<json> read_text(const std::string& text, const std::string& name) {
    const size_t first = text.find_first_not_of(" \t\r\n");
    if (first != std::string::npos && text[first] == '{') {
        if (is_too_deep(text)) {
            return base::fail(base::Code::too_large,
                              fmt::format("{} is more than {} levels deep", name, ApiDocument::kDeepest));
        }
        json parsed = json::parse(text, nullptr, false);
        if (!parsed.is_discarded()) return parsed;
    }
    const manifest::Document document = manifest::parse_document(
        text, name, {.bytes = ApiDocument::kMostBytes, .depth = kYamlDepth, .nodes = 1'000'000});
    if (!document.readable)
        return base::fail(base::Code::invalid, std::string{base::trim(document.diagnostics.to_text())});
    return json::parse(manifest::to_json(document.root).dump());
}

// "https://api.example/v1/" to "/v1".
std::string base_of(const json& document) {
    const auto servers = document.find("servers");
    if (servers == document.end() || !servers->is_array() || servers->empty()) return {};
    std::string url = text_at(servers->front(), "url");
    if (const size_t scheme = url.find("://"); scheme != std::string::npos) {
        const size_t slash = url.find('/', scheme + 3);
        url = slash == std::string::npos ? "" : url.substr(slash);
    }
    while (url.ends_with('/')) url.pop_back();
    return url.find('{') == std::string::npos ? url : std::string{};
}

}  // namespace

bool ApiBody::takes(std::string_view type) const {
    const std::string name = type_name(type);
    return std::ranges::any_of(by_type, [&](const auto& one) { return type_matches(one.first, name); });
}

const Schema* ApiBody::schema_of(std::string_view type) const {
    const std::string name = type_name(type);
    const auto found = std::ranges::find_if(by_type, [&](const auto& one) { return type_matches(one.first, name); });
    return found == by_type.end() ? nullptr : found->second;
}

const ApiBody* ApiOperation::response(uint16_t status) const {
    const std::string exact = fmt::to_string(status);
    const std::string range = fmt::format("{}XX", status / 100);
    for (const std::string_view wanted :
         {std::string_view{exact}, std::string_view{range}, std::string_view{"default"}}) {
        for (const auto& [name, described] : responses) {
            if (name == wanted) return &described;
        }
    }
    return nullptr;
}

base::Result<ApiDocumentPtr> ApiDocument::load(const std::string& file) {
    std::ifstream in{file, std::ios::binary | std::ios::ate};
    if (!in || std::filesystem::is_directory(file)) return base::fail(base::Code::not_found, "cannot read " + file);
    if (static_cast<size_t>(in.tellg()) > kMostBytes)
        return base::fail(base::Code::too_large, file + " is larger than 4 MB");
    in.seekg(0);
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    return parse(text, std::filesystem::path{file}.filename().string());
}

base::Result<ApiDocumentPtr> ApiDocument::parse(const std::string& text, const std::string& name) {
    auto read = read_text(text, name);
    if (!read) return base::fail(std::move(read.error()));
    const std::shared_ptr<ApiDocument> made{new ApiDocument};
    made->json_ = std::move(*read);
    const json& root = made->json_;
    const std::string version = root.is_object() ? text_at(root, "openapi") : "";
    if (!version.starts_with("3.0") && !version.starts_with("3.1")) {
        return base::fail(
            base::Code::invalid,
            fmt::format("{} is no OpenAPI document of version 3.0 or 3.1{}", name,
                        root.is_object() && root.contains("swagger") ? "; convert it from Swagger 2 first" : ""));
    }
    if (const auto info = root.find("info"); info != root.end() && info->is_object())
        made->title_ = text_at(*info, "title");
    made->base_ = base_of(root);
    made->schemas_ = std::make_unique<SchemaSet>(made->json_);
    const auto paths = root.find("paths");
    if (paths == root.end() || !paths->is_object()) return base::fail(base::Code::invalid, name + " has no \"paths\"");
    for (const auto& [path, item] : paths->items()) {
        if (!proxy::PathPattern::parse(path)) {
            made->remarks_.push_back(
                fmt::format("{}: paths whose parameters are a part of a segment are not judged", path));
            continue;
        }
        const json* const shared = made->schemas_->resolve(item);
        if (shared == nullptr || !shared->is_object()) continue;
        for (const char* const method : kMethods) {
            if (const auto found = shared->find(method); found != shared->end() && found->is_object()) {
                made->read_operation(path, method, *shared, *found);
            }
        }
    }
    const auto& of_schemas = made->schemas_->remarks();
    made->remarks_.insert(made->remarks_.end(), of_schemas.begin(), of_schemas.end());
    made->make_table();
    return made;
}

void ApiDocument::read_operation(const std::string& path, const std::string& method, const json& shared,
                                 const json& from) {
    ApiOperation operation{
        .method = method, .path = path, .id = text_at(from, "operationId"), .summary = text_at(from, "summary")};
    std::ranges::transform(operation.method, operation.method.begin(),
                           [](char c) { return static_cast<char>(c - 32); });
    if (const auto list = shared.find("parameters"); list != shared.end()) read_parameters(operation, *list);
    if (const auto list = from.find("parameters"); list != from.end()) read_parameters(operation, *list);
    if (const auto body = from.find("requestBody"); body != from.end()) {
        if (const json* const found = schemas_->resolve(*body); found != nullptr && found->is_object()) {
            operation.has_body = true;
            operation.body = read_content(*found, path + "/requestBody");
            operation.body.required = flag_at(*found, "required", false);
        }
    }
    if (const auto responses = from.find("responses"); responses != from.end() && responses->is_object()) {
        for (const auto& [status, given] : responses->items()) {
            const json* const found = schemas_->resolve(given);
            if (found != nullptr && found->is_object()) {
                operation.responses.emplace_back(status, read_content(*found, path + "/responses/" + status));
            }
        }
    }
    operations_.push_back(std::move(operation));
}

void ApiDocument::read_parameters(ApiOperation& operation, const json& list) {
    static const std::array<std::pair<std::string_view, ApiParameter::In>, 4> kPlaces{
        {{"path", ApiParameter::In::path},
         {"query", ApiParameter::In::query},
         {"header", ApiParameter::In::header},
         {"cookie", ApiParameter::In::cookie}}};
    for (const json& given : list) {
        const json* const found = schemas_->resolve(given);
        if (found == nullptr || !found->is_object()) continue;
        const std::string in = text_at(*found, "in");
        const auto place = std::ranges::find(kPlaces, in, [](const auto& one) { return one.first; });
        ApiParameter parameter{.name = text_at(*found, "name")};
        if (place == kPlaces.end() || parameter.name.empty()) continue;
        parameter.in = place->second;
        const bool form = parameter.in == ApiParameter::In::query || parameter.in == ApiParameter::In::cookie;
        parameter.required = flag_at(*found, "required", false) || parameter.in == ApiParameter::In::path;
        parameter.explode = flag_at(*found, "explode", form);
        const std::string style = text_at(*found, "style");
        const std::string where = fmt::format("{} {}: {}", operation.method, operation.path, parameter.name);
        if (!style.empty() && style != "form" && style != "simple") {
            remarks_.push_back(fmt::format("{}: style {} is not judged", where, style));
        } else if (const auto schema = found->find("schema"); schema != found->end()) {
            parameter.schema = schemas_->compile(*schema, where);
        }
        // The operation's own goes before the one of its path.
        std::erase_if(operation.parameters,
                      [&](const ApiParameter& one) { return one.name == parameter.name && one.in == parameter.in; });
        operation.parameters.push_back(std::move(parameter));
    }
}

ApiBody ApiDocument::read_content(const json& from, const std::string& place) {
    ApiBody body;
    const auto content = from.find("content");
    if (content == from.end() || !content->is_object()) return body;
    for (const auto& [type, media] : content->items()) {
        const auto schema = media.find("schema");
        const std::string name = type_name(type);
        const bool json_like =
            name == "application/json" || name.ends_with("+json") || name == "*/*" || name == "application/*";
        body.by_type.emplace_back(name,
                                  schema != media.end() && json_like ? schemas_->compile(*schema, place) : nullptr);
    }
    return body;
}

void ApiDocument::make_table() {
    std::vector<proxy::Route> routes;
    for (size_t i = 0; i < operations_.size(); ++i) {
        proxy::Route& route = routes.emplace_back();
        route.rule.path = proxy::PathPattern::parse(operations_[i].path).value();
        route.rule.methods = {operations_[i].method};
        route.index = i;
    }
    table_ = proxy::RouteTable::make(std::move(routes));
}

const ApiOperation* ApiDocument::find(const codec::RequestHead& head, std::string_view path,
                                      proxy::PathMatch& match) const {
    const proxy::RouteMatch found = table_.find(head, path);
    if (found.route == nullptr) return nullptr;
    match = found.path;
    return &operations_[found.route->index];
}

std::string ApiDocument::methods_of(std::string_view path) const {
    std::string methods;
    for (const char* const lower : kMethods) {
        codec::RequestHead head;
        std::string method = lower;
        std::ranges::transform(method, method.begin(), [](char c) { return static_cast<char>(c - 32); });
        head.method_text = method;
        head.method = codec::method_of(method);
        if (table_.find(head, path).route != nullptr) methods += (methods.empty() ? "" : ", ") + method;
    }
    return methods;
}

}  // namespace tl::gateway
