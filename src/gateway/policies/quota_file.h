// The counts of one quota as a file of the state folder: how many requests each caller has had. A text of lines,
// replaced as a whole (a file beside it, fsync, rename, fsync of the folder), so that a crash leaves the former or the
// new one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/hash.h"

namespace tl::gateway {

struct QuotaRow {
    uint64_t key = 0;  // the caller's, by the file's secret
    uint64_t window = 0;
    uint64_t used = 0;
    uint64_t of = 0;  // 0: not known
    std::string who;  // for people; "" if not known
    bool operator==(const QuotaRow&) const = default;
};
struct QuotaFile {
    std::string quota;  // which one: "10000/month by api_key of gateway"
    std::string per;    // "month"
    base::HashKey secret;
    std::vector<QuotaRow> rows;
};

inline constexpr size_t kMostQuotaFile = size_t{4} << 30;  // bytes, of 16 million rows

// The last line holds a hash of all before it.
[[nodiscard]] std::string format_quota_file(const QuotaFile& file);
// Code::invalid: it is damaged.
[[nodiscard]] base::Result<QuotaFile> parse_quota_file(std::string_view text);

// Code::not_found when there is none.
[[nodiscard]] base::Result<QuotaFile> read_quota_file(const std::string& path);
// Blocks until it is on the disk.
[[nodiscard]] base::Result<void> replace_file(const std::string& path, std::string_view text);
// All that stand in the state folder; those that cannot be read are left out.
[[nodiscard]] std::vector<QuotaFile> read_quota_files(const std::string& state_folder);
[[nodiscard]] std::string quota_folder(const std::string& state_folder);

}  // namespace tl::gateway
