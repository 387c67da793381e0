#include "gateway/grpc_json/message_reader.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <charconv>
#include <cmath>
#include <set>

#include "base/text.h"
#include "codec/base64url.h"
#include "gateway/grpc_json/message_values.h"
#include "gateway/grpc_json/schema_pool.h"

namespace tl::gateway {

namespace pb = google::protobuf;

namespace {

std::string below(const std::string& at, std::string_view name) {
    return at.empty() ? std::string{name} : fmt::format("{}.{}", at, name);
}

bool is_known(const pb::Descriptor& type) {
    return type.well_known_type() != pb::Descriptor::WELLKNOWNTYPE_UNSPECIFIED;
}

// For whose fields null is a value.
bool takes_null(const pb::FieldDescriptor& field) {
    if (field.message_type() != nullptr)
        return field.message_type()->well_known_type() == pb::Descriptor::WELLKNOWNTYPE_VALUE;
    return field.enum_type() != nullptr && field.enum_type()->full_name() == "google.protobuf.NullValue";
}

}  // namespace

void MessageReader::complain(std::string what) {
    if (wrong_.size() < GrpcSchema::kMostWrong) wrong_.push_back(std::move(what));
}

void MessageReader::read(const Document& from, Message& to, const std::string& at) {
    const pb::Descriptor& type = *to.GetDescriptor();
    if (is_known(type)) return read_known(from, to, at);
    if (!from.is_object()) {
        return complain(at.empty() ? fmt::format("the body must be an object, a {}", type.full_name())
                                   : fmt::format("\"{}\" must be an object, a {}", at, type.full_name()));
    }
    std::set<int> seen;
    std::set<const pb::OneofDescriptor*> chosen;
    for (const auto& [name, value] : from.items()) {
        if (wrong_.size() == GrpcSchema::kMostWrong) return;
        const Field* const field = find_field(type, name);
        if (field == nullptr) {
            const std::string shown = base::printable(below(at, name), 100);
            if (!ignore_unknown_)
                complain(fmt::format("\"{}\" is no field of {}{}", shown, type.full_name(), nearest_field(type, name)));
            continue;
        }
        if (!seen.insert(field->number()).second) {
            complain(fmt::format("\"{}\" is given twice, under both its names", below(at, name)));
            continue;
        }
        const pb::OneofDescriptor* const oneof = field->real_containing_oneof();
        if (oneof != nullptr && !value.is_null() && !chosen.insert(oneof).second) {
            complain(fmt::format("\"{}\": only one of \"{}\" may be given", below(at, name), oneof->name()));
            continue;
        }
        read_field(*field, value, to, below(at, name));
    }
}

void MessageReader::read_member(const std::string& name, const Document& from, Message& to, const std::string& at) {
    const Field* const field = find_field(*to.GetDescriptor(), name);
    if (field != nullptr) read_field(*field, from, to, below(at, name));
}

std::vector<const pb::FieldDescriptor*> MessageReader::find_path(const std::string& path, const pb::Descriptor& in) {
    std::vector<const Field*> fields;
    const pb::Descriptor* type = &in;
    for (const std::string_view name : base::split(path, '.')) {
        const bool inside = type != nullptr && !is_known(*type) && (fields.empty() || !fields.back()->is_repeated());
        const Field* const field = inside ? find_field(*type, name) : nullptr;
        if (field == nullptr) {
            const std::string near = inside ? nearest_field(*type, name) : "";
            if (!ignore_unknown_)
                complain(fmt::format("\"{}\" is no field of {}{}", base::printable(path, 100), in.full_name(), near));
            return {};
        }
        fields.push_back(field);
        type = field->message_type();
    }
    return fields;
}

void MessageReader::read_text(const std::string& path, const std::string& text, Message& to) {
    const auto fields = find_path(path, *to.GetDescriptor());
    if (fields.empty()) return;
    const Field& last = *fields.back();
    const bool whole = last.is_map() || (last.message_type() != nullptr && !is_known(*last.message_type()));
    if (whole) return complain(fmt::format("\"{}\" is no single value: it belongs into a body", path));
    Message* message = &to;
    for (size_t i = 0; i + 1 < fields.size(); ++i) {
        message = message->GetReflection()->MutableMessage(message, fields[i]);
    }
    texts_ = true;
    if (!last.is_repeated()) message->GetReflection()->ClearField(message, &last);
    read_value(last, Document(text), *message, path);
    texts_ = false;
}

void MessageReader::clear(const std::string& path, Message& in) {
    const auto fields = find_path(path, *in.GetDescriptor());
    Message* message = &in;
    for (size_t i = 0; i < fields.size(); ++i) {
        const pb::Reflection& own = *message->GetReflection();
        if (i + 1 == fields.size()) return own.ClearField(message, fields[i]);
        if (!own.HasField(*message, fields[i])) return;
        message = own.MutableMessage(message, fields[i]);
    }
}

void MessageReader::read_field(const Field& field, const Document& from, Message& to, const std::string& at) {
    if (from.is_null() && !takes_null(field)) return;  // the default
    if (field.is_map()) return read_map(field, from, to, at);
    if (field.is_repeated()) return read_list(field, from, to, at);
    read_value(field, from, to, at);
}

void MessageReader::read_list(const Field& field, const Document& from, Message& to, const std::string& at) {
    if (!from.is_array()) return complain(fmt::format("\"{}\" must be a list", at));
    size_t i = 0;
    for (const Document& item : from) {
        const std::string place = fmt::format("{}[{}]", at, i++);
        if (item.is_null() && !takes_null(field)) {
            complain(fmt::format("\"{}\" must not be null", place));
            continue;
        }
        if (wrong_.size() == GrpcSchema::kMostWrong) return;
        read_value(field, item, to, place);
    }
}

void MessageReader::read_map(const Field& field, const Document& from, Message& to, const std::string& at) {
    if (!from.is_object()) return complain(fmt::format("\"{}\" must be an object", at));
    const Field& key = *field.message_type()->map_key();
    const Field& value = *field.message_type()->map_value();
    for (const auto& [name, item] : from.items()) {
        const std::string place = fmt::format("{}[\"{}\"]", at, base::printable(name, 100));
        if (item.is_null() && !takes_null(value)) {
            complain(fmt::format("\"{}\" must not be null", place));
            continue;
        }
        if (wrong_.size() == GrpcSchema::kMostWrong) return;
        Message* const entry = to.GetReflection()->AddMessage(&to, &field);
        texts_ = true;
        read_value(key, Document(name), *entry, place);
        texts_ = false;
        read_value(value, item, *entry, place);
    }
}

void MessageReader::read_known(const Document& from, Message& to, const std::string& at) {
    pb::util::JsonParseOptions options;
    options.ignore_unknown_fields = ignore_unknown_;
    const auto read = pb::util::JsonStringToMessage(write_json(from), &to, options);
    if (read.ok()) return;
    const std::string why = base::printable(std::string_view{read.message().data(), read.message().size()}, 200);
    complain(fmt::format("\"{}\" is no {}: {}", at.empty() ? "the body" : at, to.GetDescriptor()->full_name(), why));
}

void MessageReader::read_value(const Field& field, const Document& from, Message& to, const std::string& at) {
    switch (field.cpp_type()) {
        case Field::CPPTYPE_INT32: return put_number<int32_t>(field, from, to, at);
        case Field::CPPTYPE_INT64: return put_number<int64_t>(field, from, to, at);
        case Field::CPPTYPE_UINT32: return put_number<uint32_t>(field, from, to, at);
        case Field::CPPTYPE_UINT64: return put_number<uint64_t>(field, from, to, at);
        case Field::CPPTYPE_DOUBLE: return put_number<double>(field, from, to, at);
        case Field::CPPTYPE_FLOAT: return put_number<float>(field, from, to, at);
        case Field::CPPTYPE_BOOL: return put_bool(field, from, to, at);
        case Field::CPPTYPE_ENUM: return put_enum(field, from, to, at);
        case Field::CPPTYPE_STRING:
            return field.type() == Field::TYPE_BYTES ? put_bytes(field, from, to, at) : put_text(field, from, to, at);
        case Field::CPPTYPE_MESSAGE: {
            const pb::Reflection& fields = *to.GetReflection();
            Message* const message =
                field.is_repeated() ? fields.AddMessage(&to, &field) : fields.MutableMessage(&to, &field);
            // Of a path or query: 7 of an Int32Value, true of a BoolValue.
            const bool wrapped = texts_ && field.message_type()->field_count() == 1 &&
                                 field.message_type()->well_known_type() <= pb::Descriptor::WELLKNOWNTYPE_BOOLVALUE;
            if (wrapped) return read_value(*field.message_type()->field(0), from, *message, at);
            return read(from, *message, at);
        }
    }
}

template <class Number>
void MessageReader::put_number(const Field& field, const Document& from, Message& to, const std::string& at) {
    const auto number = number_in<Number>(from);
    if (!number) return complain(fmt::format("\"{}\" must be {}", at, words_of(number_kind<Number>())));
    put(field, *number, to);
}

void MessageReader::put_bool(const Field& field, const Document& from, Message& to, const std::string& at) {
    const bool text = texts_ && from.is_string() && (from == "true" || from == "false");
    if (!from.is_boolean() && !text) return complain(fmt::format("\"{}\" must be true or false", at));
    put(field, text ? from == "true" : from.get<bool>(), to);
}

void MessageReader::put_text(const Field& field, const Document& from, Message& to, const std::string& at) {
    if (!from.is_string()) return complain(fmt::format("\"{}\" must be a string", at));
    const auto& text = from.get_ref<const std::string&>();
    if (texts_ && !is_utf8(text)) return complain(fmt::format("\"{}\" is no UTF-8", at));
    put(field, text, to);
}

void MessageReader::put_bytes(const Field& field, const Document& from, Message& to, const std::string& at) {
    auto bytes = from.is_string() ? bytes_in(from.get_ref<const std::string&>()) : std::nullopt;
    if (!bytes) return complain(fmt::format("\"{}\" must be base64", at));
    put(field, *bytes, to);
}

void MessageReader::put_enum(const Field& field, const Document& from, Message& to, const std::string& at) {
    const pb::EnumDescriptor& type = *field.enum_type();
    if (from.is_null()) return put_enum_value(field, 0, to);  // NullValue
    if (from.is_string()) {
        const auto& name = from.get_ref<const std::string&>();
        if (const pb::EnumValueDescriptor* const value = type.FindValueByName(name); value != nullptr)
            return put_enum_value(field, value->number(), to);
    }
    const auto number = from.is_string() && !texts_ ? std::nullopt : number_in<int32_t>(from);
    const bool open = type.file()->syntax() == pb::FileDescriptor::SYNTAX_PROTO3;
    if (number && (open || type.FindValueByNumber(*number) != nullptr)) return put_enum_value(field, *number, to);
    std::vector<std::string> names;
    for (int i = 0; i < type.value_count(); ++i) names.push_back(type.value(i)->name());
    const std::string_view near = from.is_string() && from.get_ref<const std::string&>().size() <= kMostMeant
                                      ? base::nearest(from.get_ref<const std::string&>(), names)
                                      : "";
    complain(fmt::format("\"{}\" must be one of {}{}", at, type.full_name(),
                         near.empty() ? "" : fmt::format("; did you mean {}?", near)));
}

GrpcMessage GrpcSchema::encode(const GrpcMethod& method, const GrpcInput& input, const JsonRules& rules) const {
    const pb::Message* const prototype = pool_->prototypes.at(method.descriptor->input_type());
    const std::unique_ptr<pb::Message> message{prototype->New()};
    MessageReader reader{rules.ignore_unknown};
    if (input.body != nullptr && input.body_field.empty()) reader.read(*input.body, *message, "");
    if (input.body != nullptr && !input.body_field.empty())
        reader.read_member(input.body_field, *input.body, *message, "");
    for (const auto& [field, text] : input.query) reader.read_text(field, text, *message);
    for (const std::string& field : input.clear) reader.clear(field, *message);
    for (const auto& [field, text] : input.path) reader.read_text(field, text, *message);
    if (reader.wrong().empty() && !message->IsInitialized())
        reader.complain(fmt::format("\"{}\" is missing", message->InitializationErrorString()));
    std::string bytes;
    if (reader.wrong().empty() && !message->SerializeToString(&bytes)) reader.complain("the message is too large");
    if (!reader.wrong().empty()) return std::unexpected(std::move(reader.wrong()));
    return bytes;
}

}  // namespace tl::gateway
