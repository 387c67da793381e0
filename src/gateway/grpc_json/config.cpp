#include "gateway/grpc_json/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "gateway/grpc_json/mapping.h"
#include "gateway/policies/auth_files.h"
#include "storage/whole_file.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using manifest::list_of;
using manifest::text;

namespace {

bool is_name(std::string_view name) {
    const auto part = [](char c) {
        return c == '_' || c == '.' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    return !name.empty() && name.front() != '.' && name.back() != '.' && std::ranges::all_of(name, part);
}

std::optional<std::string> check_service_name(std::string_view name) {
    if (is_name(name)) return std::nullopt;
    return "is no service's name, such as shop.Orders";
}

std::optional<std::string> check_field_name(std::string_view name) {
    if (is_name(name)) return std::nullopt;
    return "is no field, such as order.id";
}

std::optional<std::string> check_method_name(std::string_view name) {
    const size_t slash = name.find('/');
    if (slash != std::string_view::npos && is_name(name.substr(0, slash)) && is_name(name.substr(slash + 1)))
        return std::nullopt;
    return "is no method's name, such as shop.Orders/Get";
}

void check_choice(const GrpcConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (config.method && !config.services.empty())
        diagnostics.error(at, "a route has either \"method\" or \"services\"", "take one of them out");
    if (!config.method && !config.fields.empty())
        diagnostics.error(at, "\"fields\" does nothing without \"method\"", "say whose fields they are");
}

}  // namespace

const manifest::Object<GrpcConfig>& grpc_schema() {
    const auto value =
        manifest::custom<Template>("a value such as \"{path.id}\"", &Template::parse, &Template::text_of);
    static const auto schema =
        manifest::Object<GrpcConfig>("a route to gRPC")
            .position(&GrpcConfig::at)
            .field("descriptors", &GrpcConfig::descriptors, text("a file such as orders.pb, or reflection"))
            .required()
            .doc(
                "A descriptor set in the manifest's folder (protoc --include_imports), or `reflection`: the service "
                "is asked.")
            .example("orders.pb")
            .field("method", &GrpcConfig::method, text("a method such as shop.Orders/Get").check(check_method_name))
            .doc("The one method of the route: path, query and body fill its request.")
            .default_is("those of `services`, below the path")
            .field("fields", &GrpcConfig::fields,
                   manifest::map_of(value).names(text("a field such as order.id").check(check_field_name)).at_most(256))
            .doc("Where fields of the method's request come from; nobody else sets them.")
            .default_is("of the same name: the path's parameter, the query's, the member of a JSON body")
            .field("services", &GrpcConfig::services,
                   list_of(text("a service such as shop.Orders").check(check_service_name)).at_most(256).or_single())
            .doc("Whose methods lie below the path, by google.api.http, else as POST /<service>/<method>.")
            .default_is("all of the descriptors")
            .field("unknown", &GrpcConfig::unknown,
                   manifest::one_of<UnknownNames>({{"refuse", UnknownNames::refuse}, {"ignore", UnknownNames::ignore}}))
            .doc("What becomes of names in a body or query that no field has.")
            .field("names", &GrpcConfig::names,
                   manifest::one_of<FieldNames>({{"json", FieldNames::json}, {"proto", FieldNames::proto}}))
            .doc("Names in answers: orderId, or order_id as in the .proto file. Requests may use both.")
            .field("defaults", &GrpcConfig::defaults, manifest::boolean())
            .doc("Answers have fields with their default value too.")
            .field("most", &GrpcConfig::most, manifest::size().range(1024, 64 << 20))
            .doc("Bytes of a request's body, and of each message.")
            .field("refresh", &GrpcConfig::refresh, manifest::duration().range(1s, 24h))
            .doc("With reflection: how old the service's word may be.")
            .validate(check_choice);
    return schema;
}

std::expected<GrpcSchemaPtr, std::string> load_descriptors(const GrpcConfig& config, const std::string& folder) {
    const std::string file = file_in(folder, config.descriptors.value);
    const auto read = storage::read_file(file, GrpcSchema::kMostBytes);
    if (!read) return std::unexpected(read.error().message());
    auto schema = GrpcSchema::load(*read);
    if (!schema) return std::unexpected(fmt::format("{} cannot be used: {}", config.descriptors.value, schema.error()));
    return schema;
}

void check_grpc(const GrpcConfig& config, const std::string& folder, const proxy::PathPattern& path,
                const std::string& rewrite, manifest::Diagnostics& diagnostics) {
    if (!config.method && !path.has_rest()) {
        diagnostics.error(config.at, fmt::format("no method lies below {}", path.text()),
                          "say which one with \"method\", or end the path in /*");
        return;
    }
    for (const auto& [name, value] : config.fields) value.check(path, name.at, diagnostics);
    if (config.reflects()) return;
    const auto schema = load_descriptors(config, folder);
    if (!schema) {
        diagnostics.error(config.descriptors.at, schema.error(),
                          "make it with protoc --include_imports --descriptor_set_out=FILE");
        return;
    }
    std::vector<GrpcComplaint> wrong;
    [[maybe_unused]] const auto mapping = GrpcMapping::make(*schema, config, path, rewrite, wrong);
    for (const GrpcComplaint& one : wrong) {
        const bool warns = one.severity == manifest::Severity::warning;
        warns ? diagnostics.warning(one.at, one.message, one.hint) : diagnostics.error(one.at, one.message, one.hint);
    }
}

}  // namespace tl::gateway
