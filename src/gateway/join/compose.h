// From the answers of calls to one document. Pure functions.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "gateway/join/plan.h"

namespace tl::gateway {

// What a call has brought, as it goes into the joined answer.
struct JoinedPart {
    const JoinCall* call = nullptr;
    nlohmann::ordered_json value;  // null where it is missing and has no fallback
    bool missing = false;          // it failed, and may
};

// At most 64 levels deep, so that nothing behind it runs out of stack. The error says what is wrong with the text.
[[nodiscard]] std::expected<nlohmann::ordered_json, std::string> parse_answer(std::string_view text);
// `take`, `pick`, `drop` and `rename` of one answer; the error says what is not there.
[[nodiscard]] std::expected<nlohmann::ordered_json, std::string> cut_answer(const JoinCall& call,
                                                                            nlohmann::ordered_json answer);
// The document; the error names two calls that collide.
[[nodiscard]] std::expected<nlohmann::ordered_json, std::string> compose(const JoinPlan& plan,
                                                                         std::vector<JoinedPart> parts);

}  // namespace tl::gateway
