#include "gateway/policies/rate_fields.h"

#include <fmt/format.h>

#include <iterator>

namespace tl::gateway {

std::string rate_policy_item(std::string_view name, uint64_t quota, uint64_t window_seconds) {
    std::string item = fmt::format("\"{}\";q={}", name, quota);
    if (window_seconds != 0) item += fmt::format(";w={}", window_seconds);
    return item;
}

void add_rate_fields(proxy::RequestContext& context, codec::ResponseHead& head, const Standing& one) {
    fmt::memory_buffer text;
    fmt::format_to(std::back_inserter(text), "{};r={};t={}", one.name, one.left, one.reset_seconds);
    head.headers.add("RateLimit-Policy", *one.policy);
    head.headers.add("RateLimit", context.arena.copy({text.data(), text.size()}));
}

}  // namespace tl::gateway
