// Behind schema.h: single values of JSON as values of protobuf's types, and how they are put into a message.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/policies/documents.h"

namespace tl::gateway {

// A number, or a text that is one: "7", and of 64 bits JSON has no other way. 7.0 is an integer, 7.5 is none; NaN and
// Infinity are texts. Nothing: it is none of this type.
template <class Number>
[[nodiscard]] std::optional<Number> number_in(const Document& from);

enum class NumberKind : uint8_t { int32, int64, uint32, uint64, real };
template <class Number>
[[nodiscard]] constexpr NumberKind number_kind() {
    if constexpr (std::is_floating_point_v<Number>) return NumberKind::real;
    if constexpr (std::is_same_v<Number, int32_t>) return NumberKind::int32;
    if constexpr (std::is_same_v<Number, int64_t>) return NumberKind::int64;
    if constexpr (std::is_same_v<Number, uint32_t>) return NumberKind::uint32;
    return NumberKind::uint64;
}
[[nodiscard]] std::string_view words_of(NumberKind kind);  // "an integer of 32 bits"

// Base64 of either alphabet, with or without padding.
[[nodiscard]] std::optional<std::string> bytes_in(const std::string& text);
[[nodiscard]] bool is_utf8(std::string_view text);

// Of a singular field its value, of a list one more.
void put(const google::protobuf::FieldDescriptor& field, int32_t value, google::protobuf::Message& to);
void put(const google::protobuf::FieldDescriptor& field, int64_t value, google::protobuf::Message& to);
void put(const google::protobuf::FieldDescriptor& field, uint32_t value, google::protobuf::Message& to);
void put(const google::protobuf::FieldDescriptor& field, uint64_t value, google::protobuf::Message& to);
void put(const google::protobuf::FieldDescriptor& field, double value, google::protobuf::Message& to);
void put(const google::protobuf::FieldDescriptor& field, float value, google::protobuf::Message& to);
void put(const google::protobuf::FieldDescriptor& field, bool value, google::protobuf::Message& to);
void put(const google::protobuf::FieldDescriptor& field, const std::string& value, google::protobuf::Message& to);
void put_enum_value(const google::protobuf::FieldDescriptor& field, int number, google::protobuf::Message& to);

}  // namespace tl::gateway
