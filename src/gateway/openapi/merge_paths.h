// Paths as OpenAPI writes them ("/orders/{id}") and as the gateway has them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/path.h"

namespace tl::gateway {

// The names in braces, in their order.
[[nodiscard]] std::vector<std::string> names_in(std::string_view path);
// The same path with all names as `name`: two that differ by their names alone are one path to OpenAPI.
[[nodiscard]] std::string with_names(std::string_view path, std::string_view name);
// The same path with these names in place of its own, as many as it has.
[[nodiscard]] std::string with_names(std::string_view path, const std::vector<std::string>& names);

// What clients ask for so that a service sees `path`, where `pattern` is rewritten by `rewrite`; nothing if there is no
// such path.
[[nodiscard]] std::optional<std::string> before_rewrite(const proxy::PathPattern& pattern, std::string_view rewrite,
                                                        std::string_view path);
// A pattern of the gateway as OpenAPI writes paths: "/api/*" is "/api/{rest}".
[[nodiscard]] std::string openapi_path(const proxy::PathPattern& pattern);

}  // namespace tl::gateway
