// Limits and quotas that several gateways share through Redis. Redis holds one GCRA state a caller, or its count in a
// period, changed by a script that is atomic there; limits go by Redis' own clock. A gateway asks it for some requests
// in advance (a lease, half a percent of the rate), so that most decisions cost no hop: they are taken from the lease
// table by any core, like any counter.
//
// Between gateways no more can be let through than Redis grants; what may be off is what lies in leases: half a percent
// of the rate a gateway. Asking is the control core's background work, in batches on one connection. Requests wait for
// it for 5 ms at most, and not at all while Redis is not there or is slow: then the policy's on_store_failure decides.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "gateway/policies/caller_key.h"
#include "gateway/policies/keeper.h"
#include "gateway/policies/key_table.h"
#include "gateway/policies/lease.h"
#include "gateway/policies/quota_count.h"
#include "gateway/policies/redis_client.h"
#include "rt/event.h"
#include "rt/loop.h"

namespace tl::gateway {

// The leases of one rate. Any core.
struct Leases final : Kept {
    Leases(std::string its_name, size_t keys) : name(std::move(its_name)), table(keys), left(keys) {}
    std::string name;  // in Redis, behind the prefix
    KeyTable table;    // by Lease
    KeyTable left;     // what Redis has said was left for all gateways; packed like a lease

    // Whether Redis has to be asked before this caller's next request. Milliseconds of the steady clock.
    [[nodiscard]] bool lacks(uint64_t key, uint64_t now) const { return Lease{now, 0}.idle(table.peek(key)); }
    // What is left for all gateways, by what Redis has said last and while that holds.
    [[nodiscard]] std::optional<uint64_t> left_for_all(uint64_t key, uint64_t now) const;
};

// What a rate or a quota says, for the scripts.
struct SharedRate {
    uint64_t interval_ns = 0;  // of a rate
    uint64_t burst = 0;        // of a quota: how many in the period
    uint64_t lease = 1;        // requests asked for at a time
    uint64_t lasts_ms = 0;     // how long they may lie here
    uint64_t window = 0;       // of a quota: the period's number; 0: a rate
    uint64_t ends = 0;         // of a quota: when the period does, in seconds since 1970
};
[[nodiscard]] SharedRate make_shared_rate(uint64_t period_ns, uint64_t count, uint64_t burst);
// A lease of a quota lies here until the period ends, for it is taken for good.
[[nodiscard]] SharedRate make_shared_quota(uint64_t count, const QuotaWindow& window, uint64_t seconds_now);
// A caller as all gateways name it to Redis, before it is hashed.
[[nodiscard]] std::string name_for_all(const CallerText& caller);

class SharedLimits final : public Kept, public std::enable_shared_from_this<SharedLimits> {
  public:
    // `live`: inside the control core's loop; otherwise (for checks) it never runs.
    SharedLimits(RedisConfig config, std::string folder, bool live);

    rt::Task<void> run(rt::Cancel& stop) override;

    // ---- Any core
    struct Want {
        std::shared_ptr<Leases> leases;
        uint64_t key = 0;    // in the tables
        std::string caller;  // what the key was made of: the same bytes for all gateways
        SharedRate rate;
        uint64_t debt = 0;  // let through already without a lease
    };
    // Worth waiting for.
    [[nodiscard]] bool answers(base::TimePoint now) const {
        return up_.load(std::memory_order_relaxed) &&
               now.time_since_epoch().count() >= avoid_until_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool up() const { return up_.load(std::memory_order_relaxed); }
    // Asks, without waiting for the answer.
    void ask(Want want);
    // Asks and waits, for 5 ms at most. The answer is in the table.
    [[nodiscard]] rt::Task<void> ask_and_wait(Want want, rt::Cancel* cancel);

  private:
    struct Waiter {
        rt::Loop* home = nullptr;
        rt::Signal done;
        bool finished = false;
    };
    using WaiterPtr = std::shared_ptr<Waiter>;
    struct Pending {
        Want want;
        std::vector<WaiterPtr> waiters;
    };
    using PendingKey = std::pair<const Leases*, uint64_t>;

    // ---- Control core
    void enqueue(Want want, WaiterPtr waiter);
    static void finish(const Pending& pending);
    void fail_all();
    [[nodiscard]] rt::Task<base::Result<void>> open();
    [[nodiscard]] rt::Task<void> wait_and_reconnect(rt::Cancel& stop);
    [[nodiscard]] rt::Task<base::Result<void>> serve_batch();
    [[nodiscard]] std::string commands_for(const std::vector<Pending>& batch, bool whole_script) const;
    static void apply(const Pending& pending, const codec::RespReply& reply);

    RedisClient client_;
    rt::Loop* home_ = nullptr;
    std::atomic<bool> up_{false};
    std::atomic<int64_t> avoid_until_{0};    // ns of the steady clock: it was slow, so nobody waits for it
    std::map<PendingKey, Pending> pending_;  // at most kMostPending
    rt::Signal wanted_;
    std::string rate_script_;  // their SHA-1, as Redis says it
    std::string quota_script_;
    base::HashKey salt_;  // the same for all gateways; callers do not know it
    bool told_ = false;   // the log knows that it is away
};

}  // namespace tl::gateway
