// Judging a value by a schema. No exceptions, no allocation while all is well but for combinations.
#include <fmt/format.h>

#include <cmath>

#include "gateway/openapi/formats.h"
#include "gateway/openapi/schema.h"

namespace tl::gateway {

using nlohmann::json;
using simdjson::dom::element;
using simdjson::dom::element_type;

namespace {

void complain(Violations& violations, const ValuePlace& where, std::string_view what) {
    if (violations.size() < kMostViolations) violations.push_back(fmt::format("{}: {}", where.text(), what));
}

uint8_t type_of(element value) {
    switch (value.type()) {
        case element_type::NULL_VALUE: return Schema::null;
        case element_type::BOOL: return Schema::boolean;
        case element_type::INT64:
        case element_type::UINT64: return Schema::integer;
        case element_type::STRING: return Schema::string;
        case element_type::ARRAY: return Schema::array;
        case element_type::OBJECT: return Schema::object;
        case element_type::DOUBLE: {
            // 2.0 is an integer (JSON Schema 2020-12, core 6.3).
            const double number = value.get_double().value_unsafe();
            return number == std::floor(number) && std::isfinite(number) ? uint8_t{Schema::integer}
                                                                         : uint8_t{Schema::number};
        }
    }
    return Schema::null;
}

std::string words_of(uint8_t types) {
    std::string words;
    const auto add = [&](uint8_t type, std::string_view word) {
        if ((types & type) == type) words += (words.empty() ? "" : " or ") + std::string{word};
    };
    add(Schema::string, "a string");
    if ((types & Schema::number) != 0) {
        add(Schema::number, "a number");
    } else {
        add(Schema::integer, "an integer");
    }
    add(Schema::boolean, "a boolean");
    add(Schema::array, "an array");
    add(Schema::object, "an object");
    add(Schema::null, "null");
    return words;
}

bool equals(element value, const json& wanted) {
    switch (value.type()) {
        case element_type::NULL_VALUE: return wanted.is_null();
        case element_type::BOOL: return wanted.is_boolean() && wanted.get<bool>() == bool{value};
        case element_type::STRING:
            return wanted.is_string() && wanted.get_ref<const std::string&>() == std::string_view{value};
        case element_type::INT64:
        case element_type::UINT64:
        case element_type::DOUBLE: return wanted.is_number() && wanted.get<double>() == double{value};
        default: return json::parse(simdjson::minify(value), nullptr, false) == wanted;
    }
}

uint64_t characters(std::string_view text) {
    uint64_t count = 0;
    for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
    return count;
}

// One value and what is said about it.
class Judge {
  public:
    Judge(const Schema& schema, const ValuePlace& where, Violations& violations)
        : schema_(schema), where_(where), violations_(violations) {}

    void number(double value) {
        if (schema_.least && value < *schema_.least) say(fmt::format("must be at least {}", *schema_.least));
        if (schema_.most && value > *schema_.most) say(fmt::format("must be at most {}", *schema_.most));
        if (schema_.above && value <= *schema_.above) say(fmt::format("must be above {}", *schema_.above));
        if (schema_.below && value >= *schema_.below) say(fmt::format("must be below {}", *schema_.below));
        if (schema_.multiple && *schema_.multiple > 0) {
            const double times = value / *schema_.multiple;
            if (std::abs(times - std::round(times)) > 1e-9 * std::max(1.0, std::abs(times))) {
                say(fmt::format("must be a multiple of {}", *schema_.multiple));
            }
        }
        if (!fits_number_format(schema_.format, value)) say(fmt::format("must be of format {}", schema_.format));
    }

    void string(std::string_view value) {
        if (schema_.shortest || schema_.longest) {
            const uint64_t length = characters(value);
            if (schema_.shortest && length < *schema_.shortest)
                say(fmt::format("must have at least {} characters", *schema_.shortest));
            if (schema_.longest && length > *schema_.longest)
                say(fmt::format("must have at most {} characters", *schema_.longest));
        }
        if (schema_.pattern != nullptr && !re2::RE2::PartialMatch({value.data(), value.size()}, *schema_.pattern)) {
            say(fmt::format("must match {}", schema_.pattern->pattern()));
        }
        if (!schema_.format.empty() && !fits_format(schema_.format, value))
            say(fmt::format("must be of format {}", schema_.format));
    }

    void array(simdjson::dom::array items) {
        size_t index = 0;
        for (const element item : items) {
            const Schema* const schema = index < schema_.first.size() ? schema_.first[index] : schema_.items;
            if (schema != nullptr) schema->judge(item, ValuePlace{where_, index}, violations_);
            ++index;
        }
        if (schema_.least_items && index < *schema_.least_items)
            say(fmt::format("must have at least {} items", *schema_.least_items));
        if (schema_.most_items && index > *schema_.most_items)
            say(fmt::format("must have at most {} items", *schema_.most_items));
        if (schema_.unique && has_twins(items)) say("must not have the same item twice");
    }

    void object(simdjson::dom::object fields) {
        size_t count = 0;
        for (const auto& [key, value] : fields) {
            ++count;
            field(key, value);
        }
        for (const std::string& name : schema_.required) {
            if (fields.at_key(name).error() != simdjson::SUCCESS) say(fmt::format("needs \"{}\"", name));
        }
        if (schema_.least_properties && count < *schema_.least_properties)
            say(fmt::format("must have at least {} fields", *schema_.least_properties));
        if (schema_.most_properties && count > *schema_.most_properties)
            say(fmt::format("must have at most {} fields", *schema_.most_properties));
    }

    void combinations(element value) {
        for (const Schema* const part : schema_.all) part->judge(value, where_, violations_);
        if (!schema_.any.empty() && fitting(schema_.any, value) == 0) say("fits none of the allowed forms (anyOf)");
        if (!schema_.one.empty()) {
            const size_t count = fitting(schema_.one, value);
            if (count != 1)
                say(count == 0 ? "fits none of the allowed forms (oneOf)" : "fits more than one form (oneOf)");
        }
        Violations ignored;
        if (schema_.none != nullptr && schema_.none->judge(value, where_, ignored))
            say("has a form that is not allowed (not)");
    }

    void say(std::string_view what) { complain(violations_, where_, what); }

  private:
    void field(std::string_view key, element value) {
        const auto known = schema_.properties.find(key);
        bool met = known != schema_.properties.end();
        const ValuePlace where{where_, key};
        if (met) known->second->judge(value, where, violations_);
        for (const auto& [pattern, schema] : schema_.by_pattern) {
            if (!re2::RE2::PartialMatch({key.data(), key.size()}, *pattern)) continue;
            met = true;
            schema->judge(value, where, violations_);
        }
        if (met) return;
        if (schema_.closed) complain(violations_, where, "is no field of this object");
        if (schema_.others != nullptr) schema_.others->judge(value, where, violations_);
    }

    size_t fitting(const std::vector<const Schema*>& forms, element value) const {
        size_t count = 0;
        for (const Schema* const form : forms) {
            Violations ignored;
            count += form->judge(value, where_, ignored) ? 1 : 0;
        }
        return count;
    }

    // By their text; sorted, so that a long array does not cost its square.
    static bool has_twins(simdjson::dom::array items) {
        std::vector<std::string> texts;
        for (const element item : items) texts.push_back(json::parse(simdjson::minify(item), nullptr, false).dump());
        std::ranges::sort(texts);
        return std::ranges::adjacent_find(texts) != texts.end();
    }

    const Schema& schema_;
    const ValuePlace& where_;
    Violations& violations_;
};

}  // namespace

std::string ValuePlace::text() const {
    constexpr size_t kMostName = 64;
    if (outer_ == nullptr) return std::string{name_};
    if (name_.data() == nullptr) return fmt::format("{}/{}", outer_->text(), index_);
    return fmt::format("{}/{}", outer_->text(), name_.substr(0, kMostName));
}

bool Schema::judge(element value, const ValuePlace& where, Violations& violations) const {
    const size_t before = violations.size();
    // So many that another one would not be shown: nothing more is looked at.
    if (before >= kMostViolations) return false;
    Judge judge{*this, where, violations};
    const uint8_t type = type_of(value);
    if (never) judge.say("is not allowed");
    if ((types & type) == 0) {
        judge.say("must be " + words_of(types));
        return false;
    }
    if (!values.empty() && std::ranges::none_of(values, [&](const json& one) { return equals(value, one); })) {
        std::string words;
        for (size_t i = 0; i < std::min<size_t>(values.size(), 10); ++i)
            words += (i == 0 ? "" : ", ") + values[i].dump();
        judge.say("must be one of " + words);
    }
    switch (type) {
        case integer:
        case number: judge.number(double{value}); break;
        case string: judge.string(value); break;
        case array: judge.array(value); break;
        case object: judge.object(value); break;
        default: break;
    }
    if (!all.empty() || !any.empty() || !one.empty() || none != nullptr) judge.combinations(value);
    return violations.size() == before;
}

}  // namespace tl::gateway
