#include "gateway/graphql/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "codec/http1.h"
#include "gateway/policies/auth_files.h"
#include "storage/whole_file.h"

namespace tl::gateway {

using manifest::map_of;
using manifest::text;

namespace {

constexpr size_t kMostDocument = 256 << 10;

std::optional<std::string> check_endpoint(std::string_view path) {
    if (path.starts_with('/') && path.find_first_of("?# ") == std::string_view::npos) return std::nullopt;
    return "must be a path such as /graphql";
}

std::optional<std::string> check_name(std::string_view name) {
    const bool good =
        !name.empty() && !(name.front() >= '0' && name.front() <= '9') && std::ranges::all_of(name, [](char c) {
            return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        });
    if (good) return std::nullopt;
    return "is no name of GraphQL";
}

std::optional<std::string> check_header(std::string_view name) {
    if (!codec::is_token(name)) return "is no header name";
    const codec::Field field = codec::lookup_field(name);
    if (field == codec::Field::content_type || field == codec::Field::content_length || field == codec::Field::host ||
        field == codec::Field::connection || field == codec::Field::transfer_encoding)
        return "is a field that Trunkline writes itself";
    return std::nullopt;
}

}  // namespace

const manifest::Object<GraphqlConfig>& graphql_schema() {
    const auto value =
        manifest::custom<Template>("a value such as \"{path.id}\"", &Template::parse, &Template::text_of);
    static const auto schema =
        manifest::Object<GraphqlConfig>("a GraphQL call")
            .position(&GraphqlConfig::at)
            .field("query", &GraphqlConfig::query, text("a file such as queries/product.graphql, or the text itself"))
            .required()
            .doc("The operation: a file in the manifest's folder, or the text itself.")
            .example("queries/product.graphql")
            .field("operation", &GraphqlConfig::operation, text("an operation's name").check(check_name))
            .doc("Which one, of a document with several.")
            .default_is("the only one")
            .field("variables", &GraphqlConfig::variables,
                   map_of(value).names(text("a variable's name").check(check_name)).at_most(256))
            .doc("Where the values of variables come from.")
            .default_is("of the same name: the path's parameter, else the query's, else the field of a JSON body")
            .field("headers", &GraphqlConfig::headers,
                   map_of(value).names(text("a header's name").check(check_header)).at_most(32))
            .doc("Headers of the call; the client's own do not go along.")
            .field("endpoint", &GraphqlConfig::endpoint, text("a path").check(check_endpoint))
            .doc("Where the service takes GraphQL.")
            .field("take", &GraphqlConfig::take, text("a field's name").check(check_name))
            .doc("The answer is that field of `data`; 404 where it is null.")
            .default_is("all of `data`")
            .field("most", &GraphqlConfig::most, manifest::size().range(1024, 64 << 20))
            .doc("Bytes of the service's answer.");
    return schema;
}

std::expected<std::string, std::string> load_document(const GraphqlConfig& config, const std::string& folder) {
    if (config.query.value.find('{') != std::string::npos) return config.query.value;
    auto read = storage::read_file(file_in(folder, config.query.value), kMostDocument);
    if (!read) return std::unexpected(read.error().message());
    return std::move(*read);
}

std::expected<GraphqlOperation, std::string> choose_operation(const GraphqlConfig& config, std::string_view document) {
    auto all = parse_operations(document);
    if (!all) return std::unexpected(std::move(all.error()));
    if (!config.operation) {
        if (all->size() == 1) return std::move(all->front());
        return std::unexpected(fmt::format("it has {} operations; say \"operation\"", all->size()));
    }
    const auto found = std::ranges::find(*all, config.operation->value, &GraphqlOperation::name);
    if (found != all->end()) return std::move(*found);
    std::vector<std::string> names;
    for (const GraphqlOperation& one : *all) names.push_back(one.name);
    const std::string_view near = base::nearest(config.operation->value, names);
    return std::unexpected(fmt::format("it has no operation \"{}\"{}", config.operation->value,
                                       near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
}

void check_graphql(const GraphqlConfig& config, const std::string& folder, const proxy::PathPattern& path, bool safe,
                   manifest::Diagnostics& diagnostics) {
    const auto document = load_document(config, folder);
    if (!document) {
        diagnostics.error(config.query.at, document.error(), "give the file's path from the manifest's folder");
        return;
    }
    const auto operation = choose_operation(config, *document);
    if (!operation) {
        diagnostics.error(config.query.at, "the GraphQL document cannot be used: " + operation.error());
        return;
    }
    if (operation->kind == "subscription") {
        diagnostics.error(config.query.at, "a subscription is no request with one answer", "ask by a query");
    }
    if (operation->kind == "mutation" && safe) {
        diagnostics.error(config.at, "a mutation must not be made by GET: browsers and caches repeat it as they like",
                          "add methods: [POST] to the route");
    }
    std::vector<std::string> known;
    for (const GraphqlVariable& one : operation->variables) known.push_back(one.name);
    for (const auto& [name, value] : config.variables) {
        value.check(path, name.at, diagnostics);
        if (std::ranges::find(known, name.value) != known.end()) continue;
        const std::string_view near = base::nearest(name.value, known);
        diagnostics.error(name.at, fmt::format("the operation has no variable ${}", name.value),
                          near.empty() ? "" : fmt::format("did you mean {}?", near));
    }
    for (const auto& [name, value] : config.headers) value.check(path, name.at, diagnostics);
}

}  // namespace tl::gateway
