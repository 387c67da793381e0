// An OpenAPI document (3.0 or 3.1, JSON or YAML) as what requests are held against: its operations with their
// parameters and bodies, compiled. Made when the manifest is loaded, immutable, shared by cores.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "gateway/openapi/schema.h"
#include "proxy/route_table.h"

namespace tl::gateway {

struct ApiParameter {
    enum class In : uint8_t { path, query, header, cookie };
    std::string name;
    In in = In::query;
    bool required = false;
    bool explode = true;  // of arrays: a=1&a=2; else a=1,2
    const Schema* schema = nullptr;
};

struct ApiBody {
    bool required = false;
    std::vector<std::pair<std::string, const Schema*>> by_type;  // "application/json" to its schema, or nullptr
    [[nodiscard]] bool takes(std::string_view type) const;
    // nullptr: that type is not judged.
    [[nodiscard]] const Schema* schema_of(std::string_view type) const;
};

struct ApiOperation {
    std::string method;  // upper case
    std::string path;    // as written: "/users/{id}"
    std::string id;      // operationId
    std::string summary;
    std::vector<ApiParameter> parameters;
    bool has_body = false;
    ApiBody body;
    std::vector<std::pair<std::string, ApiBody>> responses;  // "200", "2XX", "default"
    // The one for a status; nullptr if none is described.
    [[nodiscard]] const ApiBody* response(uint16_t status) const;
};

class ApiDocument {
  public:
    static constexpr size_t kMostBytes = 4U << 20;
    static constexpr size_t kDeepest = 128;  // levels of a document in JSON; in YAML 64

    // Reads a file. The error says what is wrong with it and where.
    [[nodiscard]] static base::Result<std::shared_ptr<const ApiDocument>> load(const std::string& file);
    [[nodiscard]] static base::Result<std::shared_ptr<const ApiDocument>> parse(const std::string& text,
                                                                                const std::string& name);

    // `path` normalized, without what the document is put under. nullptr: there is no such operation.
    [[nodiscard]] const ApiOperation* find(const codec::RequestHead& head, std::string_view path,
                                           proxy::PathMatch& match) const;
    // Whether another method is described for that path: "GET, PUT"; "" if none is.
    [[nodiscard]] std::string methods_of(std::string_view path) const;

    [[nodiscard]] const std::vector<ApiOperation>& operations() const { return operations_; }
    [[nodiscard]] const nlohmann::json& tree() const { return json_; }
    [[nodiscard]] const std::string& title() const { return title_; }
    // The path of the first server: what stands in front of the paths, "" or "/v1".
    [[nodiscard]] const std::string& base() const { return base_; }
    // What is not judged, a sentence each.
    [[nodiscard]] const std::vector<std::string>& remarks() const { return remarks_; }

  private:
    ApiDocument() = default;
    void read_operation(const std::string& path, const std::string& method, const nlohmann::json& shared,
                        const nlohmann::json& from);
    void read_parameters(ApiOperation& operation, const nlohmann::json& list);
    [[nodiscard]] ApiBody read_content(const nlohmann::json& from, const std::string& place);
    void make_table();

    nlohmann::json json_;
    std::string title_;
    std::string base_;
    std::unique_ptr<SchemaSet> schemas_;
    std::vector<ApiOperation> operations_;
    proxy::RouteTable table_;
    std::vector<std::string> remarks_;
};
using ApiDocumentPtr = std::shared_ptr<const ApiDocument>;

}  // namespace tl::gateway
