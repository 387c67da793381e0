// From the hash of a request to an instance, so that the same hash finds the same one as long as it is there, and few
// move when one comes or goes. Two ways: a ring of points, several for each instance (Karger and others, 1997;
// "ketama"), and Maglev's table (Eisenbud and others, 2016, section 3.4), which spreads more evenly and is found
// faster, but moves a few more. Made from names and weights alone, so that all cores and gateways agree. Immutable once
// built; bounded.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tl::proxy {

struct Weighted {
    uint64_t hash = 0;  // of its name
    double weight = 1;  // above 0
};

class HashRing {
  public:
    static constexpr size_t kPointsEach = 512;  // of the heaviest: loads are within about 10 % of each other
    static constexpr size_t kMostPoints = 65536;

    void build(std::span<const Weighted> members);
    // The place of a hash on the ring; then place + 1, + 2 ... (mod size) are its next choices. 0 of an empty ring.
    [[nodiscard]] size_t place(uint64_t hash) const;
    [[nodiscard]] size_t member(size_t place) const { return points_[place].member; }
    [[nodiscard]] size_t size() const { return points_.size(); }

  private:
    struct Point {
        uint64_t hash = 0;
        uint16_t member = 0;
    };
    std::vector<Point> points_;  // by hash
};

class MaglevTable {
  public:
    void build(std::span<const Weighted> members);
    [[nodiscard]] size_t place(uint64_t hash) const { return hash % size_; }
    [[nodiscard]] size_t member(size_t place) const { return table_[place]; }
    [[nodiscard]] size_t size() const { return table_.size(); }

  private:
    uint64_t size_ = 1;
    std::vector<uint16_t> table_;
};

}  // namespace tl::proxy
