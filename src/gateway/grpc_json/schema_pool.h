// Behind schema.h, for its own files alone: libprotobuf's side of a schema.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/type_resolver.h>

#include <unordered_map>

#include "gateway/grpc_json/schema.h"

namespace tl::gateway {

struct GrpcSchema::Pool {
    google::protobuf::DescriptorPool pool;
    google::protobuf::DynamicMessageFactory factory{&pool};
    std::unique_ptr<google::protobuf::util::TypeResolver> resolver;
    // Prototypes are made with the schema: making one takes a lock, using one does not.
    std::unordered_map<const google::protobuf::Descriptor*, const google::protobuf::Message*> prototypes;
};

// Longer names are nobody's mistake in typing, and comparing them costs time.
inline constexpr size_t kMostMeant = 64;

inline constexpr const char* kTypeUrl = "type.googleapis.com";

// The types of google.rpc that describe errors, for details of services that do not describe them.
struct KnownTypes {
    google::protobuf::DescriptorPool pool;
    std::unique_ptr<google::protobuf::util::TypeResolver> resolver;
};
[[nodiscard]] const KnownTypes& known_types();

// "orderId" and "order_id" both name the field; nullptr: there is none.
[[nodiscard]] const google::protobuf::FieldDescriptor* find_field(const google::protobuf::Descriptor& message,
                                                                  std::string_view name);
// "; did you mean "x"?", or "".
[[nodiscard]] std::string nearest_field(const google::protobuf::Descriptor& message, std::string_view name);

}  // namespace tl::gateway
