// Names as numbers, so that a record of a request holds 4 bytes where the name of a route or an instance
// would stand. One table for the process, owned by app/ and passed by reference; it only grows, up to a cap.
// intern() is for configuration time (it takes a mutex); text() is for any thread at any time and takes none.
// Not for what clients send: that would fill the table.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tl::telemetry {

using NameId = uint32_t;

inline constexpr NameId kNoName = 0;     // ""
inline constexpr NameId kOtherName = 1;  // "other": the table was full

class NameTable {
  public:
    static constexpr uint32_t kMost = 65536;     // ids fit into 16 bits
    static constexpr size_t kLongestName = 256;  // what is longer is cut

    NameTable();
    ~NameTable();
    NameTable(const NameTable&) = delete;
    NameTable& operator=(const NameTable&) = delete;

    // The same text gives the same id for ever; kOtherName when the table is full.
    [[nodiscard]] NameId intern(std::string_view text);
    // Lives as long as the table. An id that was never given is "other".
    [[nodiscard]] std::string_view text(NameId id) const;
    [[nodiscard]] uint32_t size() const { return size_.load(std::memory_order_acquire); }

  private:
    static constexpr uint32_t kBlock = 256;
    using Block = std::array<std::string, kBlock>;

    // A block is written before size_ is raised past it (release), and never moves: readers need no lock.
    std::array<std::unique_ptr<Block>, kMost / kBlock> blocks_;
    std::atomic<uint32_t> size_{0};
    std::mutex mutex_;  // guards ids_ and all writing
    std::unordered_map<std::string_view, NameId> ids_;
};

}  // namespace tl::telemetry
