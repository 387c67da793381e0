// The two messages of grpc.health.v1.Health/Check (grpc/grpc, doc/health-checking.md), each in its gRPC frame. Two
// fields of protobuf need no library: https://protobuf.dev/programming-guides/encoding. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tl::codec {

enum class GrpcHealth : uint8_t { unknown, serving, not_serving, service_unknown };
[[nodiscard]] std::string_view name_of(GrpcHealth health);  // "NOT_SERVING"

inline constexpr std::string_view kGrpcHealthMethod = "/grpc.health.v1.Health/Check";

// HealthCheckRequest{service}; "" asks about the server as a whole.
[[nodiscard]] std::string grpc_health_request(std::string_view service);
// The status in a HealthCheckResponse; nullopt: these bytes are none, or are compressed.
[[nodiscard]] std::optional<GrpcHealth> parse_grpc_health(std::string_view body);

}  // namespace tl::codec
