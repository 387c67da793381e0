// Kinds whose values are quantities: booleans, whole and other numbers, percentages, durations, sizes.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/units.h"
#include "manifest/json_schema.h"
#include "manifest/kinds.h"

namespace tl::manifest {

namespace {

// Finite decimal numbers; from_chars alone would take "inf" and "nan".
std::optional<double> to_number(std::string_view text) {
    double number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
    return number;
}

// Decimal digits only. A leading zero means octal to some YAML readers and decimal to others: refused.
std::optional<int64_t> to_integer(std::string_view text) {
    const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
    if (digits.size() > 1 && digits.starts_with('0')) return std::nullopt;
    int64_t number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::string bounds(const std::string& least, const std::string& most, bool has_least, bool has_most) {
    if (has_least && has_most) return fmt::format("from {} to {}", least, most);
    return has_least ? fmt::format("at least {}", least) : fmt::format("at most {}", most);
}

// What the quantities have in common: one scalar, text to value, bounds.
template <class T>
class Quantity : public Kind {
  public:
    Quantity(T least, T most) : least_(least), most_(most) {}

    bool read(const Node& node, void* out, Reader& reader) const final {
        const std::optional<T> value = node.is_scalar() ? parse(node) : std::nullopt;
        if (!value) {
            reader.mismatch(node, wanted(), hint(node));
            return false;
        }
        if (*value < least_ || *value > most_) {
            reader.mismatch(node, bounds(format(least_), format(most_), has_least(), has_most()));
            return false;
        }
        store(out, *value);
        return true;
    }
    Node write(const void* value, const void* /*defaults*/) const final { return Node::scalar(format(load(value))); }
    bool is_set(const void* value) const final { return load(value) >= least_ && load(value) <= most_; }

  protected:
    virtual std::optional<T> parse(const Node& node) const = 0;
    virtual std::string format(T value) const = 0;
    virtual void store(void* out, T value) const = 0;
    virtual T load(const void* value) const = 0;
    virtual std::string hint(const Node& node) const = 0;
    virtual bool has_least() const { return least_ != std::numeric_limits<T>::lowest(); }
    virtual bool has_most() const { return most_ != std::numeric_limits<T>::max(); }

    T least_;
    T most_;
};

constexpr std::string_view kUnquote = "remove the quotes";

// Quoted, it is text to every other reader of YAML: refused, although it could be understood.
class IntegerKind final : public Quantity<int64_t> {
  public:
    explicit IntegerKind(IntegerOps ops) : Quantity(ops.least, ops.most), ops_(ops) {}
    void describe(Json& schema, SchemaWriter& /*writer*/) const override {
        schema["type"] = "integer";
        if (has_least()) schema["minimum"] = least_;
        if (has_most()) schema["maximum"] = most_;
    }
    std::string wanted() const override { return "a whole number"; }

  protected:
    std::optional<int64_t> parse(const Node& node) const override {
        return node.quoted ? std::nullopt : to_integer(node.text);
    }
    std::string format(int64_t value) const override { return std::to_string(value); }
    void store(void* out, int64_t value) const override { ops_.store(out, value); }
    int64_t load(const void* value) const override { return ops_.load(value); }
    std::string hint(const Node& node) const override {
        return std::string{node.quoted && to_integer(node.text) ? kUnquote : ""};
    }

  private:
    IntegerOps ops_;
};

class NumberKind final : public Quantity<double> {
  public:
    NumberKind(NumberOps ops, double least, double most) : Quantity(least, most), ops_(ops) {}
    void describe(Json& schema, SchemaWriter& /*writer*/) const override {
        schema["type"] = "number";
        if (has_least()) schema["minimum"] = least_;
        if (has_most()) schema["maximum"] = most_;
    }
    std::string wanted() const override { return "a number"; }

  protected:
    std::optional<double> parse(const Node& node) const override {
        return node.quoted ? std::nullopt : to_number(node.text);
    }
    std::string format(double value) const override { return fmt::format("{}", value); }
    void store(void* out, double value) const override { ops_.store(out, value); }
    double load(const void* value) const override { return ops_.load(value); }
    std::string hint(const Node& node) const override {
        return std::string{node.quoted && to_number(node.text) ? kUnquote : ""};
    }

  private:
    NumberOps ops_;
};

// Written as "50%", kept as 0.5.
class PercentKind final : public Quantity<double> {
  public:
    PercentKind(NumberOps ops, double least, double most) : Quantity(least, most), ops_(ops) {}
    void describe(Json& schema, SchemaWriter& /*writer*/) const override {
        schema["type"] = "string";
        schema["pattern"] = "^[0-9]+(\\.[0-9]+)?%$";
    }
    std::string wanted() const override { return "a percentage such as 50%"; }

  protected:
    std::optional<double> parse(const Node& node) const override {
        std::string_view text = node.text;
        if (!text.ends_with('%')) return std::nullopt;
        text.remove_suffix(1);
        if (text.find_first_not_of("0123456789.") != std::string_view::npos) return std::nullopt;
        const std::optional<double> number = to_number(text);
        if (!number) return std::nullopt;
        return *number / 100;
    }
    // The shortest digits that read back as the same fraction: 0.07 * 100 is 7.000000000000001.
    std::string format(double value) const override {
        constexpr int kEnough = 17;
        for (int digits = 1; digits < kEnough; ++digits) {
            const std::string text = fmt::format("{:.{}f}", value * 100, digits - 1);
            if (to_number(text).value_or(0) / 100 == value) return text + "%";
        }
        return fmt::format("{:.17f}%", value * 100);
    }
    void store(void* out, double value) const override { ops_.store(out, value); }
    double load(const void* value) const override { return ops_.load(value); }
    std::string hint(const Node& node) const override {
        const std::optional<double> bare = to_number(node.text);
        if (!bare || !node.is_scalar()) return {};
        const bool fraction = *bare > 0 && *bare < 1;
        return fraction ? "write " + format(*bare) : fmt::format("add the %: {}%", *bare);
    }

  private:
    NumberOps ops_;
};

// Nanoseconds inside; the number 0 is the only one that needs no unit.
class DurationKind final : public Quantity<int64_t> {
  public:
    DurationKind(base::Duration least, base::Duration most) : Quantity(least.count(), most.count()) {}
    // The number 0 needs no unit; every other duration is text.
    void describe(Json& schema, SchemaWriter& /*writer*/) const override {
        schema["type"] = {"string", "integer"};
        schema["pattern"] = "^([0-9]+(d|h|m|s|ms|us))+$";
        schema["minimum"] = 0;
        schema["maximum"] = 0;
    }
    std::string wanted() const override { return "a duration such as 2s"; }

  protected:
    std::optional<int64_t> parse(const Node& node) const override {
        const std::optional<base::Duration> duration = base::parse_duration(node.text);
        if (!duration) return std::nullopt;
        return duration->count();
    }
    std::string format(int64_t value) const override { return base::format_duration(base::Duration{value}); }
    void store(void* out, int64_t value) const override { *static_cast<base::Duration*>(out) = base::Duration{value}; }
    int64_t load(const void* value) const override { return static_cast<const base::Duration*>(value)->count(); }
    std::string hint(const Node& node) const override {
        if (!node.is_scalar() || !to_integer(node.text)) return {};
        return fmt::format("add a unit: {0}s or {0}ms", node.text);
    }
    bool has_least() const override { return least_ > 0; }
};

// Bytes; a plain number is one of bytes.
class SizeKind final : public Quantity<int64_t> {
  public:
    explicit SizeKind(IntegerOps ops) : Quantity(ops.least, ops.most), ops_(ops) {}
    void describe(Json& schema, SchemaWriter& /*writer*/) const override {
        schema["type"] = {"string", "integer"};
        schema["pattern"] = "^[0-9]+(B|K|KB|KiB|M|MB|MiB|G|GB|GiB)$";
        schema["minimum"] = least_;
        if (has_most()) schema["maximum"] = most_;
    }
    std::string wanted() const override { return "a size such as 64KB"; }

  protected:
    std::optional<int64_t> parse(const Node& node) const override {
        const std::optional<uint64_t> size = base::parse_size(node.text);
        if (!size || *size > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
        return static_cast<int64_t>(*size);
    }
    std::string format(int64_t value) const override { return base::format_size(static_cast<uint64_t>(value)); }
    void store(void* out, int64_t value) const override { ops_.store(out, value); }
    int64_t load(const void* value) const override { return ops_.load(value); }
    std::string hint(const Node& /*node*/) const override { return {}; }
    bool has_least() const override { return least_ > 0; }

  private:
    IntegerOps ops_;
};

// The two words of YAML 1.2. Those of YAML 1.1 (yes, on) mean text to half of all readers: refused with the
// fix.
class BooleanKind final : public Kind {
  public:
    bool read(const Node& node, void* out, Reader& reader) const override {
        const bool is_true = node.text == "true";
        if (node.is_scalar() && !node.quoted && (is_true || node.text == "false")) {
            *static_cast<bool*>(out) = is_true;
            return true;
        }
        reader.mismatch(node, wanted(), hint(node));
        return false;
    }
    Node write(const void* value, const void* /*defaults*/) const override {
        return Node::scalar(*static_cast<const bool*>(value) ? "true" : "false");
    }
    void describe(Json& schema, SchemaWriter& /*writer*/) const override { schema["type"] = "boolean"; }
    std::string wanted() const override { return "true or false"; }

  private:
    static std::string hint(const Node& node) {
        if (node.quoted && (node.text == "true" || node.text == "false")) return std::string{kUnquote};
        for (const std::string_view yes : {"yes", "Yes", "on", "On", "True", "TRUE"}) {
            if (node.text == yes) return "write true";
        }
        for (const std::string_view no : {"no", "No", "off", "Off", "False", "FALSE"}) {
            if (node.text == no) return "write false";
        }
        return {};
    }
};

}  // namespace

KindPtr make_boolean() { return std::make_shared<BooleanKind>(); }
KindPtr make_integer(IntegerOps ops) { return std::make_shared<IntegerKind>(ops); }
KindPtr make_size(IntegerOps ops) { return std::make_shared<SizeKind>(ops); }
KindPtr make_number(NumberOps ops, double least, double most) { return std::make_shared<NumberKind>(ops, least, most); }
KindPtr make_percent(NumberOps ops, double least, double most) {
    return std::make_shared<PercentKind>(ops, least, most);
}
KindPtr make_duration(base::Duration least, base::Duration most) { return std::make_shared<DurationKind>(least, most); }

}  // namespace tl::manifest
