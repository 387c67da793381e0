// Values of a call that is part of a joined answer: "/stock/{item.sku}?since={query.since}". Names of calls (and
// `item`) point into answers that are there already; all others are the request's (gateway/policies/template.h). Parsed
// once, immutable, shared by cores.
#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gateway/policies/template.h"

namespace tl::gateway {

inline constexpr std::string_view kItem = "item";

// "order.items.0.sku": a call, and the way into its answer.
struct AnswerReference {
    std::string call;
    std::vector<std::string> way;

    // `text` is what stands between the braces.
    [[nodiscard]] static AnswerReference parse(std::string_view text);
    // nullptr if the way leads nowhere.
    [[nodiscard]] const nlohmann::ordered_json* in(const nlohmann::ordered_json& answer) const;
};

// The answers that a value may point into.
class Answers {
  public:
    virtual ~Answers() = default;
    // nullptr: the call has failed, or there is no item.
    [[nodiscard]] virtual const nlohmann::ordered_json* of(const std::string& call) const = 0;
};

class JoinTemplate {
  public:
    // `calls` are the names that may be pointed at. The error reads after the text.
    [[nodiscard]] static std::expected<JoinTemplate, std::string> parse(std::string_view text,
                                                                        const std::vector<std::string>& calls);
    // The error names the reference that points at nothing that can stand in a text.
    [[nodiscard]] std::expected<std::string, std::string> expand(proxy::RequestContext& context, const Answers& answers,
                                                                 Template::Target target) const;
    // The calls that must have been answered before.
    [[nodiscard]] std::vector<std::string> needs() const;

  private:
    std::vector<std::variant<std::string, Template, AnswerReference>> parts_;
};

}  // namespace tl::gateway
