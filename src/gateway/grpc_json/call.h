// A request of JSON becomes a call of gRPC: which method, its message, its head. Plain functions and what a call keeps
// until its answer is told.
#pragma once

#include <string>

#include "gateway/grpc_json/mapping.h"
#include "proxy/request_context.h"

namespace tl::gateway {

enum class StreamForm : uint8_t { ndjson, sse };

// In the request's context from the moment when the call is made.
struct GrpcCall final : proxy::Transcoding {
    GrpcMappingPtr mapping;  // a newer one may have taken its place meanwhile
    const GrpcBinding* binding = nullptr;
    StreamForm form = StreamForm::ndjson;

    [[nodiscard]] bool unary() const override { return !binding->method->server_streams; }
};

// False, and context.refusal: the request cannot become a call. Else its head and `body` are those of the call, and
// context.transcoding is set.
[[nodiscard]] bool make_grpc_call(proxy::RequestContext& context, std::string& body, GrpcMappingPtr mapping);

}  // namespace tl::gateway
