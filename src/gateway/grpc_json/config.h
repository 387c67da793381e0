// What the manifest says of a route whose service speaks gRPC while its clients speak JSON (`grpc` of a route). Plain
// values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/grpc_json/schema.h"
#include "gateway/policies/template.h"
#include "manifest/schema.h"
#include "proxy/path.h"

namespace tl::gateway {

enum class UnknownNames : uint8_t { refuse, ignore };
enum class FieldNames : uint8_t { json, proto };

struct GrpcConfig {
    static constexpr const char* kReflection = "reflection";
    static constexpr size_t kMostGrowth = 8;  // of a message that becomes JSON

    manifest::Position at;
    manifest::Located<std::string> descriptors;            // a file, or kReflection
    std::optional<manifest::Located<std::string>> method;  // the one of the whole route
    manifest::OrderedMap<Template> fields;                 // of the method's request
    std::vector<manifest::Located<std::string>> services;  // those whose methods lie below the path; empty: all
    UnknownNames unknown = UnknownNames::refuse;
    FieldNames names = FieldNames::json;
    bool defaults = false;
    uint64_t most = 4 << 20;  // bytes of a request's body, and of each message
    base::Duration refresh = std::chrono::seconds{30};

    [[nodiscard]] bool reflects() const { return descriptors.value == kReflection; }
    [[nodiscard]] JsonRules rules() const {
        return {.defaults = defaults,
                .proto_names = names == FieldNames::proto,
                .ignore_unknown = unknown == UnknownNames::ignore,
                .most = kMostGrowth * most};
    }
};

[[nodiscard]] const manifest::Object<GrpcConfig>& grpc_schema();

// The descriptors of a file in `folder`.
[[nodiscard]] std::expected<GrpcSchemaPtr, std::string> load_descriptors(const GrpcConfig& config,
                                                                         const std::string& folder);
// All that is wrong with it, as far as it can be said before the service is asked. `rewrite`: the route's, "" without.
void check_grpc(const GrpcConfig& config, const std::string& folder, const proxy::PathPattern& path,
                const std::string& rewrite, manifest::Diagnostics& diagnostics);

}  // namespace tl::gateway
