// Content codings that answers are compressed with: gzip (RFC 1952), br (RFC 7932), zstd (RFC 8878). Each feed ends in
// a flush, so that what a service has said so far can be read so far. Memory of one is bounded by its window, whatever
// it is fed. One answer each, on one core.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tl::gateway {

enum class Coding : uint8_t { gzip, br, zstd };
inline constexpr size_t kCodings = 3;

[[nodiscard]] std::string_view name_of(Coding coding);

class Encoder {
  public:
    virtual ~Encoder() = default;
    // Appends to `out`; with `end` nothing follows.
    [[nodiscard]] virtual base::Result<void> feed(std::string_view data, bool end, std::string& out) = 0;
};

// nullptr: out of memory.
[[nodiscard]] std::unique_ptr<Encoder> make_encoder(Coding coding);
// What one holds at most, in bytes.
[[nodiscard]] size_t memory_of(Coding coding);

// Which of `offered` (ours, the best first) a client wants (RFC 9110 12.5.3): the highest q, then our order; nullptr:
// none, the answer goes on as it is. `accept` is all of Accept-Encoding.
[[nodiscard]] const Coding* choose_coding(std::string_view accept, const std::vector<Coding>& offered);

}  // namespace tl::gateway
