// A call's answer on its way to a client of JSON: message by message, at the pace of the slower side. One message is
// one document, a stream is lines (NDJSON) or events (SSE); how the call has ended is the status of HTTP where nothing
// was sent yet, else a last line. Made for one answer; one core.
#pragma once

#include <memory>

#include "gateway/grpc_json/call.h"
#include "proxy/body_transform.h"

namespace tl::gateway {

// `headers` are those of the answer, which become those of JSON; `most`: bytes of a message.
[[nodiscard]] std::unique_ptr<proxy::BodyTransform> make_grpc_answer(const GrpcCall& call,
                                                                     proxy::RequestContext& context, uint16_t status,
                                                                     codec::HeaderTable& headers, size_t most);

// Text of grpc-message, percent-decoded; broken codes stay as they are.
[[nodiscard]] std::string decode_grpc_message(std::string_view text);

}  // namespace tl::gateway
