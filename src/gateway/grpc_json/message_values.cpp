#include "gateway/grpc_json/message_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "codec/base64url.h"

namespace tl::gateway {

namespace pb = google::protobuf;

namespace {

template <class Number>
std::optional<Number> parsed(std::string_view text) {
    Number number{};
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    if (error != std::errc{} || end != last || text.empty()) return std::nullopt;
    return number;
}

template <class Integer>
std::optional<Integer> integer_in(double number) {
    // Exact in a double, and in the type: 2^63 is neither of them for int64.
    const double least = static_cast<double>(std::numeric_limits<Integer>::min());
    const double behind = std::ldexp(1.0, std::numeric_limits<Integer>::digits);
    if (!(number >= least && number < behind) || number != std::trunc(number)) return std::nullopt;
    return static_cast<Integer>(number);
}

template <class Real>
std::optional<Real> real_in(const Document& from) {
    if (from.is_string()) {
        const auto& text = from.get_ref<const std::string&>();
        if (text == "NaN") return std::numeric_limits<Real>::quiet_NaN();
        if (text == "Infinity") return std::numeric_limits<Real>::infinity();
        if (text == "-Infinity") return -std::numeric_limits<Real>::infinity();
        const auto number = parsed<Real>(text);
        return number && std::isfinite(*number) ? number : std::nullopt;
    }
    if (!from.is_number()) return std::nullopt;
    const auto number = from.get<double>();
    if (std::abs(number) > static_cast<double>(std::numeric_limits<Real>::max())) return std::nullopt;
    return static_cast<Real>(number);
}

}  // namespace

template <class Number>
std::optional<Number> number_in(const Document& from) {
    if constexpr (std::is_floating_point_v<Number>) {
        return real_in<Number>(from);
    } else {
        if (from.is_string()) return parsed<Number>(from.get_ref<const std::string&>());
        if (from.is_number_unsigned()) {
            const auto number = from.get<uint64_t>();
            return std::in_range<Number>(number) ? std::optional{static_cast<Number>(number)} : std::nullopt;
        }
        if (from.is_number_integer()) {
            const auto number = from.get<int64_t>();
            return std::in_range<Number>(number) ? std::optional{static_cast<Number>(number)} : std::nullopt;
        }
        return from.is_number_float() ? integer_in<Number>(from.get<double>()) : std::nullopt;
    }
}

template std::optional<int32_t> number_in(const Document&);
template std::optional<int64_t> number_in(const Document&);
template std::optional<uint32_t> number_in(const Document&);
template std::optional<uint64_t> number_in(const Document&);
template std::optional<double> number_in(const Document&);
template std::optional<float> number_in(const Document&);

std::string_view words_of(NumberKind kind) {
    switch (kind) {
        case NumberKind::int32: return "an integer of 32 bits";
        case NumberKind::int64: return "an integer of 64 bits";
        case NumberKind::uint32: return "an integer of 32 bits, not negative";
        case NumberKind::uint64: return "an integer of 64 bits, not negative";
        case NumberKind::real: return "a number";
    }
    return "a number";
}

std::optional<std::string> bytes_in(const std::string& text) {
    const bool url = text.find_first_of("-_") != std::string::npos;
    std::string bare = text;
    while (bare.size() > text.size() - std::min<size_t>(text.size(), 2) && bare.ends_with('=')) bare.pop_back();
    if (bare.size() != text.size() && text.size() % 4 != 0) return std::nullopt;
    if (url && bare.find_first_of("+/") != std::string::npos) return std::nullopt;
    std::ranges::replace(bare, '+', '-');
    std::ranges::replace(bare, '/', '_');
    return codec::decode_base64url(bare);
}

bool is_utf8(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
        const auto lead = static_cast<uint8_t>(text[i]);
        const size_t size = lead < 0x80                   ? 1
                            : lead >= 0xc2 && lead < 0xe0 ? 2
                            : lead >= 0xe0 && lead < 0xf0 ? 3
                            : lead >= 0xf0 && lead < 0xf5 ? 4
                                                          : 0;
        if (size == 0 || i + size > text.size()) return false;
        for (size_t k = 1; k < size; ++k) {
            if ((static_cast<uint8_t>(text[i + k]) & 0xc0U) != 0x80) return false;
        }
        const auto second = size > 1 ? static_cast<uint8_t>(text[i + 1]) : 0;
        // Longer than need be, surrogates, beyond U+10FFFF.
        const bool bad = (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
                         (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f);
        if (bad) return false;
        i += size;
    }
    return true;
}

// NOLINTBEGIN(bugprone-macro-parentheses)
#define TL_PUT(Type, Kind)                                                                                 \
    void put(const pb::FieldDescriptor& field, Type value, pb::Message& to) {                              \
        const pb::Reflection& fields = *to.GetReflection();                                                \
        field.is_repeated() ? fields.Add##Kind(&to, &field, value) : fields.Set##Kind(&to, &field, value); \
    }
// NOLINTEND(bugprone-macro-parentheses)

TL_PUT(int32_t, Int32)
TL_PUT(int64_t, Int64)
TL_PUT(uint32_t, UInt32)
TL_PUT(uint64_t, UInt64)
TL_PUT(double, Double)
TL_PUT(float, Float)
TL_PUT(bool, Bool)
TL_PUT(const std::string&, String)

#undef TL_PUT

void put_enum_value(const pb::FieldDescriptor& field, int number, pb::Message& to) {
    const pb::Reflection& fields = *to.GetReflection();
    field.is_repeated() ? fields.AddEnumValue(&to, &field, number) : fields.SetEnumValue(&to, &field, number);
}

}  // namespace tl::gateway
