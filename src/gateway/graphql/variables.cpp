#include "gateway/graphql/variables.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace tl::gateway {

namespace {

template <class Number>
std::optional<Document> number_of(std::string_view text) {
    Number number{};
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    if (error != std::errc{} || end != last || text.empty()) return std::nullopt;
    if constexpr (std::is_floating_point_v<Number>) {
        if (!std::isfinite(number)) return std::nullopt;
    }
    return Document(number);
}

std::optional<Document> scalar_of(const std::string& type, std::string_view text) {
    if (type == "Int") return number_of<int32_t>(text);  // 32 bits (3.5.1)
    if (type == "Float") return number_of<double>(text);
    if (type != "Boolean") return Document(std::string{text});
    if (text == "true") return Document(true);
    if (text == "false") return Document(false);
    return std::nullopt;
}

}  // namespace

std::optional<Document> value_of_text(const GraphqlVariable& variable, std::string_view text) {
    if (variable.lists == 0) return scalar_of(variable.type, text);
    if (variable.lists > 1) return std::nullopt;
    Document list = Document::array();
    for (size_t at = 0; at <= text.size();) {
        const size_t comma = std::min(text.find(',', at), text.size());
        auto item = scalar_of(variable.type, text.substr(at, comma - at));
        if (!item) return std::nullopt;
        list.push_back(std::move(*item));
        at = comma + 1;
    }
    return list;
}

GraphqlVariables::GraphqlVariables(const GraphqlConfig& config, const GraphqlOperation& operation,
                                   const proxy::PathPattern& path) {
    for (const GraphqlVariable& rule : operation.variables) {
        Variable& one = all_.emplace_back(Variable{.rule = rule, .from = {}});
        if (const Template* const given = config.variables.find(rule.name)) {
            one.from = *given;
        } else if (path.has_param(rule.name)) {
            if (auto made = Template::parse(fmt::format("{{path.{}}}", rule.name))) one.from = std::move(*made);
        }
        if (!one.from) wants_body_ = true;
    }
}

std::expected<Document, std::string> GraphqlVariables::read(proxy::RequestContext& context,
                                                            const Document& body) const {
    Document values = Document::object();
    std::string wrong;
    const auto complain = [&](std::string text) { wrong += (wrong.empty() ? "" : "; ") + std::move(text); };
    const std::string_view query = context.head().query;
    for (const auto& [rule, from] : all_) {
        std::string_view text =
            from ? from->expand(context, Template::Target::document) : query_value(query, rule.name, context.arena);
        // A parameter that is there without a value is an empty text; a template with nothing to say has no value.
        const bool given = from ? !text.empty() : text.data() != nullptr;
        if (given) {
            auto value = value_of_text(rule, text);
            if (value) {
                values[rule.name] = std::move(*value);
            } else {
                complain(
                    fmt::format("\"{}\" must be {}", rule.name, rule.lists > 0 ? "a list of " + rule.type : rule.type));
            }
        } else if (!from && body.is_object() && body.contains(rule.name)) {
            values[rule.name] = body[rule.name];
        } else if (rule.required) {
            complain(fmt::format("\"{}\" is missing", rule.name));
        }
    }
    if (!wrong.empty()) return std::unexpected(std::move(wrong));
    return values;
}

}  // namespace tl::gateway
