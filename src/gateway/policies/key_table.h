// Counters of many callers that all cores share: a bounded table of (key, state) pairs of 64-bit atomics, in sets
// of 16. Any core, no mutex: a key that is there is found by reading, and its state changes by compare-and-swap. Only a
// key that is new takes its set's flag for the moment in which it gets a cell.
//
// A cell is given to a new key only when its state is idle: when it says no more than a new one would. So nobody can
// push out what counts. When all 16 are busy, the key shares the set's spare cell with all others that found none:
// these together have the allowance of one. Memory is what the constructor takes.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <span>

namespace tl::gateway {

// What the states mean; the table itself does not know. `Rule` has:
//   bool idle(uint64_t state) const;                      no more than a new state (0) says
//   std::optional<uint64_t> step(uint64_t state);         the state after this request; nullopt: it stays
//   uint64_t undo(uint64_t state) const;                  takes a step back
class KeyTable {
  public:
    struct Cell {
        uint64_t key = 0;  // 0: free. Both by std::atomic_ref only
        uint64_t state = 0;
    };
    static constexpr size_t kWays = 16;

    // Rounded up to a power of two, 16 at least. 16 bytes a key, touched as they are used.
    explicit KeyTable(size_t keys);

    // Where a step went.
    struct Place {
        Cell* cell;
        bool shared;  // with other keys, for lack of room
        bool fresh;   // the key has got this cell now
    };
    // `key` is neither 0 nor all ones.
    template <class Rule>
    Place update(uint64_t key, Rule& rule) {
        for (;;) {
            const Place place = find(key, rule);
            if (!advance(place.cell->state, rule)) return place;
            if (place.shared || key_of(*place.cell).load() == key) return place;
            // It had become idle and was given to another key in between.
            take_back(place.cell->state, rule);
        }
    }
    // A step of update() that must not count any more.
    template <class Rule>
    static void take_back(uint64_t& state, const Rule& rule) {
        const std::atomic_ref<uint64_t> shared{state};
        uint64_t seen = shared.load();
        while (!shared.compare_exchange_weak(seen, rule.undo(seen))) {
        }
    }

    // The key's state as it is now; of keys that share, what all of them have used.
    [[nodiscard]] uint64_t peek(uint64_t key) const {
        Set& set = sets_.get()[key & mask_];
        Cell* const own = own_cell(set, key);
        return std::atomic_ref<uint64_t>{own != nullptr ? own->state : set.spare.state}.load();
    }

    // For views and for saving; other cores go on meanwhile. `visit(key, state)` for each key that has a cell.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (size_t i = 0; i <= mask_; ++i) {
            for (Cell& cell : cells_of(i)) {
                const uint64_t key = key_of(cell).load();
                if (key != 0 && key != kMoving) visit(key, std::atomic_ref<uint64_t>{cell.state}.load());
            }
        }
    }
    [[nodiscard]] size_t capacity() const { return (mask_ + 1) * kWays; }

  private:
    static constexpr uint64_t kMoving = ~uint64_t{0};  // a cell that changes hands
    static constexpr int kPatience = 64;               // tries for a set's flag before the spare cell does

    struct Set {
        Cell cells[kWays];
        Cell spare;
        uint64_t claimed = 0;  // the flag
    };
    struct Free {
        void operator()(Set* sets) const { std::free(sets); }
    };

    [[nodiscard]] static std::atomic_ref<uint64_t> key_of(Cell& cell) { return std::atomic_ref<uint64_t>{cell.key}; }
    [[nodiscard]] std::span<Cell, kWays> cells_of(size_t set) const { return sets_.get()[set].cells; }

    // False: the rule let the state be.
    template <class Rule>
    static bool advance(uint64_t& state, Rule& rule) {
        const std::atomic_ref<uint64_t> shared{state};
        uint64_t seen = shared.load();
        for (;;) {
            const std::optional<uint64_t> next = rule.step(seen);
            if (!next) return false;
            if (shared.compare_exchange_weak(seen, *next)) return true;
        }
    }
    // The key's own cell, from where its hash points on; nullptr: it has none.
    [[nodiscard]] static Cell* own_cell(Set& set, uint64_t key) {
        for (size_t i = 0; i < kWays; ++i) {
            Cell& cell = set.cells[(i + (key >> 56)) % kWays];
            if (key_of(cell).load() == key) return &cell;
        }
        return nullptr;
    }
    template <class Rule>
    Place find(uint64_t key, const Rule& rule) {
        Set& set = sets_.get()[key & mask_];
        if (Cell* const own = own_cell(set, key)) return {own, false, false};
        const std::atomic_ref<uint64_t> flag{set.claimed};
        for (int i = 0; i < kPatience; ++i) {
            if (flag.exchange(1) != 0) continue;
            Cell* cell = own_cell(set, key);  // another core was first
            const bool fresh = cell == nullptr;
            if (fresh) cell = claim(set, key, rule);
            flag.store(0);
            if (cell == nullptr) break;
            return {cell, false, fresh};
        }
        return {&set.spare, true, false};
    }
    // Behind the flag. The order matters: a key that steps looks at the cell's key afterwards, we look at the state
    // after the key has gone, so one of the two notices the other (both are sequentially consistent).
    template <class Rule>
    static Cell* claim(Set& set, uint64_t key, const Rule& rule) {
        for (size_t i = 0; i < kWays; ++i) {
            Cell& cell = set.cells[(i + (key >> 56)) % kWays];
            const std::atomic_ref<uint64_t> state{cell.state};
            if (!rule.idle(state.load())) continue;
            const uint64_t former = key_of(cell).exchange(kMoving);
            if (!rule.idle(state.load())) {
                key_of(cell).store(former);
                continue;
            }
            key_of(cell).store(key);
            return &cell;
        }
        return nullptr;
    }

    size_t mask_;                        // sets - 1
    std::unique_ptr<Set[], Free> sets_;  // from calloc, so that unused pages stay unused
};

}  // namespace tl::gateway
