// The operations of a GraphQL document, as far as a gateway has to know them: kind, name and the variables with their
// types (GraphQL October 2021, 2.3 and 2.10). Fields are the service's matter and only skipped. Pure.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace tl::gateway {

struct GraphqlVariable {
    std::string name;       // without its $
    std::string type;       // the innermost name: "Int"
    unsigned lists = 0;     // how many lists are around it
    bool required = false;  // "!" and no default
};

struct GraphqlOperation {
    std::string kind;  // query, mutation, subscription
    std::string name;  // "": it has none
    std::vector<GraphqlVariable> variables;
};

// In the order written; fragments are left out. The error says what is wrong and in which line.
[[nodiscard]] std::expected<std::vector<GraphqlOperation>, std::string> parse_operations(std::string_view document);

}  // namespace tl::gateway
