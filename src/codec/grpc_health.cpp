#include "codec/grpc_health.h"

#include "codec/grpc.h"

namespace tl::codec {

namespace {

enum class Wire : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// `service` is field 1 of the request, `status` field 1 of the answer.
constexpr char kServiceTag = 1 << 3 | static_cast<char>(Wire::bytes);
constexpr uint64_t kStatusTag = 1 << 3 | static_cast<uint64_t>(Wire::varint);
constexpr int kMostVarint = 10;

void append_varint(std::string& to, uint64_t number) {
    for (; number >= 0x80; number >>= 7) to += static_cast<char>(number | 0x80U);
    to += static_cast<char>(number);
}

std::optional<uint64_t> take_varint(std::string_view& from) {
    uint64_t number = 0;
    for (int i = 0; i < kMostVarint && !from.empty(); ++i) {
        const auto byte = static_cast<uint8_t>(from.front());
        from.remove_prefix(1);
        number |= static_cast<uint64_t>(byte & 0x7fU) << (7 * i);
        if (byte < 0x80) return number;
    }
    return std::nullopt;
}

// Fields that a later version of the protocol may add.
bool skip_field(uint64_t tag, std::string_view& from) {
    uint64_t size = 0;
    switch (static_cast<Wire>(tag & 7U)) {
        case Wire::varint: return take_varint(from).has_value();
        case Wire::fixed64: size = 8; break;
        case Wire::fixed32: size = 4; break;
        case Wire::bytes: {
            const auto length = take_varint(from);
            if (!length) return false;
            size = *length;
            break;
        }
        default: return false;
    }
    if (size > from.size()) return false;
    from.remove_prefix(size);
    return true;
}

}  // namespace

std::string_view name_of(GrpcHealth health) {
    switch (health) {
        case GrpcHealth::unknown: return "UNKNOWN";
        case GrpcHealth::serving: return "SERVING";
        case GrpcHealth::not_serving: return "NOT_SERVING";
        case GrpcHealth::service_unknown: return "SERVICE_UNKNOWN";
    }
    return "UNKNOWN";
}

std::string grpc_health_request(std::string_view service) {
    std::string message;
    if (!service.empty()) {
        message += kServiceTag;
        append_varint(message, service.size());
        message += service;
    }
    return grpc_frame_head(0, static_cast<uint32_t>(message.size())) + message;
}

std::optional<GrpcHealth> parse_grpc_health(std::string_view body) {
    if (body.size() < kGrpcFrameHead) return std::nullopt;
    std::string_view message = body.substr(kGrpcFrameHead);
    if (body.substr(0, kGrpcFrameHead) != grpc_frame_head(0, static_cast<uint32_t>(message.size())))
        return std::nullopt;
    uint64_t status = 0;  // what is not said is 0
    while (!message.empty()) {
        const auto tag = take_varint(message);
        if (!tag || (*tag != kStatusTag && !skip_field(*tag, message))) return std::nullopt;
        if (*tag != kStatusTag) continue;
        const auto value = take_varint(message);
        if (!value) return std::nullopt;
        status = *value;
    }
    return status <= 3 ? static_cast<GrpcHealth>(status) : GrpcHealth::unknown;
}

}  // namespace tl::codec
