// The counts of one quota: the table that all cores count in, and its file in the state folder. Kept over reloads;
// written by the control core's background work once a second while anything has changed, and at the end, by a thread
// of its own so that a slow disk holds nobody up.
//
// What may be lost: an orderly end loses nothing. kill -9, a crash and an upgrade lose what was counted behind the last
// write that had begun: the requests of at most one second and of the time that one write takes. While the disk takes
// nothing (full, read-only) counting goes on in memory, that is said once in the log, and each second it is tried
// again.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "gateway/policies/keeper.h"
#include "gateway/policies/key_table.h"
#include "gateway/policies/quota_count.h"
#include "gateway/policies/quota_file.h"
#include "rt/core.h"

namespace tl::gateway {

class QuotaStore final : public Kept, public std::enable_shared_from_this<QuotaStore> {
  public:
    struct Options {
        std::string quota;  // which one, for people
        Period::Kind per = Period::Kind::month;
        size_t keys = 0;
        std::string file;  // "": nothing is written
    };
    // Reads the file, if there is one. On the control core, inside its loop if there is a file.
    explicit QuotaStore(Options options);

    rt::Task<void> run(rt::Cancel& stop) override;

    // Any core.
    KeyTable table;
    [[nodiscard]] base::HashKey secret() const { return secret_; }
    // The caller behind a key that is new in this period, for people.
    void introduce(uint64_t key, std::string who, uint64_t of);

  private:
    struct Caller {
        std::string who;
        uint64_t of = 0;
        uint64_t window = 0;  // in which it was introduced
    };
    [[nodiscard]] uint64_t current_window() const;
    void load();
    [[nodiscard]] QuotaFile snapshot() const;
    [[nodiscard]] rt::Task<void> save();

    Options options_;
    base::HashKey secret_;
    rt::Loop* home_ = nullptr;                      // the control core's; nullptr: nothing is written
    std::unordered_map<uint64_t, Caller> callers_;  // control core; as many as the table holds at most
    std::string written_;
    bool failing_ = false;
    std::unique_ptr<rt::Core> writer_;
};

}  // namespace tl::gateway
