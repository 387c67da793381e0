// The members of an object that is being read, found by their names in a moment: the library's own ordered objects
// compare a name with all before it, so that 100,000 names, which fit into a megabyte, would stop a core for seconds.
// Lives as long as the object is read; nobody else changes it meanwhile.
#pragma once

#include <algorithm>
#include <string>
#include <unordered_map>

#include "base/hash.h"
#include "gateway/policies/documents.h"

namespace tl::gateway {

class Members {
  public:
    explicit Members(Document& object) : object_(&object) {}

    // The member of that name; null where there was none. Valid until the next call.
    [[nodiscard]] Document& at(std::string name) {
        auto& all = object_->get_ref<Document::object_t&>();
        if (all.size() <= kFew) {
            const auto same = std::ranges::find_if(all, [&](const auto& one) { return one.first == name; });
            if (same != all.end()) return same->second;
        } else {
            if (places_.empty()) index(all);
            const auto [place, alone] = places_.emplace(name, all.size());
            if (!alone) return (all.begin() + static_cast<ptrdiff_t>(place->second))->second;
        }
        all.emplace_back(std::move(name), nullptr);
        return all.back().second;
    }

  private:
    static constexpr size_t kFew = 16;
    // By a key that nobody knows, so that nobody can choose names that all meet in one place.
    struct Hash {
        size_t operator()(const std::string& name) const {
            static const base::HashKey key = base::random_key();
            return base::hash(name, key);
        }
    };

    void index(const Document::object_t& all) {
        for (const auto& [name, value] : all) places_.emplace(name, places_.size());
    }

    Document* object_;
    std::unordered_map<std::string, size_t, Hash> places_;  // of more than a few
};

}  // namespace tl::gateway
