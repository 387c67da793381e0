#include "proxy/subsets.h"

#include <algorithm>
#include <set>

namespace tl::proxy {

using telemetry::kNoName;
using telemetry::NameId;

namespace {

constexpr size_t kMostVersions = 16;
constexpr size_t kMostZones = 16;

template <class Belongs>
std::vector<Instance*> those(std::span<Instance* const> all, Belongs belongs) {
    std::vector<Instance*> out;
    std::ranges::copy_if(all, std::back_inserter(out), [&](const Instance* one) { return belongs(*one); });
    return out;
}

uint64_t weight_of(std::span<Instance* const> members) {
    uint64_t sum = 0;
    for (const Instance* member : members) sum += member->weight;
    return sum;
}

}  // namespace

void Subsets::build(std::span<Instance* const> current, std::span<const Absent> absent, const BalanceRule& rule,
                    base::Random& random) {
    versions_.clear();
    std::set<NameId> names;
    for (const Instance* instance : current) names.insert(instance->version);
    add(kNoName, current, absent, rule, random);
    one_version_ = names.size() <= 1;
    only_ = names.empty() ? kNoName : *names.begin();
    if (one_version_) return;
    for (const NameId name : names) {
        if (versions_.size() > kMostVersions) break;  // manifests cannot name more
        const auto members = those(current, [&](const Instance& one) { return one.version == name; });
        add(name, members, absent, rule, random);
    }
}

void Subsets::add(NameId name, std::span<Instance* const> current, std::span<const Absent> absent,
                  const BalanceRule& rule, base::Random& random) {
    Version& version = *versions_.emplace_back(std::make_unique<Version>());
    version.name = name;
    version.all.build({current.begin(), current.end()}, rule, random);
    std::set<NameId> names;
    for (const Instance* instance : current) names.insert(instance->zone);
    if (!rule.prefer_zone || names.size() < 2) return;
    names.erase(kNoName);
    for (const NameId zone : names) {
        if (version.zones.size() == kMostZones) break;
        Zone& one = version.zones.emplace_back();
        one.name = zone;
        one.own.build(those(current, [&](const Instance& at) { return at.zone == zone; }), rule, random);
        one.others.build(those(current, [&](const Instance& at) { return at.zone != zone; }), rule, random);
        uint64_t missing = 0;
        for (const Absent& other : absent) {
            const bool ours = other.zone == zone && (name == kNoName || other.version == name);
            if (ours) missing += other.weight;
        }
        const auto here = static_cast<double>(weight_of(one.own.members()));
        one.own_share = std::min(1.0, kSpare * here / (here + static_cast<double>(missing)));
    }
}

void Subsets::reweigh() {
    for (const auto& version : versions_) {
        version->all.reweigh();
        for (Zone& zone : version->zones) {
            zone.own.reweigh();
            zone.others.reweigh();
        }
    }
}

Subsets::Version* Subsets::find(NameId version) const {
    if (versions_.empty()) return nullptr;
    if (version == kNoName || (one_version_ && version == only_)) return versions_.front().get();
    for (const auto& one : versions_) {
        if (one->name == version) return one.get();
    }
    return nullptr;
}

Instance* Subsets::pick_among(Version& version, NameId zone, const Pick& want) {
    if (version.zones.empty() || zone == kNoName) return version.all.pick(want);
    const auto found = std::ranges::find(version.zones, zone, &Zone::name);
    if (found == version.zones.end()) return version.all.pick(want);
    bool own = found->own_share >= 1;
    if (!own) {
        // Who is hashed stays on the same side of the line.
        const double dice = want.hash ? static_cast<double>(base::mix(*want.hash) >> 11) * 0x1p-53 : want.random.unit();
        own = dice < found->own_share;
    }
    Instance* const first = (own ? found->own : found->others).pick(want);
    return first != nullptr ? first : (own ? found->others : found->own).pick(want);
}

Instance* Subsets::pick(const Selector& where, const Pick& want) {
    Version* const version = find(where.version);
    if (version == nullptr) return nullptr;
    if (Instance* const instance = pick_among(*version, where.zone, want)) [[likely]]
        return instance;
    if (version->all.members().empty()) return nullptr;
    // Better one that was ejected than none, and better one that was tried than none.
    Pick anybody = want;
    anybody.now = base::kNever;
    if (Instance* const instance = pick_among(*version, where.zone, anybody)) return instance;
    anybody.tried = {};
    return pick_among(*version, where.zone, anybody);
}

}  // namespace tl::proxy
