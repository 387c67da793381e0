// What the data path knows of gRPC beyond HTTP: which requests are calls, which status an answer of our own has, how a
// call of an instance has ended, and how an answer is ended whose service broke off. For requests that are no calls
// nothing of this costs more than a look at their method. Why each choice: docs/grpc.md.
#pragma once

#include "codec/grpc.h"
#include "proxy/request_context.h"

namespace tl::proxy {

// `none` for whatever is not a POST.
[[nodiscard]] inline codec::GrpcKind grpc_kind_of(const codec::RequestHead& head) {
    if (head.method != codec::Method::post) return codec::GrpcKind::none;
    return codec::grpc_kind(head.headers.value(codec::Field::content_type));
}

// The one table from causes to statuses of gRPC. `http`: the status that the answer would have as HTTP; it decides
// where a cause has no line of its own.
[[nodiscard]] codec::GrpcStatus grpc_status_of(Cause cause, uint16_t http);

// An answer as far as those care who judge it: the status of HTTP, and of a call that has ended without a message the
// fields (of the head, or trailers) that say how.
struct Answer {
    uint16_t status = 0;
    const codec::HeaderTable* head = nullptr;
    const codec::HeaderTable* end = nullptr;  // of a call; nullptr: it goes on, or is none
    std::optional<codec::GrpcStatus> call;    // set when `end` is
};

// The status of HTTP that an answer counts as for breaker and outlier detection. `hurried`: the caller had set a
// deadline, so that not having met it says nothing about the instance.
[[nodiscard]] uint16_t judged_status(const Answer& answer, bool hurried);

// The answer to a call for context.refusal: a head alone (trailers-only), with HTTP's 200. Nothing must have been sent.
[[nodiscard]] rt::Task<base::Result<void>> send_grpc_refusal(RequestContext& context, uint16_t http);
// Ends a call whose answer has begun, with trailers of our own. The client must not take it for whole, and does not.
[[nodiscard]] rt::Task<base::Result<void>> end_grpc_call(RequestContext& context, const base::Error& broken);
// Notes the status of a call whose answer is whole.
void note_grpc_status(telemetry::Record& record, const codec::ResponseHead& head, const codec::HeaderTable& trailers);

}  // namespace tl::proxy
