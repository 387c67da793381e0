// For tests only: a descriptor set made in memory.
#pragma once

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/text_format.h>

#include "gateway/grpc_json/schema.h"

namespace tl::gateway {

// A file as text of a FileDescriptorProto.
inline std::string file_bytes(const std::string& text) {
    google::protobuf::FileDescriptorProto file;
    if (!google::protobuf::TextFormat::ParseFromString(text, &file)) std::abort();
    return file.SerializeAsString();
}

// shop.Orders/Get(Order) returns (Order) without annotation, Watch with a stream of answers, Put with one of requests.
inline const std::string kShop = R"(
  name: "shop.proto" package: "shop" syntax: "proto3" dependency: "google/protobuf/timestamp.proto"
  message_type { name: "Item"
    field { name: "sku" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING json_name: "sku" }
    field { name: "part" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".shop.Item" json_name: "part" } }
  message_type { name: "Order"
    field { name: "id" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING json_name: "id" }
    field { name: "total_cents" number: 2 label: LABEL_OPTIONAL type: TYPE_INT64 json_name: "totalCents" }
    field { name: "items" number: 3 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".shop.Item" json_name: "items" }
    field { name: "main" number: 4 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".shop.Item" json_name: "main" }
    field { name: "at" number: 5 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" json_name: "at" }
    field { name: "state" number: 6 label: LABEL_OPTIONAL type: TYPE_ENUM type_name: ".shop.State" json_name: "state" }
    field { name: "tags" number: 7 label: LABEL_REPEATED type: TYPE_STRING json_name: "tags" }
    field { name: "seal" number: 8 label: LABEL_OPTIONAL type: TYPE_BYTES json_name: "seal" }
    field { name: "weight" number: 9 label: LABEL_OPTIONAL type: TYPE_DOUBLE json_name: "weight" }
    field { name: "gift" number: 10 label: LABEL_OPTIONAL type: TYPE_BOOL json_name: "gift" } }
  enum_type { name: "State" value { name: "NEW" number: 0 } value { name: "PAID" number: 1 } }
  service { name: "Orders"
    method { name: "Get" input_type: ".shop.Order" output_type: ".shop.Order" }
    method { name: "Watch" input_type: ".shop.Order" output_type: ".shop.Order" server_streaming: true }
    method { name: "Put" input_type: ".shop.Order" output_type: ".shop.Order" client_streaming: true } }
)";

inline GrpcSchemaPtr shop_schema() { return GrpcSchema::of_files({file_bytes(kShop)}).value(); }

}  // namespace tl::gateway
