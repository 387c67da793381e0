// gRPC-Web (grpc/grpc, doc/PROTOCOL-WEB.md) as bytes: the frame that holds what gRPC says in trailers. Messages are
// framed as in gRPC (grpc.h); in the text form all of it is base64 (base64.h). Pure.
#pragma once

#include <string>

#include "codec/headers.h"

namespace tl::codec {

inline constexpr uint8_t kGrpcWebTrailerFlag = 0x80;

// "grpc-status: 0\r\n..." behind a head with the flag of trailers; names in lower case.
[[nodiscard]] std::string grpc_web_trailer_frame(const HeaderTable& trailers);

}  // namespace tl::codec
