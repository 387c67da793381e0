#include "proxy/grpc_call.h"

#include <fmt/format.h>

#include "proxy/filter.h"

namespace tl::proxy {

using codec::GrpcStatus;

namespace {

// Our own meaning of a status, where it is narrower than what the specification makes of anybody's.
GrpcStatus by_http(uint16_t status) {
    switch (status) {
        case 408:
        case 504: return GrpcStatus::deadline_exceeded;
        case 413:
        case 429:
        case 431: return GrpcStatus::resource_exhausted;
        case 499: return GrpcStatus::cancelled;
        default: return codec::grpc_status_of_http(status);
    }
}

}  // namespace

GrpcStatus grpc_status_of(Cause cause, uint16_t http) {
    switch (cause) {
        case Cause::no_route:
        case Cause::no_such_service:
        case Cause::unsupported: return GrpcStatus::unimplemented;
        case Cause::not_allowed:
        case Cause::forbidden:
        case Cause::blocked: return GrpcStatus::permission_denied;
        case Cause::no_healthy_instance:
        case Cause::upstream_connect_failed:
        case Cause::upstream_reset:
        case Cause::upstream_certificate_expired:
        case Cause::upstream_certificate_mismatch:
        case Cause::upstream_certificate_untrusted:
        case Cause::upstream_tls:
        case Cause::circuit_open:
        case Cause::overloaded:
        case Cause::out_of_memory:
        case Cause::policy_unavailable:
        case Cause::incomplete: return GrpcStatus::unavailable;
        case Cause::upstream_timeout:
        case Cause::request_timeout: return GrpcStatus::deadline_exceeded;
        case Cause::head_too_large:
        case Cause::body_too_large:
        case Cause::rate_limited:
        case Cause::quota_exceeded: return GrpcStatus::resource_exhausted;
        case Cause::client_gone: return GrpcStatus::cancelled;
        case Cause::bad_request:
        case Cause::upstream_protocol:
        case Cause::bad_upstream_answer:
        case Cause::script_failed:
        case Cause::internal: return GrpcStatus::internal;
        case Cause::unauthenticated: return GrpcStatus::unauthenticated;
        case Cause::invalid_request: return GrpcStatus::invalid_argument;
        default: return by_http(http);
    }
}

uint16_t judged_status(const Answer& answer, bool hurried) {
    if (!answer.call) return answer.status;
    switch (*answer.call) {
        // Said of the method that was asked for, not of the instance.
        case GrpcStatus::unimplemented: return 404;
        case GrpcStatus::deadline_exceeded: return hurried ? 408 : 504;
        default: return codec::http_status_of(*answer.call);
    }
}

rt::Task<base::Result<void>> send_grpc_refusal(RequestContext& context, uint16_t http) {
    const CauseInfo& cause = info(context.refusal.cause);
    const GrpcStatus status = grpc_status_of(context.refusal.cause, http);
    codec::ResponseHead head;
    head.status = 200;
    head.headers.add(codec::Field::content_type, "application/grpc");
    head.headers.add(codec::kGrpcStatusField, codec::number_text(status));
    const std::string message =
        codec::encode_grpc_message(context.refusal.detail.empty() ? cause.title : context.refusal.detail);
    head.headers.add(codec::kGrpcMessageField, message);
    const std::string later = fmt::to_string(uint64_t{context.refusal.retry_after} * 1000);
    if (http == 503 || http == 429) head.headers.add("grpc-retry-pushback-ms", later);
    for (const auto& [name, value] : context.refusal.headers) head.headers.add(name, value);
    const std::string trace = telemetry::to_hex(context.trace.trace);
    head.headers.add("X-Trace-Id", trace);
    head.headers.add("X-Trunkline-Cause", cause.code);
    run_on_response(context, head);
    context.record.status = head.status;
    context.record.set_grpc(status);
    context.record.set(telemetry::Record::kOwnReply);
    const auto sent = co_await context.exchange->send({.status = head.status, .headers = &head.headers}, {{}, true});
    co_return sent;
}

rt::Task<base::Result<void>> end_grpc_call(RequestContext& context, const base::Error& broken) {
    const Cause cause = cause_of(broken);
    const GrpcStatus status = grpc_status_of(cause, info(cause).status);
    const std::string message = codec::encode_grpc_message(info(cause).title);
    codec::HeaderTable trailers;
    trailers.add(codec::kGrpcStatusField, codec::number_text(status));
    trailers.add(codec::kGrpcMessageField, message);
    trailers.add("X-Trunkline-Cause", info(cause).code);
    context.record.set_grpc(status);
    const auto sent = co_await context.exchange->send_body({{}, true}, &trailers);
    co_return sent;
}

void note_grpc_status(telemetry::Record& record, const codec::ResponseHead& head, const codec::HeaderTable& trailers) {
    auto status = codec::grpc_status_in(trailers);
    if (!status) status = codec::grpc_status_in(head.headers);
    record.set_grpc(status.value_or(codec::grpc_status_of_http(head.status)));
}

}  // namespace tl::proxy
