// Types for the members of config structs where a plain std type does not say enough: a value that remembers
// where it was written, and a map that keeps the written order. Plain values, owned by the config that holds
// them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/node.h"

namespace tl::manifest {

// For values that later checks point at: the name of another service, a port, a path.
template <class T>
struct Located {
    T value{};
    Position at;  // unknown if the value is a default

    bool operator==(const Located& other) const { return value == other.value; }
};

// Names to values as written. Lookup is linear: look up in an index of your own where it matters.
template <class T>
class OrderedMap {
  public:
    struct Item {
        Located<std::string> name;
        T value{};
    };

    [[nodiscard]] auto begin() const { return items_.begin(); }
    [[nodiscard]] auto end() const { return items_.end(); }
    [[nodiscard]] auto begin() { return items_.begin(); }
    [[nodiscard]] auto end() { return items_.end(); }
    [[nodiscard]] size_t size() const { return items_.size(); }
    [[nodiscard]] bool empty() const { return items_.empty(); }
    [[nodiscard]] const T* find(std::string_view name) const {
        const auto item = std::ranges::find_if(items_, [&](const Item& one) { return one.name.value == name; });
        return item == items_.end() ? nullptr : &item->value;
    }
    T& add(Located<std::string> name, T value = {}) {
        items_.push_back({std::move(name), std::move(value)});
        return items_.back().value;
    }
    void remove_last() { items_.pop_back(); }
    void clear() { items_.clear(); }

  private:
    std::vector<Item> items_;
};

}  // namespace tl::manifest
