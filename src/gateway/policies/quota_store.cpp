#include "gateway/policies/quota_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/log.h"
#include "gateway/policies/caller_key.h"

namespace tl::gateway {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kEvery = 1s;
constexpr base::Duration kPatience = 30s;  // with a disk; what it was given is written all the same, in its order

// What failed; "" when it is on the disk.
std::string write_file(const std::string& path, const std::string& text) {
    const std::string folder = std::filesystem::path{path}.parent_path().string();
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        return base::from_errno(errno, "mkdir " + folder).message();
    const auto done = replace_file(path, text);
    return done ? std::string{} : done.error().message();
}

uint64_t wall_seconds() { return static_cast<uint64_t>(base::wall_now().time_since_epoch() / 1s); }

}  // namespace

QuotaStore::QuotaStore(Options options) : table(options.keys), options_(std::move(options)), secret_(new_secret()) {
    if (options_.file.empty()) return;
    home_ = &rt::this_loop();
    load();
}

uint64_t QuotaStore::current_window() const { return window_at(options_.per, wall_seconds()).number; }

void QuotaStore::load() {
    auto file = read_quota_file(options_.file);
    if (!file && file.error().code == base::Code::not_found) return;
    if (!file) {
        // Kept for whoever wants to look; counting from nothing is better than refusing everybody.
        const std::string aside = options_.file + ".damaged";
        std::error_code ignored;
        std::filesystem::rename(options_.file, aside, ignored);
        TL_LOG(error, "quota", "{}: {}; it counts from 0 on, the file is now {}", options_.quota,
               file.error().message(), aside);
        return;
    }
    secret_ = file->secret;
    const uint64_t now = current_window();
    for (QuotaRow& row : file->rows) {
        QuotaRestore restore{now, QuotaCount::pack(row.window, std::min(row.used, QuotaCount::kMost))};
        if (row.key == 0 || restore.idle(restore.state)) continue;
        table.update(row.key, restore);
        if (callers_.size() < table.capacity()) callers_[row.key] = {std::move(row.who), row.of, row.window};
    }
}

void QuotaStore::introduce(uint64_t key, std::string who, uint64_t of) {
    if (home_ == nullptr) return;
    // A full mailbox loses the name, not the count.
    home_->post([self = shared_from_this(), key, who = std::move(who), of]() mutable {
        if (self->callers_.size() < self->table.capacity())
            self->callers_[key] = {std::move(who), of, self->current_window()};
    });
}

QuotaFile QuotaStore::snapshot() const {
    QuotaFile file{
        .quota = options_.quota, .per = to_string(Period{.kind = options_.per}), .secret = secret_, .rows = {}};
    const uint64_t now = current_window();
    table.for_each([&](uint64_t key, uint64_t state) {
        if (QuotaCount{now, 0}.idle(state)) return;
        QuotaRow& row = file.rows.emplace_back(QuotaRow{.key = key,
                                                        .window = QuotaCount::window_of(state),
                                                        .used = QuotaCount::count_of(state),
                                                        .of = 0,
                                                        .who = {}});
        const auto caller = callers_.find(key);
        if (caller == callers_.end()) return;
        row.of = caller->second.of;
        row.who = caller->second.who;
    });
    return file;
}

rt::Task<void> QuotaStore::save() {
    const QuotaFile file = snapshot();
    std::string text = format_quota_file(file);
    if (text == written_) co_return;
    const auto written = co_await rt::run_on(
        writer_->loop(), [path = options_.file, text] { return write_file(path, text); },
        rt::this_loop().within(kPatience));
    const std::string failure = written ? *written : written.error().message();
    if (!failure.empty() && !failing_) {
        TL_LOG(error, "quota", "{}: counts cannot be saved and would not survive an end: {}", options_.quota, failure);
    }
    if (failure.empty() && failing_) TL_LOG(info, "quota", "{}: counts are saved again", options_.quota);
    failing_ = !failure.empty();
    if (failing_) co_return;
    written_ = std::move(text);
    // Callers of former periods are forgotten; who calls again is introduced again.
    std::erase_if(callers_, [now = current_window()](const auto& caller) { return caller.second.window < now; });
}

rt::Task<void> QuotaStore::run(rt::Cancel& stop) {
    if (home_ == nullptr) co_return;
    writer_ = std::make_unique<rt::Core>("tl-quota");
    while (!stop.requested()) {
        [[maybe_unused]] const rt::Wake wake = co_await rt::sleep(kEvery, &stop);
        co_await save();
    }
    writer_.reset();
}

}  // namespace tl::gateway
