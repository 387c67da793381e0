// The error details that google.rpc defines (google/rpc/error_details.proto), for services that use them without
// describing them.
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <array>

#include "gateway/grpc_json/schema_pool.h"

namespace tl::gateway {

namespace pb = google::protobuf;

namespace {

constexpr const char* kMap = "map";  // of texts to texts

struct FieldOf {
    const char* message;
    const char* name;
    int number;
    const char* type = "";  // "": a string
    bool list = false;
};

constexpr std::array kFields{
    FieldOf{"ErrorInfo", "reason", 1},
    FieldOf{"ErrorInfo", "domain", 2},
    FieldOf{"ErrorInfo", "metadata", 3, kMap},
    FieldOf{"RetryInfo", "retry_delay", 1, ".google.protobuf.Duration"},
    FieldOf{"DebugInfo", "stack_entries", 1, "", true},
    FieldOf{"DebugInfo", "detail", 2},
    FieldOf{"QuotaViolation", "subject", 1},
    FieldOf{"QuotaViolation", "description", 2},
    FieldOf{"QuotaFailure", "violations", 1, ".google.rpc.QuotaViolation", true},
    FieldOf{"PreconditionViolation", "type", 1},
    FieldOf{"PreconditionViolation", "subject", 2},
    FieldOf{"PreconditionViolation", "description", 3},
    FieldOf{"PreconditionFailure", "violations", 1, ".google.rpc.PreconditionViolation", true},
    FieldOf{"FieldViolation", "field", 1},
    FieldOf{"FieldViolation", "description", 2},
    FieldOf{"FieldViolation", "reason", 3},
    FieldOf{"BadRequest", "field_violations", 1, ".google.rpc.FieldViolation", true},
    FieldOf{"RequestInfo", "request_id", 1},
    FieldOf{"RequestInfo", "serving_data", 2},
    FieldOf{"ResourceInfo", "resource_type", 1},
    FieldOf{"ResourceInfo", "resource_name", 2},
    FieldOf{"ResourceInfo", "owner", 3},
    FieldOf{"ResourceInfo", "description", 4},
    FieldOf{"Link", "description", 1},
    FieldOf{"Link", "url", 2},
    FieldOf{"Help", "links", 1, ".google.rpc.Link", true},
    FieldOf{"LocalizedMessage", "locale", 1},
    FieldOf{"LocalizedMessage", "message", 2},
};

void add_field(pb::DescriptorProto& message, const FieldOf& of) {
    using Field = pb::FieldDescriptorProto;
    const bool map = of.type == kMap;
    Field& field = *message.add_field();
    field.set_name(of.name);
    field.set_number(of.number);
    field.set_label(of.list || map ? Field::LABEL_REPEATED : Field::LABEL_OPTIONAL);
    const bool text = *of.type == '\0';
    field.set_type(text ? Field::TYPE_STRING : Field::TYPE_MESSAGE);
    if (!text && !map) field.set_type_name(of.type);
    if (!map) return;
    field.set_type_name("MetadataEntry");
    pb::DescriptorProto& entry = *message.add_nested_type();
    entry.set_name("MetadataEntry");
    entry.mutable_options()->set_map_entry(true);
    add_field(entry, {"", "key", 1});
    add_field(entry, {"", "value", 2});
}

std::unique_ptr<KnownTypes> make() {
    auto made = std::make_unique<KnownTypes>();
    pb::FileDescriptorProto duration;
    pb::Duration::descriptor()->file()->CopyTo(&duration);
    made->pool.BuildFile(duration);
    pb::FileDescriptorProto file;
    file.set_name("google/rpc/error_details.proto");
    file.set_package("google.rpc");
    file.set_syntax("proto3");
    file.add_dependency(duration.name());
    std::string_view last;
    for (const FieldOf& one : kFields) {
        if (last != one.message) file.add_message_type()->set_name(one.message);
        last = one.message;
        add_field(*file.mutable_message_type(file.message_type_size() - 1), one);
    }
    made->pool.BuildFile(file);
    made->resolver.reset(pb::util::NewTypeResolverForDescriptorPool(kTypeUrl, &made->pool));
    return made;
}

}  // namespace

const KnownTypes& known_types() {
    static const std::unique_ptr<KnownTypes> kTypes = make();
    return *kTypes;
}

}  // namespace tl::gateway
