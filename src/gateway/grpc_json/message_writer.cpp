// The other direction of schema.h: messages of a service as JSON, and the details of its errors.
#include <fmt/format.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/json_util.h>

#include "base/text.h"
#include "codec/base64.h"
#include "gateway/grpc_json/schema.h"
#include "gateway/grpc_json/schema_pool.h"

namespace tl::gateway {

namespace pb = google::protobuf;

namespace {

constexpr size_t kMostDetails = 32;

std::string url_of(std::string_view type) { return fmt::format("{}/{}", kTypeUrl, type); }

// A string that ends somewhere: of a few bytes of empty messages JSON makes a lot.
class Bounded final : public pb::io::ZeroCopyOutputStream {
  public:
    Bounded(std::string& text, size_t most) : text_(&text), stream_(&text), most_(most) {}
    bool Next(void** data, int* size) override {
        full_ = full_ || text_->size() > most_;
        return !full_ && stream_.Next(data, size);
    }
    void BackUp(int count) override { stream_.BackUp(count); }
    int64_t ByteCount() const override { return stream_.ByteCount(); }
    [[nodiscard]] bool full() const { return full_; }

  private:
    std::string* text_;
    pb::io::StringOutputStream stream_;
    size_t most_;
    bool full_ = false;
};

std::expected<std::string, std::string> to_json(pb::util::TypeResolver& resolver, const std::string& url,
                                                std::string_view bytes, const JsonRules& rules) {
    pb::util::JsonPrintOptions options;
    options.always_print_primitive_fields = rules.defaults;
    options.preserve_proto_field_names = rules.proto_names;
    std::string json;
    pb::io::ArrayInputStream in{bytes.data(), static_cast<int>(bytes.size())};
    Bounded out{json, rules.most};
    const auto written = pb::util::BinaryToJsonStream(&resolver, url, &in, &out, options);
    if (out.full()) return std::unexpected(fmt::format("it becomes more than {} bytes", rules.most));
    if (written.ok()) return json;
    return std::unexpected(base::printable(std::string_view{written.message().data(), written.message().size()}, 200));
}

// What a field is that a message does not have.
Document default_of(const pb::FieldDescriptor& field) {
    if (field.is_map()) return Document::object();
    if (field.is_repeated()) return Document::array();
    switch (field.cpp_type()) {
        case pb::FieldDescriptor::CPPTYPE_MESSAGE: return nullptr;
        case pb::FieldDescriptor::CPPTYPE_STRING: return "";
        case pb::FieldDescriptor::CPPTYPE_BOOL: return false;
        case pb::FieldDescriptor::CPPTYPE_ENUM: return field.default_value_enum()->name();
        case pb::FieldDescriptor::CPPTYPE_INT64:
        case pb::FieldDescriptor::CPPTYPE_UINT64: return "0";
        default: return 0;
    }
}

// One Any: {"@type": ..., and what it holds}.
Document detail_of(pb::util::TypeResolver& own, const pb::DescriptorPool& pool, const pb::Any& any) {
    const std::string& url = any.type_url();
    const std::string type = url.substr(url.rfind('/') + 1);
    Document detail = {{"@type", base::printable(url, 200)}};
    const bool ours = pool.FindMessageTypeByName(type) != nullptr;
    pb::util::TypeResolver& resolver = ours ? own : *known_types().resolver;
    const auto json = to_json(resolver, url_of(type), any.value(), {});
    auto members = json ? read_json(*json) : base::fail(base::Code::invalid, "");
    if (members && members->is_object()) {
        for (auto& [name, value] : members->items()) detail[name] = std::move(value);
    } else if (members) {
        detail["value"] = std::move(*members);  // types that JSON writes as a text or a list
    } else {
        std::string text;
        codec::append_base64(text, any.value());
        detail["value"] = text;
    }
    return detail;
}

}  // namespace

std::expected<std::string, std::string> GrpcSchema::decode(const GrpcMethod& method, const std::string& response_body,
                                                           std::string_view message, const JsonRules& rules) const {
    const pb::Descriptor& type = *method.descriptor->output_type();
    // What writes JSON passes over bytes that are no message, and writes a field twice that is twice among them: it
    // gets them in order.
    const std::unique_ptr<pb::Message> parsed{pool_->prototypes.at(&type)->New()};
    const bool good = parsed->ParsePartialFromArray(message.data(), static_cast<int>(message.size()));
    std::string ordered;
    if (!good || !parsed->SerializePartialToString(&ordered)) return std::unexpected("its bytes are none");
    auto json = to_json(*pool_->resolver, url_of(type.full_name()), ordered, rules);
    if (!json || response_body.empty()) return json;
    const pb::FieldDescriptor* const field = find_field(type, response_body);
    if (field == nullptr) return json;
    auto whole = read_json(*json);
    if (!whole) return std::unexpected(std::move(whole.error().context));
    const auto found = whole->find(rules.proto_names ? field->name() : field->json_name());
    return write_json(found == whole->end() ? default_of(*field) : *found);
}

Document GrpcSchema::details(std::string_view status) const {
    Document all = Document::array();
    pb::UnknownFieldSet fields;  // google.rpc.Status: 1 code, 2 message, 3 details
    if (!fields.ParseFromString(std::string{status})) return all;
    for (int i = 0; i < fields.field_count() && all.size() < kMostDetails; ++i) {
        const pb::UnknownField& field = fields.field(i);
        pb::Any any;
        if (field.number() != 3 || field.type() != pb::UnknownField::TYPE_LENGTH_DELIMITED) continue;
        if (any.ParseFromString(field.length_delimited())) all.push_back(detail_of(*pool_->resolver, pool_->pool, any));
    }
    return all;
}

}  // namespace tl::gateway
