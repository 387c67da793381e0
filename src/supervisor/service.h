// One service as it runs: what it should be, its instances, and why it waits. Owned by Supervisor; tasks that await
// something for it hold a shared_ptr. Control loop only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rt/cancel.h"
#include "rt/event.h"
#include "supervisor/instance.h"

namespace tl::supervisor {

class Service {
  public:
    Service(Workshop& shop, ServiceSpec spec, rt::Cancel& life)
        : spec(std::make_shared<const ServiceSpec>(std::move(spec))), given_up(&life), shop_(shop) {}

    // A new instance with a name that no other had in this run; its run() is the caller's to spawn.
    [[nodiscard]] std::shared_ptr<Instance> add_instance(std::shared_ptr<const ServiceSpec> of, Trust trust);
    // Of an instance that has ended.
    void erase(const Instance& instance);
    // The `count` instances that will be missed least: those that do not run, then the newest.
    [[nodiscard]] std::vector<std::shared_ptr<Instance>> least_needed(size_t count) const;
    // See Supervisor::estate. The instances that are taken over; each one's run() is the caller's to spawn.
    [[nodiscard]] ServiceEstate estate() const;
    [[nodiscard]] std::vector<std::shared_ptr<Instance>> take_over(const ServiceEstate& estate);
    [[nodiscard]] ServiceStatus status(bool with_usage) const;

    std::shared_ptr<const ServiceSpec> spec;
    std::vector<std::shared_ptr<Instance>> instances;
    std::vector<std::string> waiting_for;    // what it calls and is not healthy yet
    std::optional<base::TimePoint> started;  // when its first instance was started
    bool mixed = false;                      // a change was done in part: not all instances are of `spec`
    std::string last_change;                 // why the last change failed
    rt::Event stopped;
    rt::Cancel given_up;  // removed, or the supervisor stops

  private:
    Workshop& shop_;
    uint32_t next_ordinal_ = 1;
};

}  // namespace tl::supervisor
