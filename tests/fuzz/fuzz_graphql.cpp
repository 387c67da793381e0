// Documents of GraphQL: whatever is found in them is bounded, and found again in the same text.
#include <cstdlib>

#include "gateway/graphql/operation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto once = tl::gateway::parse_operations(text);
    const auto again = tl::gateway::parse_operations(text);
    if (once.has_value() != again.has_value() || (once && once->empty())) std::abort();
    return 0;
}
