// Which request becomes which call: the bindings of a route, by the manifest and the descriptors. Made when both are
// known, immutable, shared by cores.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/grpc_json/config.h"
#include "gateway/grpc_json/uri_template.h"
#include "manifest/diagnostics.h"
#include "proxy/path.h"

namespace tl::gateway {

struct GrpcBinding {
    const GrpcMethod* method = nullptr;
    HttpRule rule;
    UriTemplate path;
    bool whole_route = false;  // `method` of the manifest: any method of HTTP, the route's own parameters
    // Then: parameters of the route's path by their place, "" for what is no field; and what the manifest says.
    std::vector<std::string> params;
    std::vector<std::pair<std::string, Template>> fields;
};

struct GrpcComplaint {
    manifest::Severity severity;
    manifest::Position at;
    std::string message;
    std::string hint;
};

class GrpcMapping;
using GrpcMappingPtr = std::shared_ptr<const GrpcMapping>;

class GrpcMapping {
  public:
    static constexpr size_t kMostBindings = 4096;

    // What cannot be mapped is left out, and told in `wrong`. `rewrite` is the route's, "" without.
    [[nodiscard]] static GrpcMappingPtr make(GrpcSchemaPtr schema, const GrpcConfig& config,
                                             const proxy::PathPattern& path, const std::string& rewrite,
                                             std::vector<GrpcComplaint>& wrong);

    struct Found {
        const GrpcBinding* binding = nullptr;     // nullptr: none
        std::vector<std::string_view> values;     // of the template's variables, as they stand in the path
        std::vector<std::string_view> elsewhere;  // methods of HTTP that the path has, when this one has none
    };
    // `path` is normalized, as the service would get it.
    [[nodiscard]] Found find(std::string_view method, std::string_view path) const;

    [[nodiscard]] const GrpcSchema& schema() const { return *schema_; }
    [[nodiscard]] const std::vector<GrpcBinding>& bindings() const { return bindings_; }
    [[nodiscard]] const JsonRules& rules() const { return rules_; }

  private:
    class Maker;
    GrpcMapping() = default;

    GrpcSchemaPtr schema_;
    JsonRules rules_;
    std::vector<GrpcBinding> bindings_;  // the most specific first
    // Of those without variables, by their path; the others in order.
    std::unordered_map<std::string_view, std::vector<const GrpcBinding*>> exact_;
    std::vector<const GrpcBinding*> open_;
};

}  // namespace tl::gateway
