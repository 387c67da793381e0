#include "proxy/hash_table.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/hash.h"

namespace tl::proxy {

// ---- The ring

void HashRing::build(std::span<const Weighted> members) {
    points_.clear();
    double heaviest = 0;
    for (const Weighted& member : members) heaviest = std::max(heaviest, member.weight);
    // Halved, not divided: the points of those that stay must not depend on how many there are.
    size_t each = kPointsEach;
    while (each > 1 && each * members.size() > kMostPoints) each /= 2;
    for (size_t i = 0; i < members.size(); ++i) {
        // At least one, so that nobody starves.
        const double wanted = members[i].weight / heaviest * static_cast<double>(each);
        const auto points = static_cast<uint64_t>(std::max(1.0, std::round(wanted)));
        for (uint64_t k = 0; k < points; ++k) {
            points_.push_back({base::mix(members[i].hash + base::mix(k + 1)), static_cast<uint16_t>(i)});
        }
    }
    std::ranges::sort(points_, {}, &Point::hash);
}

size_t HashRing::place(uint64_t hash) const {
    const auto found = std::ranges::lower_bound(points_, hash, {}, &Point::hash);
    return found == points_.end() ? 0 : static_cast<size_t>(found - points_.begin());
}

// ---- Maglev

namespace {

// Primes, so that every step walks through the whole table. The smallest with a hundred places for each member is
// taken: then loads differ by about 1 %. The paper calls 65,537 small.
constexpr std::array<uint64_t, 4> kSizes{4093, 16381, 32749, 65537};

uint64_t size_for(size_t members) {
    for (const uint64_t size : kSizes) {
        if (size >= members * 100) return size;
    }
    return kSizes.back();
}

// A member's own order of the places.
struct Preference {
    uint64_t next = 0;
    uint64_t skip = 1;
    double normal = 1;  // its weight; the heaviest has 1
    double turns = 0;   // that it has earned
};

}  // namespace

void MaglevTable::build(std::span<const Weighted> members) {
    size_ = size_for(members.size());
    table_.clear();
    if (members.empty()) return;
    double heaviest = 0;
    for (const Weighted& member : members) heaviest = std::max(heaviest, member.weight);
    std::vector<Preference> preferences;
    for (const Weighted& member : members) {
        preferences.push_back({.next = base::mix(member.hash) % size_,
                               .skip = base::mix(member.hash ^ 0x9e3779b97f4a7c15ULL) % (size_ - 1) + 1,
                               .normal = member.weight / heaviest});
    }
    constexpr uint16_t kFree = UINT16_MAX;
    table_.assign(size_, kFree);
    for (uint64_t taken = 0; taken < size_;) {
        for (size_t i = 0; i < preferences.size() && taken < size_; ++i) {
            Preference& mine = preferences[i];
            mine.turns += mine.normal;
            if (mine.turns < 1) continue;
            mine.turns -= 1;
            while (table_[mine.next] != kFree) mine.next = (mine.next + mine.skip) % size_;
            table_[mine.next] = static_cast<uint16_t>(i);
            ++taken;
        }
    }
}

}  // namespace tl::proxy
