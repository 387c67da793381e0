// The values of a stored operation's variables, out of one request: texts become what their types want. Made with the
// route, immutable, shared by cores.
#pragma once

#include "gateway/graphql/config.h"
#include "gateway/policies/documents.h"

namespace tl::gateway {

class GraphqlVariables {
  public:
    GraphqlVariables(const GraphqlConfig& config, const GraphqlOperation& operation, const proxy::PathPattern& path);

    // Some may come from a JSON body.
    [[nodiscard]] bool wants_body() const { return wants_body_; }
    // `body`: the request's, null without. The error names every variable that has no value or a wrong one.
    [[nodiscard]] std::expected<Document, std::string> read(proxy::RequestContext& context, const Document& body) const;

  private:
    struct Variable {
        GraphqlVariable rule;
        std::optional<Template> from;  // nothing: the query's parameter, or the body's field, of its name
    };
    std::vector<Variable> all_;
    bool wants_body_ = false;
};

// What a text stands for in a variable of this type; nothing if it is none: "x" for an Int.
[[nodiscard]] std::optional<Document> value_of_text(const GraphqlVariable& variable, std::string_view text);

}  // namespace tl::gateway
