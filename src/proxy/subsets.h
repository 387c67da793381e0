// The instances of a service, sorted into the groups that requests ask for: by version, and for each version by zone. A
// caller's own zone comes first as long as it can carry its load; the part that it cannot carry goes elsewhere. Groups
// are built when the set changes. One core; Upstream owns it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "proxy/balancer.h"
#include "proxy/endpoints.h"

namespace tl::proxy {

// Which instances a request may go to.
struct Selector {
    telemetry::NameId version = telemetry::kNoName;  // none: any
    telemetry::NameId zone = telemetry::kNoName;     // of the caller; none: no preference
};

// An instance of the service that gets nothing because it is not well.
struct Absent {
    telemetry::NameId version = telemetry::kNoName;
    telemetry::NameId zone = telemetry::kNoName;
    uint32_t weight = 1;
};

class Subsets {
  public:
    // What a zone takes on top of its share when some of its instances are missing: with 1.4, five of seven still carry
    // all of it (the overprovisioning factor of Envoy).
    static constexpr double kSpare = 1.4;

    void build(std::span<Instance* const> current, std::span<const Absent> absent, const BalanceRule& rule,
               base::Random& random);
    // Weights have changed, members have not.
    void reweigh();

    // Ejected and tried ones only if there are no others. nullptr: there is none at all.
    [[nodiscard]] Instance* pick(const Selector& where, const Pick& want);
    [[nodiscard]] bool has(telemetry::NameId version) const { return find(version) != nullptr; }

  private:
    struct Zone {
        telemetry::NameId name = telemetry::kNoName;
        double own_share = 1;  // of its callers' requests that it takes itself
        Balancer own;
        Balancer others;
    };
    struct Version {
        telemetry::NameId name = telemetry::kNoName;
        Balancer all;
        std::vector<Zone> zones;  // empty where there is only one, or none is preferred
    };
    void add(telemetry::NameId version, std::span<Instance* const> current, std::span<const Absent> absent,
             const BalanceRule& rule, base::Random& random);
    [[nodiscard]] Version* find(telemetry::NameId version) const;
    [[nodiscard]] static Instance* pick_among(Version& version, telemetry::NameId zone, const Pick& want);

    std::vector<std::unique_ptr<Version>> versions_;  // the first is all of them
    bool one_version_ = true;
    telemetry::NameId only_ = telemetry::kNoName;
};

}  // namespace tl::proxy
