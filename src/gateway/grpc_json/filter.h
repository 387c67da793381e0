// The end of a route with `grpc`: its requests become calls of gRPC, which go the way of every call, and their answers
// JSON.
#pragma once

#include "gateway/grpc_json/config.h"
#include "gateway/policies/context.h"

namespace tl::gateway {

// `config` has passed check_grpc. `rewrite` is the route's, "" without; `most_body`: bytes of a request's body.
[[nodiscard]] FilterPtr make_grpc_filter(const GrpcConfig& config, const std::string& service,
                                         const proxy::PathPattern& path, const std::string& rewrite,
                                         const PolicyContext& context, size_t most_body);

}  // namespace tl::gateway
