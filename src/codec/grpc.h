// gRPC over HTTP/2 as bytes: its content types, statuses and messages' frames (grpc/grpc, doc/PROTOCOL-HTTP2.md and
// doc/statuscodes.md). Pure; knows no proxy. gRPC-Web's own framing: grpc_web.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "codec/headers.h"

namespace tl::codec {

enum class GrpcStatus : uint8_t {
    ok,
    cancelled,
    unknown,
    invalid_argument,
    deadline_exceeded,
    not_found,
    already_exists,
    permission_denied,
    resource_exhausted,
    failed_precondition,
    aborted,
    out_of_range,
    unimplemented,
    internal,
    unavailable,
    data_loss,
    unauthenticated,
};
inline constexpr size_t kGrpcStatuses = static_cast<size_t>(GrpcStatus::unauthenticated) + 1;

inline constexpr std::string_view kGrpcStatusField = "grpc-status";
inline constexpr std::string_view kGrpcMessageField = "grpc-message";

[[nodiscard]] std::string_view name_of(GrpcStatus status);      // "deadline_exceeded"
[[nodiscard]] std::string_view number_text(GrpcStatus status);  // "4"
// The status of that name; nullopt: there is none.
[[nodiscard]] std::optional<GrpcStatus> grpc_status_named(std::string_view name);
// What `grpc-status` says in a head or in trailers. nullopt: the field is missing. A number that nobody has defined, or
// no number, is `unknown`.
[[nodiscard]] std::optional<GrpcStatus> grpc_status_in(const HeaderTable& fields);

// The status of HTTP that says the same, so that calls count like other requests (google/rpc/code.proto).
[[nodiscard]] uint16_t http_status_of(GrpcStatus status);
// What a client makes of an answer that is no gRPC (doc/http-grpc-status-mapping.md).
[[nodiscard]] GrpcStatus grpc_status_of_http(uint16_t status);

// What a message says it is. `web` and `web_text` are gRPC-Web (doc/PROTOCOL-WEB.md).
enum class GrpcKind : uint8_t { none, grpc, web, web_text };
[[nodiscard]] GrpcKind grpc_kind(std::string_view content_type);
// What stands behind the type itself: "+proto", "; charset=..." or "". Of a content type whose kind is not `none`.
[[nodiscard]] std::string_view grpc_subtype(std::string_view content_type);

// Text as grpc-message holds it: bytes that are not visible ASCII, and "%", as %XX.
[[nodiscard]] std::string encode_grpc_message(std::string_view text);

// The head of a message: not compressed, and its length (big-endian).
inline constexpr size_t kGrpcFrameHead = 5;
[[nodiscard]] std::string grpc_frame_head(uint8_t flags, uint32_t length);

// How long the messages of a stream are, as its bytes go by: a call may be endless, but each message has a bound.
class GrpcMeter {
  public:
    // False: a message is longer than `most` bytes.
    [[nodiscard]] bool pass(std::string_view data, uint64_t most);

  private:
    uint32_t left_ = 0;  // bytes of the message at hand
    uint32_t length_ = 0;
    uint8_t head_ = 0;  // bytes of the next message's head that have gone by
};

}  // namespace tl::codec
