// The messages of grpc.reflection (grpc/grpc-proto, grpc/reflection/v1/reflection.proto) as bytes. Pure.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace tl::gateway {

enum class ReflectionAsk : uint8_t { file = 3, symbol = 4, services = 7 };

// A framed ServerReflectionRequest.
[[nodiscard]] std::string reflection_request(ReflectionAsk what, std::string_view text);

struct ReflectionAnswer {
    std::vector<std::string> services;  // names
    std::vector<std::string> files;     // each a FileDescriptorProto
    std::string error;                  // "NOT_FOUND: ...", of one question
};
// What all framed messages of a body say; the error says why they are none.
[[nodiscard]] std::expected<ReflectionAnswer, std::string> parse_reflection(std::string_view body, size_t most);

// The names of the files that these import and that are not among them; their own names in `have`.
struct FileNames {
    std::vector<std::string> have;
    std::vector<std::string> missing;
};
[[nodiscard]] FileNames imports_of(const std::vector<std::string>& files);

}  // namespace tl::gateway
