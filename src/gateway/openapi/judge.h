// One request against one operation of a contract. Plain functions; the parser is of the core.
#pragma once

#include "gateway/openapi/document.h"
#include "proxy/core_states.h"
#include "proxy/request_context.h"

namespace tl::gateway {

// A core's parser: its buffers are used again and again.
struct JsonParser final : proxy::CoreState {
    static constexpr size_t kDeepest = 64;
    simdjson::dom::parser parser;
    JsonParser();
};

// Path, query, headers and cookies.
void judge_parameters(const ApiOperation& operation, const proxy::PathMatch& match, proxy::RequestContext& context,
                      JsonParser& json, Violations& violations);
// `type` is the Content-Type.
void judge_body(const ApiBody& body, std::string_view type, const std::string& text, JsonParser& json,
                Violations& violations);

}  // namespace tl::gateway
