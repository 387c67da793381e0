#include "gateway/graphql/operation.h"

#include <fmt/format.h>

#include <algorithm>

namespace tl::gateway {

namespace {

constexpr size_t kMostOperations = 64;
constexpr size_t kMostVariables = 256;
constexpr unsigned kMostLists = 8;

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Names, numbers, strings and single marks; what stands between them is skipped (2.1).
class Tokens {
  public:
    explicit Tokens(std::string_view text) : rest_(text), text_(text) { next(); }

    [[nodiscard]] std::string_view now() const { return now_; }  // "" at the end
    [[nodiscard]] bool is_name() const { return !now_.empty() && is_name_start(now_.front()); }
    [[nodiscard]] const std::string& error() const { return error_; }
    [[nodiscard]] bool take(std::string_view mark) {
        if (now_ != mark) return false;
        next();
        return true;
    }
    std::string take_name() {
        std::string name{now_};
        next();
        return name;
    }
    std::unexpected<std::string> wanted(std::string_view what) const {
        if (!error_.empty()) return std::unexpected(error_);
        return std::unexpected(now_.empty() ? fmt::format("it ends where {} should stand", what)
                                            : fmt::format("line {}: {} should stand in the place of \"{}\"", line(),
                                                          what, now_.substr(0, 20)));
    }
    // From an opening mark behind its closing one, whatever stands inside.
    [[nodiscard]] bool skip_balanced() {
        std::string open;
        do {
            if (now_.empty()) return false;
            if (now_ == "{" || now_ == "(" || now_ == "[") open += now_.front();
            const char closes = now_ == "}" ? '{' : now_ == ")" ? '(' : now_ == "]" ? '[' : '\0';
            if (closes != '\0') {
                if (open.empty() || open.back() != closes) return false;
                open.pop_back();
            }
            next();
        } while (!open.empty());
        return true;
    }
    void next() {
        skip_ignored();
        if (rest_.empty()) return void(now_ = {});
        const char c = rest_.front();
        size_t size = 1;
        if (is_name_start(c)) {
            while (size < rest_.size() && is_name_part(rest_[size])) ++size;
        } else if (is_digit(c) || c == '-') {
            while (size < rest_.size() && (is_name_part(rest_[size]) || std::string_view{".+-"}.contains(rest_[size])))
                ++size;
        } else if (c == '"') {
            size = string_size();
        } else if (rest_.starts_with("...")) {
            size = 3;
        } else if (!std::string_view{"!$&()[]{}:=@|"}.contains(c)) {
            return fail("no mark of GraphQL");
        }
        if (size == 0) return fail("a string that does not end");
        now_ = rest_.substr(0, size);
        rest_.remove_prefix(size);
    }

  private:
    [[nodiscard]] size_t line() const {
        const auto* const end = now_.empty() ? rest_.data() : now_.data();
        return 1 + static_cast<size_t>(std::count(text_.data(), end, '\n'));
    }
    void fail(std::string_view what) {
        now_ = {};
        if (error_.empty()) error_ = fmt::format("line {}: {}", line(), what);
        rest_ = {};
    }
    void skip_ignored() {
        while (!rest_.empty()) {
            if (rest_.front() == '#') {
                rest_.remove_prefix(std::min(rest_.size(), rest_.find('\n')));
            } else if (rest_.starts_with("\xEF\xBB\xBF")) {
                rest_.remove_prefix(3);
            } else if (std::string_view{" \t\r\n,"}.contains(rest_.front())) {
                rest_.remove_prefix(1);
            } else {
                return;
            }
        }
    }
    // 0: it does not end.
    [[nodiscard]] size_t string_size() const {
        const std::string_view quote = rest_.starts_with(R"(""")") ? R"(""")" : "\"";
        const bool block = quote.size() == 3;
        for (size_t at = quote.size(); at < rest_.size(); ++at) {
            if (rest_.substr(at).starts_with(quote)) return at + quote.size();
            if (!block && rest_[at] == '\n') return 0;
            const bool escape = block ? rest_.substr(at).starts_with(R"(\""")") : rest_[at] == '\\';
            if (escape) at += block ? 3 : 1;
        }
        return 0;
    }

    std::string_view now_;
    std::string_view rest_;
    std::string_view text_;
    std::string error_;
};

using Failed = std::unexpected<std::string>;

// @name and @name(...), as many as there are.
bool skip_directives(Tokens& tokens) {
    while (tokens.take("@")) {
        if (!tokens.is_name()) return false;
        tokens.next();
        if (tokens.now() == "(" && !tokens.skip_balanced()) return false;
    }
    return true;
}

// Type (2.11): a name, or a list of a type; "!" behind it.
std::expected<void, std::string> parse_type(Tokens& tokens, GraphqlVariable& variable) {
    while (tokens.take("[")) {
        if (++variable.lists > kMostLists) return Failed("a type has too many lists in each other");
    }
    if (!tokens.is_name()) return tokens.wanted("a type");
    variable.type = tokens.take_name();
    variable.required = tokens.take("!");
    for (unsigned i = 0; i < variable.lists; ++i) {
        if (!tokens.take("]")) return tokens.wanted("\"]\"");
        variable.required = tokens.take("!");  // the outermost one decides
    }
    return {};
}

std::expected<GraphqlVariable, std::string> parse_variable(Tokens& tokens) {
    GraphqlVariable variable;
    if (!tokens.take("$") || !tokens.is_name()) return tokens.wanted("a variable such as $id");
    variable.name = tokens.take_name();
    if (!tokens.take(":")) return tokens.wanted("\":\" and a type");
    if (auto type = parse_type(tokens, variable); !type) return Failed(std::move(type.error()));
    if (tokens.take("=")) {
        variable.required = false;
        const bool nested = tokens.now() == "[" || tokens.now() == "{";
        if (tokens.now().empty() || (nested && !tokens.skip_balanced())) return tokens.wanted("a default value");
        if (!nested) tokens.next();
    }
    if (!skip_directives(tokens)) return tokens.wanted("a directive");
    return variable;
}

std::expected<GraphqlOperation, std::string> parse_operation(Tokens& tokens, std::string kind) {
    GraphqlOperation operation{.kind = std::move(kind), .name = {}, .variables = {}};
    if (tokens.is_name()) operation.name = tokens.take_name();
    if (tokens.take("(")) {
        while (!tokens.take(")")) {
            if (operation.variables.size() >= kMostVariables) return Failed("an operation has too many variables");
            auto variable = parse_variable(tokens);
            if (!variable) return Failed(std::move(variable.error()));
            operation.variables.push_back(std::move(*variable));
        }
    }
    if (!skip_directives(tokens)) return tokens.wanted("a directive");
    if (tokens.now() != "{") return tokens.wanted("\"{\" and the fields that are asked for");
    if (!tokens.skip_balanced()) return tokens.wanted("\"}\"");
    return operation;
}

}  // namespace

std::expected<std::vector<GraphqlOperation>, std::string> parse_operations(std::string_view document) {
    std::vector<GraphqlOperation> found;
    Tokens tokens{document};
    while (!tokens.now().empty()) {
        const std::string word = tokens.is_name() ? tokens.take_name() : std::string{};
        if (word == "fragment") {
            while (!tokens.now().empty() && tokens.now() != "{") tokens.next();
            if (!tokens.skip_balanced()) return tokens.wanted("\"}\"");
            continue;
        }
        if (word != "query" && word != "mutation" && word != "subscription" && (!word.empty() || tokens.now() != "{")) {
            if (word.empty()) return tokens.wanted("an operation");
            return Failed(fmt::format("\"{}\" is no operation: a document has queries, mutations and fragments", word));
        }
        auto operation = parse_operation(tokens, word.empty() ? "query" : word);
        if (!operation) return Failed(std::move(operation.error()));
        found.push_back(std::move(*operation));
        if (found.size() > kMostOperations) return Failed("it has too many operations");
    }
    if (!tokens.error().empty()) return Failed(tokens.error());
    if (found.empty()) return Failed("it has no operation");
    return found;
}

}  // namespace tl::gateway
