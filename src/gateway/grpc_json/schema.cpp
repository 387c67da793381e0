#include "gateway/grpc_json/schema.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/type_resolver_util.h>

#include "base/text.h"
#include "gateway/grpc_json/descriptor_files.h"
#include "gateway/grpc_json/schema_pool.h"

namespace tl::gateway {

namespace pb = google::protobuf;

namespace {

constexpr int kHttpExtension = 72295728;  // (google.api.http) of MethodOptions: google/api/annotations.proto
constexpr size_t kMostRules = 32;         // of one method

// ---- google.api.HttpRule (google/api/http.proto): its fields are read by number, so that nobody needs its .proto.

const char* method_of_field(int number) {
    switch (number) {
        case 2: return "GET";
        case 3: return "PUT";
        case 4: return "POST";
        case 5: return "DELETE";
        case 6: return "PATCH";
        default: return nullptr;
    }
}

void read_custom(const std::string& bytes, HttpRule& rule) {
    pb::UnknownFieldSet custom;
    if (!custom.ParseFromString(bytes)) return;
    for (int i = 0; i < custom.field_count(); ++i) {
        const pb::UnknownField& field = custom.field(i);
        if (field.type() != pb::UnknownField::TYPE_LENGTH_DELIMITED) continue;
        if (field.number() == 1) rule.method = field.length_delimited();
        if (field.number() == 2) rule.path = field.length_delimited();
    }
}

void read_rule(const std::string& bytes, bool outermost, std::vector<HttpRule>& rules) {
    pb::UnknownFieldSet fields;
    if (!fields.ParseFromString(bytes) || rules.size() == kMostRules) return;
    HttpRule rule;
    std::vector<std::string> more;
    for (int i = 0; i < fields.field_count(); ++i) {
        const pb::UnknownField& field = fields.field(i);
        if (field.type() != pb::UnknownField::TYPE_LENGTH_DELIMITED) continue;
        const std::string& text = field.length_delimited();
        if (const char* const method = method_of_field(field.number()); method != nullptr) {
            rule.method = method;
            rule.path = text;
        }
        if (field.number() == 7) rule.body = text;
        if (field.number() == 8) read_custom(text, rule);
        if (field.number() == 11 && outermost) more.push_back(text);  // they have none of their own
        if (field.number() == 12) rule.response_body = text;
    }
    if (!rule.path.empty()) rules.push_back(std::move(rule));
    for (const std::string& one : more) read_rule(one, false, rules);
}

std::vector<HttpRule> rules_of(const pb::MethodDescriptor& method) {
    std::vector<HttpRule> rules;
    const pb::MethodOptions& options = method.options();
    const pb::UnknownFieldSet& fields = options.GetReflection()->GetUnknownFields(options);
    for (int i = 0; i < fields.field_count(); ++i) {
        const pb::UnknownField& field = fields.field(i);
        if (field.number() != kHttpExtension || field.type() != pb::UnknownField::TYPE_LENGTH_DELIMITED) continue;
        read_rule(field.length_delimited(), true, rules);
    }
    return rules;
}

// The field of that path; `wrong` says why there is none.
const pb::FieldDescriptor* field_at(const pb::Descriptor* in, std::string_view path, std::string& wrong) {
    const pb::FieldDescriptor* field = nullptr;
    for (const std::string_view name : base::split(path, '.')) {
        if (field != nullptr) {
            if (field->message_type() == nullptr || field->is_repeated()) {
                wrong = fmt::format("has no field \"{}\": {} is no message", name, field->name());
                return nullptr;
            }
            in = field->message_type();
        }
        field = find_field(*in, name);
        if (field != nullptr) continue;
        wrong = fmt::format("is no field: {} has no \"{}\"{}", in->full_name(), name, nearest_field(*in, name));
        return nullptr;
    }
    return field;
}

// Messages that JSON writes as one text or number.
bool is_one_text(const pb::FieldDescriptor& field) {
    const pb::Descriptor* const type = field.message_type();
    if (type == nullptr) return true;
    return type->well_known_type() >= pb::Descriptor::WELLKNOWNTYPE_DOUBLEVALUE &&
           type->well_known_type() <= pb::Descriptor::WELLKNOWNTYPE_TIMESTAMP &&
           type->well_known_type() != pb::Descriptor::WELLKNOWNTYPE_ANY;
}

}  // namespace

const pb::FieldDescriptor* find_field(const pb::Descriptor& message, std::string_view name) {
    const std::string text{name};
    const pb::FieldDescriptor* field = message.FindFieldByCamelcaseName(text);
    if (field != nullptr && field->json_name() == text) return field;
    field = message.FindFieldByName(text);
    if (field != nullptr) return field;
    for (int i = 0; i < message.field_count(); ++i) {
        if (message.field(i)->json_name() == text) return message.field(i);
    }
    return nullptr;
}

std::string nearest_field(const pb::Descriptor& message, std::string_view name) {
    if (name.size() > kMostMeant) return {};
    std::vector<std::string> names;
    for (int i = 0; i < message.field_count(); ++i) names.push_back(message.field(i)->json_name());
    const std::string_view near = base::nearest(name, names);
    return near.empty() ? std::string{} : fmt::format("; did you mean \"{}\"?", near);
}

GrpcSchema::GrpcSchema(std::unique_ptr<Pool> pool) : pool_(std::move(pool)) {}
GrpcSchema::~GrpcSchema() = default;

std::expected<GrpcSchemaPtr, std::string> GrpcSchema::load(std::string_view descriptor_set) {
    pb::FileDescriptorSet set;
    const bool read = descriptor_set.size() <= kMostBytes &&
                      set.ParseFromArray(descriptor_set.data(), static_cast<int>(descriptor_set.size()));
    if (!read || set.file().empty()) return std::unexpected("it is no descriptor set");
    std::vector<std::string> files;
    for (const pb::FileDescriptorProto& file : set.file()) files.push_back(file.SerializeAsString());
    auto made = of_files(files);
    if (!made && made.error().ends_with("is imported and not there"))
        made.error() += "; make the set with protoc --include_imports";
    return made;
}

std::expected<GrpcSchemaPtr, std::string> GrpcSchema::of_files(const std::vector<std::string>& files) {
    // What libprotobuf has to say of bad input comes back as values.
    [[maybe_unused]] static const auto silent = pb::SetLogHandler(nullptr);
    if (files.size() > kMostFiles) return std::unexpected(fmt::format("it has more than {} files", kMostFiles));
    DescriptorFiles all;
    for (const std::string& bytes : files) {
        pb::FileDescriptorProto file;
        if (!file.ParseFromString(bytes)) return std::unexpected("one of its files is no descriptor");
        all.try_emplace(file.name(), std::move(file));
    }
    auto pool = std::make_unique<Pool>();
    auto built = build_files(pool->pool, std::move(all));
    if (!built) return std::unexpected(std::move(built.error()));
    pool->resolver.reset(pb::util::NewTypeResolverForDescriptorPool(kTypeUrl, &pool->pool));
    std::shared_ptr<GrpcSchema> made{new GrpcSchema(std::move(pool))};
    Pool& own = *made->pool_;
    const auto remember = [&](const pb::Descriptor* of) {
        own.prototypes.try_emplace(of, own.factory.GetPrototype(of));
    };
    for (const pb::FileDescriptor* const file : *built) {
        for (int s = 0; s < file->service_count(); ++s) {
            const pb::ServiceDescriptor& service = *file->service(s);
            made->services_.push_back(service.full_name());
            for (int m = 0; m < service.method_count(); ++m) {
                const pb::MethodDescriptor& method = *service.method(m);
                const std::string name = fmt::format("{}/{}", service.full_name(), method.name());
                made->methods_.push_back({.name = name,
                                          .path = "/" + name,
                                          .service = service.full_name(),
                                          .client_streams = method.client_streaming(),
                                          .server_streams = method.server_streaming(),
                                          .rules = rules_of(method),
                                          .descriptor = &method});
                remember(method.input_type());
                remember(method.output_type());
            }
        }
    }
    return made;
}

std::string GrpcSchema::judge_field(const GrpcMethod& method, std::string_view path, Takes takes) {
    std::string wrong;
    const pb::FieldDescriptor* const field = field_at(method.descriptor->input_type(), path, wrong);
    if (field == nullptr || takes == Takes::anything) return wrong;
    if (field->is_repeated()) return "is a list, and a path has one value";
    if (!is_one_text(*field))
        return fmt::format("is a message ({}), and a path has one value", field->message_type()->full_name());
    return {};
}

std::string GrpcSchema::judge_answer_field(const GrpcMethod& method, std::string_view path) {
    std::string wrong;
    [[maybe_unused]] const auto* const field = field_at(method.descriptor->output_type(), path, wrong);
    return path.contains('.') ? "must be a field of the answer itself" : wrong;
}

}  // namespace tl::gateway
