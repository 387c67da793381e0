// What an authoriser has decided, and a core's memory of decisions. A decision is found by the SHA-256 of all that it
// depends on, so that nobody gets another one's and no credential is kept. One core; at most as many as the policy
// says, the one used longest ago goes first.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/digest.h"
#include "proxy/core_states.h"

namespace tl::gateway {

struct Decision {
    bool allowed = false;
    uint16_t status = 403;     // of the answer to a client that is refused
    uint32_t retry_after = 1;  // seconds; told with a 429
    bool keep = false;         // may be used again for the same question
    // For the service where it is allowed, for the client where not. Already those that the manifest names.
    std::vector<std::pair<std::string, std::string>> headers;
    std::string reason;  // for people: the record, and the client that is refused; "" for none
};

// Bytes of headers and reason.
[[nodiscard]] inline size_t size_of(const Decision& decision) {
    size_t size = decision.reason.size();
    for (const auto& [name, value] : decision.headers) size += name.size() + value.size();
    return size;
}

class DecisionCache final : public proxy::CoreState {
  public:
    static constexpr size_t kMostBytes = 4096;  // of one; larger ones are not kept

    // nullptr: not known, or over. Holds until the next call.
    [[nodiscard]] const Decision* find(const net::Sha256& question, base::TimePoint now) {
        const auto found = places_.find(question);
        if (found == places_.end()) return nullptr;
        if (now >= found->second->until) {
            remove(found);
            return nullptr;
        }
        entries_.splice(entries_.begin(), entries_, found->second);
        return &found->second->decision;
    }
    void add(const net::Sha256& question, const Decision& decision, base::TimePoint until, size_t most) {
        if (size_of(decision) > kMostBytes) return;
        if (const auto old = places_.find(question); old != places_.end()) remove(old);
        while (entries_.size() >= most) remove(places_.find(entries_.back().question));
        entries_.push_front({question, decision, until});
        places_.emplace(question, entries_.begin());
    }
    [[nodiscard]] size_t size() const { return entries_.size(); }

  private:
    struct Entry {
        net::Sha256 question;
        Decision decision;
        base::TimePoint until;
    };
    using Entries = std::list<Entry>;
    using Places = std::map<net::Sha256, Entries::iterator>;

    void remove(Places::iterator place) {
        entries_.erase(place->second);
        places_.erase(place);
    }

    Entries entries_;  // the one used last first
    Places places_;
};

}  // namespace tl::gateway
