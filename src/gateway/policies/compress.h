// Compresses answers for clients that want it, piece by piece as they stream: what is worth it by its type and size,
// and nothing that is encoded already, a part, an event stream or gRPC.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/policies/context.h"
#include "gateway/policies/encoders.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct CompressConfig {
    manifest::Position at;
    std::vector<Coding> codings{Coding::zstd, Coding::br, Coding::gzip};  // the best first
    std::vector<std::string> types{
        "text/*",          "application/json",  "application/*+json", "application/javascript",
        "application/xml", "application/*+xml", "application/wasm",   "image/svg+xml"};
    uint64_t least = 1024;  // bytes
};

[[nodiscard]] const manifest::Object<CompressConfig>& compress_schema();
[[nodiscard]] FilterPtr make_compress_filter(const CompressConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
