// How schema.h's builders bind a kind to the C++ type of a member: which functions reach into a std::vector,
// an optional, an OrderedMap, an integer, without kinds being templates themselves. Included by schema.h
// only.
#pragma once

#include <cstdint>
#include <expected>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "manifest/kinds.h"
#include "manifest/value.h"

namespace tl::manifest {

// ---- which wrapper is it? ----
template <class M>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class M>
inline constexpr bool kIsLocated = false;
template <class T>
inline constexpr bool kIsLocated<Located<T>> = true;
template <class M>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class M>
inline constexpr bool kIsOrderedMap = false;
template <class T>
inline constexpr bool kIsOrderedMap<OrderedMap<T>> = true;

template <class M>
struct ordered_map_value;
template <class T>
struct ordered_map_value<OrderedMap<T>> {
    using type = T;
};

// Integers and enums, narrowed to what both the type and the caller allow.
template <class M>
IntegerOps integer_ops(int64_t least = INT64_MIN, int64_t most = INT64_MAX) {
    if constexpr (std::is_integral_v<M>) {
        using Limits = std::numeric_limits<M>;
        if (std::cmp_less(least, Limits::min())) least = static_cast<int64_t>(Limits::min());
        if (std::cmp_greater(most, Limits::max())) most = static_cast<int64_t>(Limits::max());
    }
    return {.store = [](void* out, int64_t value) { *static_cast<M*>(out) = static_cast<M>(value); },
            .load = [](const void* value) { return static_cast<int64_t>(*static_cast<const M*>(value)); },
            .least = least,
            .most = most};
}

template <class M>
NumberOps number_ops() {
    return {.store = [](void* out, double value) { *static_cast<M*>(out) = static_cast<M>(value); },
            .load = [](const void* value) { return static_cast<double>(*static_cast<const M*>(value)); }};
}

template <class M>
ListOps list_ops() {
    static_assert(!std::is_same_v<typename M::value_type, bool>, "std::vector<bool> has no addressable items");
    return {.append = [](void* list) -> void* { return &static_cast<M*>(list)->emplace_back(); },
            .drop_last = [](void* list) { static_cast<M*>(list)->pop_back(); },
            .clear = [](void* list) { static_cast<M*>(list)->clear(); },
            .size = [](const void* list) { return static_cast<const M*>(list)->size(); },
            .at = [](const void* list, size_t i) -> const void* { return &(*static_cast<const M*>(list))[i]; }};
}

template <class M>
MapOps map_ops() {
    return {.append = [](void* map, const std::string& name, Position at) -> void* {
                return &static_cast<M*>(map)->add({name, at});
            },
            .drop_last = [](void* map) { static_cast<M*>(map)->remove_last(); },
            .clear = [](void* map) { static_cast<M*>(map)->clear(); },
            .size = [](const void* map) { return static_cast<const M*>(map)->size(); },
            .name = [](const void* map, size_t i) -> const std::string& {
                return static_cast<const M*>(map)->begin()[static_cast<ptrdiff_t>(i)].name.value;
            },
            .at = [](const void* map, size_t i) -> const void* {
                return &static_cast<const M*>(map)->begin()[static_cast<ptrdiff_t>(i)].value;
            }};
}

template <class M>
OptionalOps optional_ops() {
    return {.emplace = [](void* optional) -> void* { return &static_cast<M*>(optional)->emplace(); },
            .reset = [](void* optional) { static_cast<M*>(optional)->reset(); },
            .get = [](const void* optional) -> const void* {
                const M& value = *static_cast<const M*>(optional);
                return value ? &*value : nullptr;
            }};
}

template <class M>
LocatedOps located_ops() {
    return {.value = [](void* located) -> void* { return &static_cast<M*>(located)->value; },
            .get = [](const void* located) -> const void* { return &static_cast<const M*>(located)->value; },
            .place = [](void* located, Position at) { static_cast<M*>(located)->at = at; }};
}

// Any member may be wrapped: std::optional for "not set", Located to remember the place, one in the other.
template <class M, class S>
KindPtr bind_to(const S& spec) {
    if constexpr (kIsOptional<M>) {
        return make_optional(optional_ops<M>(), bind_to<typename M::value_type>(spec));
    } else if constexpr (kIsLocated<M>) {
        return make_located(located_ops<M>(), bind_to<decltype(M::value)>(spec));
    } else {
        return spec.template bind<M>();
    }
}

// The typed end of custom<T>(): calls the two functions, nothing else.
template <class T>
class CustomKindOf final : public CustomKind {
  public:
    CustomKindOf(std::string wanted, std::expected<T, std::string> (*parse)(std::string_view),
                 std::string (*format)(const T&))
        : CustomKind(std::move(wanted)), parse_(parse), format_(format) {}

  protected:
    std::optional<std::string> parse(std::string_view text, void* out) const override {
        std::expected<T, std::string> value = parse_(text);
        if (!value) return std::move(value.error());
        *static_cast<T*>(out) = std::move(*value);
        return std::nullopt;
    }
    std::string format(const void* value) const override { return format_(*static_cast<const T*>(value)); }

  private:
    std::expected<T, std::string> (*parse_)(std::string_view);
    std::string (*format_)(const T&);
};

// What Object<T> does with its kind, behind one call each so that use sites compile little.
void read_root(const ObjectKind& root, const Node& node, void* out, Diagnostics& diagnostics);
[[nodiscard]] std::string print_root(const ObjectKind& root, const void* value);
[[nodiscard]] Json root_schema(const ObjectKind& root);
[[nodiscard]] std::string reference_of(const ObjectKind& root);

}  // namespace tl::manifest
