#include "codec/structured.h"

#include <algorithm>

#include "codec/base64.h"
#include "codec/base64url.h"

namespace tl::codec {

namespace {

constexpr size_t kMost = 64;
constexpr size_t kMostDigits = 15;  // of an integer (3.3.1)

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_key(char c) { return is_lower(c) || is_digit(c) || std::string_view{"_-.*"}.contains(c); }
bool is_token(char c) { return is_alpha(c) || is_digit(c) || std::string_view{"!#$%&'*+-.^_`|~:/"}.contains(c); }

class Parser {
  public:
    explicit Parser(std::string_view text) : rest_(text) {}

    std::optional<StructuredDictionary> dictionary() {
        StructuredDictionary all;
        skip(" ");
        while (!rest_.empty()) {
            auto name = key();
            if (!name || all.size() == kMost) return std::nullopt;
            if (std::ranges::find(all, *name, &StructuredDictionary::value_type::first) != all.end())
                return std::nullopt;
            auto value = member();
            if (!value) return std::nullopt;
            all.emplace_back(std::move(*name), std::move(*value));
            skip(" \t");
            if (rest_.empty()) return all;
            if (!take(',')) return std::nullopt;
            skip(" \t");
            if (rest_.empty()) return std::nullopt;  // a comma at the end
        }
        return all;
    }

  private:
    bool take(char c) {
        if (!rest_.starts_with(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    void skip(std::string_view marks) { rest_.remove_prefix(std::min(rest_.find_first_not_of(marks), rest_.size())); }
    template <class Is>
    std::string_view run(Is is) {
        size_t size = 0;
        while (size < rest_.size() && is(rest_[size])) ++size;
        const std::string_view found = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return found;
    }

    std::optional<std::string> key() {
        if (rest_.empty() || (!is_lower(rest_.front()) && rest_.front() != '*')) return std::nullopt;
        return std::string{run(is_key)};
    }
    std::optional<StructuredMember> member() {
        StructuredMember made;
        if (!take('=')) {
            auto given = parameters();
            if (!given) return std::nullopt;
            made.value = StructuredItem{.value = true, .parameters = std::move(*given)};
            return made;
        }
        if (!rest_.starts_with('(')) {
            auto one = item();
            if (!one) return std::nullopt;
            made.value = std::move(*one);
            return made;
        }
        auto list = inner_list();
        auto given = list ? parameters() : std::nullopt;
        if (!given) return std::nullopt;
        made.value = std::move(*list);
        made.parameters = std::move(*given);
        return made;
    }
    std::optional<std::vector<StructuredItem>> inner_list() {
        std::vector<StructuredItem> all;
        take('(');
        for (;;) {
            skip(" ");
            if (take(')')) return all;
            auto one = item();
            if (!one || all.size() == kMost) return std::nullopt;
            all.push_back(std::move(*one));
            if (!rest_.starts_with(' ') && !rest_.starts_with(')')) return std::nullopt;
        }
    }
    std::optional<StructuredItem> item() {
        auto value = bare();
        auto given = value ? parameters() : std::nullopt;
        if (!given) return std::nullopt;
        return StructuredItem{.value = std::move(*value), .parameters = std::move(*given)};
    }
    std::optional<StructuredParameters> parameters() {
        StructuredParameters all;
        while (take(';')) {
            skip(" ");
            auto name = key();
            if (!name || all.size() == kMost || find_parameter(all, *name) != nullptr) return std::nullopt;
            std::optional<StructuredBare> value{true};
            if (take('=')) value = bare();
            if (!value) return std::nullopt;
            all.emplace_back(std::move(*name), std::move(*value));
        }
        return all;
    }
    std::optional<StructuredBare> bare() {
        if (rest_.empty()) return std::nullopt;
        const char c = rest_.front();
        if (c == '"') return string();
        if (c == ':') return bytes();
        if (c == '?') return boolean();
        if (c == '-' || is_digit(c)) return integer();
        if (!is_alpha(c) && c != '*') return std::nullopt;
        return StructuredToken{std::string{run(is_token)}};
    }
    std::optional<StructuredBare> string() {
        std::string text;
        take('"');
        while (!rest_.empty()) {
            char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == '"') return text;
            if (c == '\\') {
                if (rest_.empty() || (rest_.front() != '"' && rest_.front() != '\\')) return std::nullopt;
                c = rest_.front();
                rest_.remove_prefix(1);
            }
            if (c < 0x20 || c > 0x7e) return std::nullopt;
            text += c;
        }
        return std::nullopt;
    }
    std::optional<StructuredBare> bytes() {
        take(':');
        const size_t end = rest_.find(':');
        if (end == std::string_view::npos) return std::nullopt;
        auto decoded = decode_base64(rest_.substr(0, end));
        rest_.remove_prefix(end + 1);
        if (!decoded) return std::nullopt;
        return StructuredBytes{std::move(*decoded)};
    }
    std::optional<StructuredBare> boolean() {
        take('?');
        if (take('1')) return true;
        if (take('0')) return false;
        return std::nullopt;
    }
    std::optional<StructuredBare> integer() {
        const bool negative = take('-');
        const std::string_view digits = run(is_digit);
        if (digits.empty() || digits.size() > kMostDigits || rest_.starts_with('.')) return std::nullopt;
        int64_t number = 0;
        for (const char c : digits) number = number * 10 + (c - '0');
        return negative ? -number : number;
    }

    std::string_view rest_;
};

void append_parameters(std::string& to, const StructuredParameters& parameters) {
    for (const auto& [name, value] : parameters) {
        to += ';' + name;
        const bool* const flag = std::get_if<bool>(&value);
        if (flag != nullptr && *flag) continue;
        to += '=';
        append_bare(to, value);
    }
}

}  // namespace

std::optional<StructuredDictionary> parse_dictionary(std::string_view text) { return Parser{text}.dictionary(); }

void append_bare(std::string& to, const StructuredBare& value) {
    if (const auto* flag = std::get_if<bool>(&value)) {
        to += *flag ? "?1" : "?0";
    } else if (const auto* number = std::get_if<int64_t>(&value)) {
        to += std::to_string(*number);
    } else if (const auto* token = std::get_if<StructuredToken>(&value)) {
        to += token->text;
    } else if (const auto* bytes = std::get_if<StructuredBytes>(&value)) {
        to += ':';
        append_base64(to, bytes->bytes);
        to += ':';
    } else {
        to += '"';
        for (const char c : std::get<std::string>(value)) {
            if (c == '"' || c == '\\') to += '\\';
            to += c;
        }
        to += '"';
    }
}

void append_item(std::string& to, const StructuredItem& item) {
    append_bare(to, item.value);
    append_parameters(to, item.parameters);
}

void append_inner_list(std::string& to, const std::vector<StructuredItem>& items,
                       const StructuredParameters& parameters) {
    to += '(';
    for (const StructuredItem& item : items) {
        if (to.back() != '(') to += ' ';
        append_item(to, item);
    }
    to += ')';
    append_parameters(to, parameters);
}

const StructuredBare* find_parameter(const StructuredParameters& parameters, std::string_view name) {
    const auto found = std::ranges::find(parameters, name, &StructuredParameters::value_type::first);
    return found == parameters.end() ? nullptr : &found->second;
}

}  // namespace tl::codec
