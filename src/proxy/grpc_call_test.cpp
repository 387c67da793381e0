#include "proxy/grpc_call.h"

#include <gtest/gtest.h>

namespace tl::proxy {

using codec::GrpcStatus;

TEST(GrpcCall, has_a_status_for_each_cause_that_says_that_it_failed) {
    for (size_t i = 1; i < kCauses; ++i) {
        const auto cause = static_cast<Cause>(i);
        EXPECT_NE(grpc_status_of(cause, info(cause).status), GrpcStatus::ok) << info(cause).code;
        EXPECT_NE(grpc_status_of(cause, info(cause).status), GrpcStatus::unknown) << info(cause).code;
    }
}

TEST(GrpcCall, tells_what_may_be_tried_again_from_what_may_not) {
    EXPECT_EQ(grpc_status_of(Cause::no_healthy_instance, 503), GrpcStatus::unavailable);
    EXPECT_EQ(grpc_status_of(Cause::overloaded, 503), GrpcStatus::unavailable);
    EXPECT_EQ(grpc_status_of(Cause::upstream_timeout, 504), GrpcStatus::deadline_exceeded);
    EXPECT_EQ(grpc_status_of(Cause::not_allowed, 403), GrpcStatus::permission_denied);
    EXPECT_EQ(grpc_status_of(Cause::no_route, 404), GrpcStatus::unimplemented);
    EXPECT_EQ(grpc_status_of(Cause::body_too_large, 413), GrpcStatus::resource_exhausted);
}

TEST(GrpcCall, goes_by_the_status_that_the_manifest_gives_a_fault) {
    EXPECT_EQ(grpc_status_of(Cause::fault_injected, 503), GrpcStatus::unavailable);
    EXPECT_EQ(grpc_status_of(Cause::fault_injected, 504), GrpcStatus::deadline_exceeded);
    EXPECT_EQ(grpc_status_of(Cause::fault_injected, 429), GrpcStatus::resource_exhausted);
    EXPECT_EQ(grpc_status_of(Cause::fault_injected, 418), GrpcStatus::unknown);
}

TEST(GrpcCall, judges_an_instance_by_how_its_calls_end) {
    const codec::HeaderTable fields;
    const auto judged = [&](GrpcStatus status, bool hurried) {
        return judged_status({.status = 200, .head = &fields, .end = &fields, .call = status}, hurried);
    };
    EXPECT_EQ(judged(GrpcStatus::ok, false), 200);
    EXPECT_EQ(judged(GrpcStatus::unavailable, false), 503);
    EXPECT_EQ(judged(GrpcStatus::internal, false), 500);
    EXPECT_LT(judged(GrpcStatus::unimplemented, false), 500) << "a client can ask for nonsense";
    EXPECT_EQ(judged(GrpcStatus::deadline_exceeded, false), 504);
    EXPECT_LT(judged(GrpcStatus::deadline_exceeded, true), 500) << "the caller gave it too little time";
    EXPECT_EQ(judged_status({.status = 502, .head = &fields}, false), 502);
}

TEST(GrpcCall, notes_the_status_of_an_answer_wherever_it_stands) {
    codec::ResponseHead head;
    head.status = 200;
    codec::HeaderTable trailers;
    telemetry::Record record;
    EXPECT_FALSE(record.grpc_status());
    note_grpc_status(record, head, trailers);
    EXPECT_EQ(record.grpc_status(), GrpcStatus::unknown) << "an answer without a status";
    head.headers.add("grpc-status", "14");
    note_grpc_status(record, head, trailers);
    EXPECT_EQ(record.grpc_status(), GrpcStatus::unavailable);
    EXPECT_EQ(record.telling_status(), 503);
    trailers.add("grpc-status", "0");
    note_grpc_status(record, head, trailers);
    EXPECT_EQ(record.telling_status(), 200);
}

}  // namespace tl::proxy
