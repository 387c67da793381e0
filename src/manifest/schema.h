// The one declaration of a config struct: keys, members, kinds, words. From it come reading with good errors,
// printing with every default, JSON Schema and reference text. Each feature room declares its own structs;
// app/ composes them. Declare as a function that returns a static:
//
//     const Object<RouteConfig>& route_schema() {
//         static const auto schema = Object<RouteConfig>("a route")
//             .field("path", &RouteConfig::path,
//             text().check(valid_path)).required().doc("...").example("/api/*") .field("timeout",
//             &RouteConfig::timeout, duration().range(1ms, 1h)).doc("...");
//         return schema;
//     }
//
// The default of a key is what the struct's member initializer says: there is no second place for it.
// Immutable after that and safe on every core. See README.md in this folder.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>

#include "manifest/kinds.h"
#include "manifest/object_kind.h"
#include "manifest/spec.h"
#include "manifest/value.h"

namespace tl::manifest {

// ---- kinds of values
// ----------------------------------------------------------------------------------------------

// std::string. Not empty unless allowed.
class Text {
  public:
    explicit Text(std::string wanted = "text") { rules_.wanted = std::move(wanted); }
    // `complaint` returns what is wrong, to be read after the value ('must start with "/"'), or nothing.
    Text& check(Check complaint) { return rules_.check = std::move(complaint), *this; }
    // The same rule for editors, as a regular expression (ECMA 262). Never checked here.
    Text& pattern(std::string regex) { return rules_.pattern = std::move(regex), *this; }
    Text& at_most(size_t bytes) { return rules_.most = bytes, *this; }
    Text& allow_empty() { return rules_.allow_empty = true, *this; }
    // Editors accept unquoted numbers and booleans too (environment variables).
    Text& any_scalar() { return rules_.any_scalar = true, *this; }

    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(std::is_same_v<M, std::string>, "text() needs a member of type std::string");
        return make_text(rules_);
    }
    [[nodiscard]] const TextRules& rules() const { return rules_; }

  private:
    TextRules rules_;
};

// `wanted` names the value in messages, with its article: text("a path such as /api").
[[nodiscard]] inline Text text(std::string wanted = "text") { return Text(std::move(wanted)); }
// A name that can be a host name's label: lower-case letters, digits and inner hyphens, at most 63.
[[nodiscard]] Text dns_label(std::string wanted);

struct Words {
    std::vector<std::string> words;
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(std::is_same_v<M, std::string>, "one_of({words}) needs a member of type std::string");
        return make_word(words);
    }
};

template <class E>
struct Enumeration {
    std::vector<Word> words;
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(std::is_same_v<M, E>, "one_of<E>() needs a member of type E");
        return make_enum(words, integer_ops<E>());
    }
};

// one_of({"http", "tcp"}) into std::string
[[nodiscard]] inline Words one_of(std::vector<std::string> words) { return {std::move(words)}; }
// one_of<Mode>({{"strict", Mode::strict}, ...}) into Mode
template <class E>
[[nodiscard]] Enumeration<E> one_of(std::initializer_list<std::pair<const char*, E>> words) {
    Enumeration<E> out;
    for (const auto& [word, value] : words) out.words.push_back({word, static_cast<int64_t>(value)});
    return out;
}

struct Boolean {
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(std::is_same_v<M, bool>, "boolean() needs a member of type bool");
        return make_boolean();
    }
};
[[nodiscard]] inline Boolean boolean() { return {}; }

// Any integer type; without a range, whatever the type holds.
class Integer {
  public:
    Integer& range(int64_t least, int64_t most) { return least_ = least, most_ = most, *this; }
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(std::is_integral_v<M> && !std::is_same_v<M, bool>, "integer() needs an integer member");
        return make_integer(integer_ops<M>(least_, most_));
    }

  private:
    int64_t least_ = std::numeric_limits<int64_t>::min();
    int64_t most_ = std::numeric_limits<int64_t>::max();
};
[[nodiscard]] inline Integer integer() { return {}; }

// Bytes ("64KB") into an integer type.
class Size {
  public:
    Size& range(int64_t least, int64_t most) { return least_ = least, most_ = most, *this; }
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(std::is_integral_v<M> && !std::is_same_v<M, bool>, "size() needs an integer member");
        return make_size(integer_ops<M>(least_, most_));
    }

  private:
    int64_t least_ = 0;
    int64_t most_ = std::numeric_limits<int64_t>::max();
};
[[nodiscard]] inline Size size() { return {}; }

class Number {
  public:
    Number& range(double least, double most) { return least_ = least, most_ = most, *this; }
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(std::is_same_v<M, double>, "number() needs a member of type double");
        return make_number(number_ops<M>(), least_, most_);
    }

  private:
    double least_ = std::numeric_limits<double>::lowest();
    double most_ = std::numeric_limits<double>::max();
};
[[nodiscard]] inline Number number() { return {}; }

// "50%" into a double, as 0.5; the range is one of fractions, 0 to 1 unless set.
class Percent {
  public:
    Percent& range(double least, double most) { return least_ = least, most_ = most, *this; }
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(std::is_same_v<M, double>, "percent() needs a member of type double");
        return make_percent(number_ops<M>(), least_, most_);
    }

  private:
    double least_ = 0;
    double most_ = 1;
};
[[nodiscard]] inline Percent percent() { return {}; }

class DurationText {
  public:
    DurationText& range(base::Duration least, base::Duration most) { return least_ = least, most_ = most, *this; }
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(std::is_same_v<M, base::Duration>, "duration() needs a member of type base::Duration");
        return make_duration(least_, most_);
    }

  private:
    base::Duration least_{0};
    base::Duration most_ = base::Duration::max();
};
[[nodiscard]] inline DurationText duration() { return {}; }

// Text that becomes a type of its own. `parse` returns the value, or what is wrong with the text ("must ...";
// "" for the plain "must be <wanted>"); `format` writes what parse reads back.
template <class T>
struct Custom {
    std::string wanted;
    std::expected<T, std::string> (*parse)(std::string_view);
    std::string (*format)(const T&);
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(std::is_same_v<M, T>, "custom<T>() needs a member of type T");
        return std::make_shared<const CustomKindOf<T>>(wanted, parse, format);
    }
};
template <class T>
[[nodiscard]] Custom<T> custom(std::string wanted, std::expected<T, std::string> (*parse)(std::string_view),
                               std::string (*format)(const T&)) {
    return {std::move(wanted), parse, format};
}

// ---- kinds made of kinds
// ------------------------------------------------------------------------------------------

// std::vector<...>
template <class S>
class ListOf {
  public:
    explicit ListOf(S item) : item_(std::move(item)) {}
    ListOf& at_least(size_t items) { return rules_.least = items, *this; }
    ListOf& at_most(size_t items) { return rules_.most = items, *this; }
    ListOf& unique() { return rules_.unique = true, *this; }        // scalars only
    ListOf& or_single() { return rules_.or_single = true, *this; }  // `listen: 8080` for `listen: [8080]`
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(kIsVector<M>, "list_of() needs a member of type std::vector");
        return make_list(list_ops<M>(), bind_to<typename M::value_type>(item_), rules_);
    }

  private:
    S item_;
    ListRules rules_;
};
template <class S>
[[nodiscard]] ListOf<S> list_of(S item) {
    return ListOf<S>(std::move(item));
}

// OrderedMap<...>; the names are text by the rules of `names`.
template <class S>
class MapOf {
  public:
    explicit MapOf(S value) : value_(std::move(value)) {}
    MapOf& names(const Text& text) { return rules_.names = text.rules(), *this; }
    MapOf& at_least(size_t entries) { return rules_.least = entries, *this; }
    MapOf& at_most(size_t entries) { return rules_.most = entries, *this; }
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(kIsOrderedMap<M>, "map_of() needs a member of type manifest::OrderedMap");
        return make_map(map_ops<M>(), bind_to<typename ordered_map_value<M>::type>(value_), rules_);
    }

  private:
    S value_;
    MapRules rules_;
};
template <class S>
[[nodiscard]] MapOf<S> map_of(S value) {
    return MapOf<S>(std::move(value));
}

template <class T>
struct Shorthand {
    std::shared_ptr<const ObjectKind> object;
    std::string key;
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(std::is_same_v<M, T>, "this object's schema is declared for another struct");
        return make_shorthand(object, key);
    }
};

// A struct whose members are the keys of a map. T needs a default constructor: a T{} holds the defaults.
template <class T>
class Object {
  public:
    // With its article, as it reads in a sentence: "a route".
    explicit Object(std::string title) : Object(std::move(title), std::make_shared<const T>()) {}

    template <class M, class S>
    Object& field(std::string_view key, M T::* member, const S& kind) {
        kind_->add({.key = std::string{key}, .offset = offset_of(member), .kind = bind_to<M>(kind)});
        return *this;
    }
    // The keys of another struct, at the same level: composition without nesting.
    template <class M>
    Object& include(M T::* member, const Object<M>& other) {
        kind_->include(offset_of(member), *other.kind());
        return *this;
    }

    // Keys of the map that no field has are entries of this member, an OrderedMap.
    template <class M, class S>
    Object& rest(M T::* member, const S& kind) {
        kind_->take_rest(offset_of(member), bind_to<M>(kind));
        return *this;
    }

    // Of the field before; `doc` ahead of all fields speaks of the object.
    Object& required() { return kind_->last().required = true, *this; }
    Object& doc(std::string sentence) { return kind_->document(std::move(sentence)), *this; }
    Object& example(std::string as_written) { return kind_->last().example = std::move(as_written), *this; }
    // What happens without the key, where no value of the member can say it: "one a core".
    Object& default_is(std::string words) { return kind_->last().default_words = std::move(words), *this; }

    // Of the object. `rule` sees values whose keys are all right each by itself.
    Object& validate(void (*rule)(const T&, Position, Diagnostics&)) {
        kind_->validate(0, [rule](const void* value, Position at, Diagnostics& diagnostics) {
            rule(*static_cast<const T*>(value), at, diagnostics);
        });
        return *this;
    }
    // The place of the whole object, for checks of your own.
    Object& position(Position T::* member) { return kind_->keep_position(offset_of(member)), *this; }

    // `health: /healthz` for `health: { path: /healthz }`: a scalar or list stands for that one key.
    [[nodiscard]] Shorthand<T> or_scalar(std::string key) const { return {kind_, std::move(key)}; }

    // ---- what a declaration is good for ----
    // Every mistake is reported; what is wrong or missing keeps its default.
    [[nodiscard]] T parse(const Node& node, Diagnostics& diagnostics) const {
        T out{};
        read_root(*kind_, node, &out, diagnostics);
        return out;
    }
    // YAML with every default spelled out and marked; parses back to the same values.
    [[nodiscard]] std::string dump(const T& value) const { return print_root(*kind_, &value); }
    // The same as a tree, to compare two configs key by key.
    [[nodiscard]] Node to_node(const T& value) const { return kind_->write(&value, nullptr); }
    // Markdown: one section an object, one table row a key.
    [[nodiscard]] std::string reference() const { return reference_of(*kind_); }

    [[nodiscard]] const std::shared_ptr<ObjectKind>& kind() const { return kind_; }
    template <class M>
    [[nodiscard]] KindPtr bind() const {
        static_assert(std::is_same_v<M, T>, "this object's schema is declared for another struct");
        return kind_;
    }

  private:
    Object(std::string title, const std::shared_ptr<const T>& prototype)
        : prototype_(prototype.get()), kind_(std::make_shared<ObjectKind>(std::move(title), prototype)) {}

    template <class M>
    size_t offset_of(M T::* member) const {
        return static_cast<size_t>(reinterpret_cast<const char*>(&(prototype_->*member)) -
                                   reinterpret_cast<const char*>(prototype_));
    }
    const T* prototype_;  // kept alive by kind_
    std::shared_ptr<ObjectKind> kind_;
};

// JSON Schema (draft 2020-12) of a manifest whose root this is. The caller includes <nlohmann/json.hpp>;
// nobody else has to compile it.
template <class T>
[[nodiscard]] auto json_schema(const Object<T>& root) {
    return root_schema(*root.kind());
}

}  // namespace tl::manifest
