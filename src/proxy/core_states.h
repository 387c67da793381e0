// What a policy keeps on one core and over reloads: caches, leases, its view of what all cores share. A filter is
// immutable and shared, so it only holds a slot; the state is made by the first request of that core. Slots are given
// out on the control core by key: the same key, the same slot, so that state carries over from one manifest to the
// next.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tl::proxy {

class CoreState {
  public:
    virtual ~CoreState() = default;
};

using StateSlot = uint32_t;

// Control core. Bounded by what manifests can say: a slot is a policy of one.
class StateSlots {
  public:
    [[nodiscard]] StateSlot of(const std::string& key) {
        return slots_.try_emplace(key, static_cast<StateSlot>(slots_.size())).first->second;
    }

  private:
    std::map<std::string, StateSlot> slots_;
};

// One core.
class CoreStates {
  public:
    // T is the one type of that slot's key.
    template <class T>
    [[nodiscard]] T& get(StateSlot slot) {
        if (slot >= states_.size()) states_.resize(slot + 1);
        if (states_[slot] == nullptr) states_[slot] = std::make_unique<T>();
        return static_cast<T&>(*states_[slot]);
    }

  private:
    std::vector<std::unique_ptr<CoreState>> states_;
};

}  // namespace tl::proxy
