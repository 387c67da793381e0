// Answers of the admin API: JSON, text, and problem details (RFC 9457) for everything that went wrong. The one place
// where an Error becomes a status here; proxy/problem.cpp does so for the data path.
#pragma once

#include <string_view>

#include "console/views.h"
#include "http/exchange.h"

namespace tl::console {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kLinesType = "application/x-ndjson";
inline constexpr std::string_view kTextType = "text/plain; charset=utf-8";

// Bytes from outside that are no UTF-8 become replacement characters.
[[nodiscard]] std::string dump(const Json& json, int indent = -1);

// A failed send means that the client is gone: there is nobody to tell.
[[nodiscard]] rt::Task<void> send_text(http::ServerExchange& exchange, std::string_view type, std::string body);
[[nodiscard]] rt::Task<void> send_json(http::ServerExchange& exchange, Json json);
// `more` is merged into the object: what else helps the caller.
[[nodiscard]] rt::Task<void> send_problem(http::ServerExchange& exchange, uint16_t status, std::string cause,
                                          std::string detail, Json more = {});
[[nodiscard]] rt::Task<void> send_problem(http::ServerExchange& exchange, base::Error error);

[[nodiscard]] uint16_t status_of(base::Code code);

}  // namespace tl::console
