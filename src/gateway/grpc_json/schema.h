// What a service's descriptors say: its methods, their HTTP rules, and messages between JSON and their bytes. Made of a
// descriptor set, immutable, shared by cores. The only way of the gateway to libprotobuf, whose headers stay in the
// few files behind this one.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/policies/documents.h"

namespace google::protobuf {
class MethodDescriptor;
}

namespace tl::gateway {

// One binding of google.api.http.
struct HttpRule {
    std::string method;         // "GET"; "*": any
    std::string path;           // a template
    std::string body;           // "": none; "*": all that the path has not; or a field
    std::string response_body;  // a field of the answer; "": all of it
};

struct GrpcMethod {
    std::string name;     // "shop.Orders/Get"
    std::string path;     // "/shop.Orders/Get"
    std::string service;  // "shop.Orders"
    bool client_streams = false;
    bool server_streams = false;
    std::vector<HttpRule> rules;  // none: not annotated
    const google::protobuf::MethodDescriptor* descriptor = nullptr;
};

// How messages become JSON, and what becomes of names that no field has.
struct JsonRules {
    bool defaults = false;        // fields with their default value are written
    bool proto_names = false;     // order_id, not orderId
    bool ignore_unknown = false;  // names that no field has are passed over
    size_t most = 32 << 20;       // bytes of JSON that a message may become
};

// Where the fields of one request come from. A field's path is "name" or "author.name".
struct GrpcInput {
    using Values = std::vector<std::pair<std::string, std::string>>;
    const Document* body = nullptr;  // nullptr: none
    std::string body_field;          // what the body is; "": the message as a whole
    Values query;                    // decoded; a field that is repeated may come several times
    std::vector<std::string> clear;  // fields that have no value, whatever body and query say
    Values path;                     // decoded; they win over all else
};

// What became of a request's fields: the message, or all that is wrong with them (kMostWrong told).
using GrpcMessage = std::expected<std::string, std::vector<std::string>>;

class GrpcSchema;
using GrpcSchemaPtr = std::shared_ptr<const GrpcSchema>;

class GrpcSchema {
  public:
    static constexpr size_t kMostBytes = 16 << 20;  // of a descriptor set
    static constexpr size_t kMostFiles = 4096;
    static constexpr size_t kMostWrong = 20;

    // A google.protobuf.FileDescriptorSet with all that its files import.
    [[nodiscard]] static std::expected<GrpcSchemaPtr, std::string> load(std::string_view descriptor_set);
    // Its files one by one, each a FileDescriptorProto, in any order. What is part of libprotobuf may be missing.
    [[nodiscard]] static std::expected<GrpcSchemaPtr, std::string> of_files(const std::vector<std::string>& files);
    ~GrpcSchema();
    GrpcSchema(const GrpcSchema&) = delete;
    GrpcSchema& operator=(const GrpcSchema&) = delete;

    [[nodiscard]] const std::vector<GrpcMethod>& methods() const { return methods_; }
    [[nodiscard]] const std::vector<std::string>& services() const { return services_; }

    // What is wrong with a field's path in the request of `method`, behind its name; "" if nothing is. `takes_text`: it
    // has to be of a kind that a text can say.
    enum class Takes : uint8_t { anything, one_text };
    [[nodiscard]] static std::string judge_field(const GrpcMethod& method, std::string_view field, Takes takes);
    [[nodiscard]] static std::string judge_answer_field(const GrpcMethod& method, std::string_view field);

    // The request's message.
    [[nodiscard]] GrpcMessage encode(const GrpcMethod& method, const GrpcInput& input, const JsonRules& rules) const;
    // The answer's message as JSON without line ends; the error says why it is none.
    [[nodiscard]] std::expected<std::string, std::string> decode(const GrpcMethod& method,
                                                                 const std::string& response_body,
                                                                 std::string_view message,
                                                                 const JsonRules& rules) const;
    // The details of a google.rpc.Status, an array. A type that nobody knows has "@type" and its bytes as base64.
    [[nodiscard]] Document details(std::string_view status) const;

  private:
    struct Pool;
    explicit GrpcSchema(std::unique_ptr<Pool> pool);

    std::unique_ptr<Pool> pool_;
    std::vector<GrpcMethod> methods_;
    std::vector<std::string> services_;
};

}  // namespace tl::gateway
