#include "gateway/openapi/judge.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "gateway/policies/template.h"

namespace tl::gateway {

using proxy::RequestContext;

namespace {

constexpr size_t kMostValues = 100;  // of one parameter

std::string_view place_of(ApiParameter::In in) {
    switch (in) {
        case ApiParameter::In::path: return "path";
        case ApiParameter::In::query: return "query";
        case ApiParameter::In::header: return "header";
        case ApiParameter::In::cookie: return "cookie";
    }
    return "query";
}

void add(Violations& violations, std::string what) {
    if (violations.size() < kMostViolations) violations.push_back(std::move(what));
}

bool is_number(std::string_view text) {
    double number = 0;
    const char* const end = text.data() + text.size();
    return !text.empty() && std::from_chars(text.data(), end, number).ptr == end && text.front() != '+' &&
           text.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
}

// As a JSON value of the type that is wanted, as far as the text can be one.
void append_json(std::string& out, std::string_view text, const Schema& schema) {
    const bool number = schema.allows(Schema::integer) && is_number(text);
    const bool boolean = schema.allows(Schema::boolean) && (text == "true" || text == "false");
    const bool wants_text = schema.types == Schema::kAny || schema.allows(Schema::string);
    if ((number || boolean) && !(wants_text && schema.types != Schema::kAny)) {
        out += text;
    } else {
        out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
}

// The values of a query parameter, in order, percent-decoded.
std::vector<std::string_view> query_values(std::string_view query, std::string_view name, base::Arena& arena) {
    std::vector<std::string_view> values;
    for (const std::string_view pair : base::split(query, '&')) {
        const size_t equals = pair.find('=');
        if (decode_percent(pair.substr(0, equals), Plus::space, arena) != name) continue;
        const std::string_view value = equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
        if (values.size() < kMostValues) values.push_back(decode_percent(value, Plus::space, arena));
    }
    return values;
}

std::vector<std::string_view> header_values(const codec::HeaderTable& headers, std::string_view name) {
    std::vector<std::string_view> values;
    for (const codec::Header& header : headers) {
        if (base::iequals(header.name, name) && values.size() < kMostValues) values.push_back(header.value);
    }
    return values;
}

std::vector<std::string_view> cookie_values(const codec::HeaderTable& headers, std::string_view name) {
    std::vector<std::string_view> values;
    for (const codec::Header& header : headers) {
        if (header.field != codec::Field::cookie) continue;
        for (const std::string_view pair : base::split(header.value, ';')) {
            const size_t equals = pair.find('=');
            if (equals == std::string_view::npos || base::trim(pair.substr(0, equals)) != name) continue;
            if (values.size() < kMostValues) values.push_back(base::trim(pair.substr(equals + 1)));
        }
    }
    return values;
}

std::vector<std::string_view> path_values(const ApiOperation& operation, const proxy::PathMatch& match,
                                          std::string_view name, base::Arena& arena) {
    // The parameters of the pattern stand in the order of its braces.
    size_t index = 0;
    std::string_view rest = operation.path;
    for (size_t open = rest.find('{'); open != std::string_view::npos; open = rest.find('{'), ++index) {
        const size_t close = rest.find('}', open);
        if (close == std::string_view::npos) break;
        if (rest.substr(open + 1, close - open - 1) == name && index < match.count) {
            return {decode_percent(match.params[index], Plus::itself, arena)};
        }
        rest.remove_prefix(close + 1);
    }
    return {};
}

std::vector<std::string_view> values_of(const ApiOperation& operation, const ApiParameter& parameter,
                                        const proxy::PathMatch& match, RequestContext& context) {
    const codec::RequestHead& head = context.head();
    switch (parameter.in) {
        case ApiParameter::In::path: return path_values(operation, match, parameter.name, context.arena);
        case ApiParameter::In::query: return query_values(head.query, parameter.name, context.arena);
        case ApiParameter::In::header: return header_values(head.headers, parameter.name);
        case ApiParameter::In::cookie: return cookie_values(head.headers, parameter.name);
    }
    return {};
}

}  // namespace

JsonParser::JsonParser() { [[maybe_unused]] const auto made = parser.allocate(4096, kDeepest); }

void judge_parameters(const ApiOperation& operation, const proxy::PathMatch& match, RequestContext& context,
                      JsonParser& json, Violations& violations) {
    for (const ApiParameter& parameter : operation.parameters) {
        std::vector<std::string_view> values = values_of(operation, parameter, match, context);
        const ValuePlace side{place_of(parameter.in)};
        const ValuePlace where{side, parameter.name};
        if (values.empty()) {
            if (parameter.required) add(violations, where.text() + ": is required");
            continue;
        }
        if (parameter.schema == nullptr) continue;
        const Schema& schema = *parameter.schema;
        std::string text;
        if (schema.types != Schema::kAny && schema.allows(Schema::array)) {
            if (!parameter.explode || parameter.in != ApiParameter::In::query) {
                const std::string_view all = values.front();
                values = base::split(all, ',');
                if (values.size() > kMostValues) values.resize(kMostValues);
            }
            static const Schema kAnything;
            text = "[";
            for (const std::string_view value : values) {
                if (text.size() > 1) text += ',';
                append_json(text, base::trim(value), schema.items != nullptr ? *schema.items : kAnything);
            }
            text += ']';
        } else {
            append_json(text, values.front(), schema);
        }
        const auto parsed = json.parser.parse(text);
        if (parsed.error() != simdjson::SUCCESS) {
            add(violations, where.text() + ": is no valid text");
            continue;
        }
        schema.judge(parsed.value_unsafe(), where, violations);
    }
}

void judge_body(const ApiBody& body, std::string_view type, const std::string& text, JsonParser& json,
                Violations& violations) {
    if (!body.by_type.empty() && !body.takes(type)) {
        std::string known;
        for (const auto& [name, schema] : body.by_type) known += (known.empty() ? "" : ", ") + name;
        return add(violations, fmt::format("header/Content-Type: must be {}", known));
    }
    const Schema* const schema = body.schema_of(type);
    if (schema == nullptr) return;
    const auto parsed = json.parser.parse(text);
    if (parsed.error() == simdjson::DEPTH_ERROR) {
        return add(violations, fmt::format("body: is more than {} levels deep", JsonParser::kDeepest));
    }
    if (parsed.error() != simdjson::SUCCESS) {
        return add(violations, fmt::format("body: is no JSON ({})", simdjson::error_message(parsed.error())));
    }
    schema->judge(parsed.value_unsafe(), ValuePlace{"body"}, violations);
}

}  // namespace tl::gateway
