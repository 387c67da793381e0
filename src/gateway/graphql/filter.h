// The end of a route with `graphql`: asks the service with a stored operation and gives back its data.
#pragma once

#include "gateway/graphql/config.h"
#include "gateway/policies/context.h"

namespace tl::gateway {

// `config` has passed check_graphql. `most_body`: bytes of a request's body.
[[nodiscard]] FilterPtr make_graphql_filter(const GraphqlConfig& config, const std::string& service,
                                            const proxy::PathPattern& path, const PolicyContext& context,
                                            size_t most_body);

}  // namespace tl::gateway
