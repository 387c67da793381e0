// Any bytes as an answer of OPA: nothing passes but a clear yes, no header that was not asked for, no status that a
// client cannot be refused with.
#include <algorithm>

#include "base/text.h"
#include "fuzz_support.h"
#include "gateway/policies/opa_result.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using tl::fuzz::require;
    static const std::vector<std::string> kTake{"X-User"};
    static const std::vector<std::string> kAnswer{"Location", "WWW-Authenticate"};
    const std::string_view body{reinterpret_cast<const char*>(data), size};
    const auto decision = tl::gateway::parse_opa_result(body, kTake, kAnswer);
    if (!decision) {
        require(!decision.error().empty(), "refused without a word");
        return 0;
    }
    if (decision->allowed) require(body.find("true") != std::string_view::npos, "a yes that nobody said");
    const auto& named = decision->allowed ? kTake : kAnswer;
    for (const auto& [name, value] : decision->headers) {
        const auto same = [&](const std::string& wanted) { return tl::base::iequals(wanted, name); };
        require(std::ranges::any_of(named, same), "a header that was not asked for");
    }
    if (!decision->allowed) require(decision->status >= 301 && decision->status <= 499, "refused with no refusal");
    return 0;
}
