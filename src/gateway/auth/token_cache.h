// Tokens that have been checked, and who they name, so that a client's next request pays for a hash and not for a
// signature. One core; at most kMost tokens, the one that was used longest ago goes first.
#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/hash.h"
#include "proxy/identity.h"

namespace tl::gateway {

class TokenCache {
  public:
    static constexpr size_t kMost = 2048;
    static constexpr size_t kMostToken = 4096;  // longer ones are checked each time

    // nullptr: not known, or over. `now` is the wall clock's, by which tokens end. Holds until the next call.
    [[nodiscard]] const proxy::IdentityPtr* find(std::string_view token, base::WallTime now) {
        const auto found = places_.find(hash(token));
        // The whole token is compared: what was signed counts, not what hashes alike.
        if (found == places_.end() || found->second->token != token) return nullptr;
        if (now >= found->second->until) {
            remove(found);
            return nullptr;
        }
        entries_.splice(entries_.begin(), entries_, found->second);
        return &found->second->identity;
    }
    void add(std::string_view token, proxy::IdentityPtr identity, base::WallTime until) {
        if (token.size() > kMostToken) return;
        const uint64_t name = hash(token);
        if (const auto old = places_.find(name); old != places_.end()) remove(old);
        if (entries_.size() >= kMost) remove(places_.find(entries_.back().name));
        entries_.push_front({name, std::string{token}, std::move(identity), until});
        places_.emplace(name, entries_.begin());
    }
    void clear() {
        places_.clear();
        entries_.clear();
    }
    [[nodiscard]] size_t size() const { return entries_.size(); }

    explicit TokenCache(base::HashKey key) : key_(key) {}

  private:
    struct Entry {
        uint64_t name;
        std::string token;
        proxy::IdentityPtr identity;
        base::WallTime until;
    };
    using Entries = std::list<Entry>;
    using Places = std::unordered_map<uint64_t, Entries::iterator>;

    // By a key that nobody knows, so that nobody can choose tokens that push each other out.
    [[nodiscard]] uint64_t hash(std::string_view token) const { return base::hash(token, key_); }
    void remove(Places::iterator place) {
        entries_.erase(place->second);
        places_.erase(place);
    }

    base::HashKey key_;
    Entries entries_;  // the one used last first
    Places places_;
};

}  // namespace tl::gateway
