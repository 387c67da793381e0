// `trunkline quotas`: who has used how much of its quota. Reads the files of the state folder, so it works whether a
// Trunkline runs or not; one that runs has saved what was counted until a second ago.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "app/cli/table.h"
#include "app/up.h"
#include "base/text.h"
#include "gateway/policies/quota_count.h"
#include "gateway/policies/quota_file.h"

namespace tl::app {

using Json = nlohmann::ordered_json;

namespace {

uint64_t current_window(const std::string& per) {
    using gateway::Period;
    const auto seconds = static_cast<uint64_t>(base::wall_now().time_since_epoch() / std::chrono::seconds{1});
    if (per == "hour") return gateway::window_at(Period::Kind::hour, seconds).number;
    return gateway::window_at(per == "day" ? Period::Kind::day : Period::Kind::month, seconds).number;
}

std::string who_of(const gateway::QuotaRow& row) {
    return row.who.empty() ? "(" + base::hex64(row.key).substr(0, 12) + ")" : row.who;
}

// Of this period, who has used most first.
std::vector<gateway::QuotaRow> rows_of(const gateway::QuotaFile& file) {
    std::vector<gateway::QuotaRow> rows = file.rows;
    const uint64_t now = current_window(file.per);
    std::erase_if(rows, [&](const gateway::QuotaRow& row) { return row.window < now; });
    std::ranges::sort(rows, std::greater{}, &gateway::QuotaRow::used);
    return rows;
}

}  // namespace

int run_quotas(const QuotasOptions& options) {
    Table table({{"QUOTA"}, {"WHO"}, {"USED", true}, {"OF", true}});
    Json list = Json::array();
    for (const gateway::QuotaFile& file : gateway::read_quota_files(options.project.state_dir)) {
        for (const gateway::QuotaRow& row : rows_of(file)) {
            table.add(
                {{file.quota}, {who_of(row)}, {fmt::to_string(row.used)}, {row.of == 0 ? "" : fmt::to_string(row.of)}});
            list.push_back(
                {{"quota", file.quota}, {"per", file.per}, {"who", who_of(row)}, {"used", row.used}, {"of", row.of}});
        }
    }
    if (options.json) {
        fmt::print("{}\n", Json{{"quotas", std::move(list)}}.dump(2));
    } else if (table.empty()) {
        fmt::print("nothing is counted by a quota in this period\n");
    } else {
        fmt::print("{}", table.print(options.colour));
    }
    return kOk;
}

}  // namespace tl::app
