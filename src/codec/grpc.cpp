#include "codec/grpc.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace tl::codec {

namespace {

struct StatusInfo {
    std::string_view name;
    std::string_view number;
    uint16_t http;
};

constexpr std::array<StatusInfo, kGrpcStatuses> kInfos{{
    {"ok", "0", 200},
    {"cancelled", "1", 499},
    {"unknown", "2", 500},
    {"invalid_argument", "3", 400},
    {"deadline_exceeded", "4", 504},
    {"not_found", "5", 404},
    {"already_exists", "6", 409},
    {"permission_denied", "7", 403},
    {"resource_exhausted", "8", 429},
    {"failed_precondition", "9", 400},
    {"aborted", "10", 409},
    {"out_of_range", "11", 400},
    {"unimplemented", "12", 501},
    {"internal", "13", 500},
    {"unavailable", "14", 503},
    {"data_loss", "15", 500},
    {"unauthenticated", "16", 401},
}};

constexpr std::string_view kType = "application/grpc";
constexpr std::string_view kWeb = "-web";
constexpr std::string_view kText = "-text";

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!base::iequals(text.substr(0, prefix.size()), prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

}  // namespace

std::string_view name_of(GrpcStatus status) { return kInfos[static_cast<size_t>(status)].name; }

std::string_view number_text(GrpcStatus status) { return kInfos[static_cast<size_t>(status)].number; }

std::optional<GrpcStatus> grpc_status_named(std::string_view name) {
    const auto* const info = std::ranges::find(kInfos, name, &StatusInfo::name);
    if (info == kInfos.end()) return std::nullopt;
    return static_cast<GrpcStatus>(info - kInfos.begin());
}

std::optional<GrpcStatus> grpc_status_in(const HeaderTable& fields) {
    const Header* const field = fields.find(kGrpcStatusField);
    if (field == nullptr) return std::nullopt;
    const auto* const info = std::ranges::find(kInfos, field->value, &StatusInfo::number);
    return info == kInfos.end() ? GrpcStatus::unknown : static_cast<GrpcStatus>(info - kInfos.begin());
}

uint16_t http_status_of(GrpcStatus status) { return kInfos[static_cast<size_t>(status)].http; }

GrpcStatus grpc_status_of_http(uint16_t status) {
    switch (status) {
        case 400: return GrpcStatus::internal;
        case 401: return GrpcStatus::unauthenticated;
        case 403: return GrpcStatus::permission_denied;
        case 404: return GrpcStatus::unimplemented;
        case 429:
        case 502:
        case 503:
        case 504: return GrpcStatus::unavailable;
        default: return GrpcStatus::unknown;
    }
}

GrpcKind grpc_kind(std::string_view content_type) {
    if (!take_prefix(content_type, kType)) return GrpcKind::none;
    GrpcKind kind = GrpcKind::grpc;
    if (take_prefix(content_type, kWeb)) kind = take_prefix(content_type, kText) ? GrpcKind::web_text : GrpcKind::web;
    const bool ends = content_type.empty() || content_type.front() == '+' || content_type.front() == ';' ||
                      content_type.front() == ' ';
    return ends ? kind : GrpcKind::none;
}

std::string_view grpc_subtype(std::string_view content_type) {
    if (!take_prefix(content_type, kType)) return "";
    if (take_prefix(content_type, kWeb)) take_prefix(content_type, kText);
    return content_type;
}

std::string encode_grpc_message(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<uint8_t>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '%') {
            encoded += c;
        } else {
            encoded += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
        }
    }
    return encoded;
}

std::string grpc_frame_head(uint8_t flags, uint32_t length) {
    std::string head{static_cast<char>(flags)};
    for (const int shift : {24, 16, 8, 0}) head += static_cast<char>(length >> shift);
    return head;
}

bool GrpcMeter::pass(std::string_view data, uint64_t most) {
    while (!data.empty()) {
        if (left_ > 0) {
            const auto passing = static_cast<uint32_t>(std::min<size_t>(left_, data.size()));
            left_ -= passing;
            data.remove_prefix(passing);
            continue;
        }
        // The first byte of a head is the flag; the length behind it.
        length_ = head_ == 0 ? 0 : length_ << 8 | static_cast<uint8_t>(data.front());
        data.remove_prefix(1);
        if (++head_ < kGrpcFrameHead) continue;
        head_ = 0;
        left_ = length_;
        if (left_ > most) return false;
    }
    return true;
}

}  // namespace tl::codec
