// What policies keep beyond one manifest and share between cores: counters, key sets, connections to stores. Filters
// hold a Kept by shared pointer; the keeper gives the same one to every manifest that asks for the same key, so that
// limits and caches carry over a reload. Control core only, except for what a Kept itself allows to its filters.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rt/cancel.h"
#include "rt/gate.h"
#include "rt/task.h"

namespace tl::telemetry {
struct Sample;
}

namespace tl::gateway {

class Kept {
  public:
    virtual ~Kept() = default;
    // Background work on the control core (refreshing keys, writing counts), from the first manifest that uses it until
    // `stop` is requested. What must be written last is written before it returns.
    [[nodiscard]] virtual rt::Task<void> run(rt::Cancel& /*stop*/) { co_return; }
    // What /metrics shows of it, if anything. Control core.
    virtual void add_samples(std::vector<telemetry::Sample>& /*samples*/) const {}
};

class Keeper {
  public:
    // The object of `key`, made of `arguments` when there is none. T is the one type of that key: put its name and all
    // that changes what it does into the key.
    template <class T, class... Arguments>
    [[nodiscard]] std::shared_ptr<T> keep(const std::string& key, Arguments&&... arguments) {
        Item& item = items_[key];
        if (item.kept == nullptr) item.kept = std::make_shared<T>(std::forward<Arguments>(arguments)...);
        return std::static_pointer_cast<T>(item.kept);
    }
    // A manifest that was built is in force: what is new begins its work; what nobody holds any more ends it.
    void settle();
    // Metrics of everything that is kept.
    void add_samples(std::vector<telemetry::Sample>& samples) const {
        for (const auto& [key, item] : items_) item.kept->add_samples(samples);
    }
    // All work has ended.
    [[nodiscard]] rt::Task<void> stop();

  private:
    struct Work {
        rt::Cancel cancel;
        bool running = true;  // its task holds the object
    };
    struct Item {
        std::shared_ptr<Kept> kept;
        std::shared_ptr<Work> work;  // nullptr: not begun
    };
    [[nodiscard]] static rt::Task<void> work(std::shared_ptr<Kept> kept, std::shared_ptr<Work> state);

    std::map<std::string, Item> items_;
    rt::Gate gate_;
};

}  // namespace tl::gateway
