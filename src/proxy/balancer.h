// Who gets the next request: the instances of one group (all of a service, or those of one version and zone) with the
// tables that the service's policy needs. Tables are built when the set or a weight changes, never for a request, and
// are bounded by the number of instances. One core; Upstream owns it.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/random.h"
#include "proxy/alias_table.h"
#include "proxy/balance.h"
#include "proxy/hash_table.h"
#include "proxy/instance.h"
#include "proxy/turn_schedule.h"

namespace tl::proxy {

// What a request asks of a balancer.
struct Pick {
    base::Random& random;
    base::TimePoint now;                 // instances that are ejected beyond this are passed over
    std::span<const uint64_t> tried{};   // serials of the instances that had it already
    std::optional<uint64_t> hash{};      // of who it is, for the policies that hash
    uint32_t most_waiting = UINT32_MAX;  // one that waits for so many answers, or has so many connections, is full
    Protocol protocol = Protocol::http1;
};

class Balancer {
  public:
    // Instances must stay until the next build. `random` says where a round begins.
    void build(std::vector<Instance*> members, const BalanceRule& rule, base::Random& random);
    // Weights have changed (slow start), members have not.
    void reweigh();

    // One that is neither ejected, tried nor full; nullptr: there is none.
    [[nodiscard]] Instance* pick(const Pick& want);
    [[nodiscard]] std::span<Instance* const> members() const { return members_; }

  private:
    [[nodiscard]] Instance* by_two_choices(const Pick& want);
    [[nodiscard]] Instance* by_turns(const Pick& want);
    template <class Table>
    [[nodiscard]] Instance* by_hash(const Table& table, const Pick& want);
    [[nodiscard]] Instance* least_loaded(const Pick& want) const;
    [[nodiscard]] Instance* better_of(Instance* a, Instance* b, base::TimePoint now) const;
    [[nodiscard]] std::vector<double> shares() const;

    Policy policy_ = Policy::least_request;
    std::vector<Instance*> members_;
    AliasTable alias_;  // empty while all weights are equal
    TurnSchedule turns_;
    HashRing ring_;
    MaglevTable maglev_;
};

}  // namespace tl::proxy
