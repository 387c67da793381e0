// Where the keys of an issuer come from and how they stay fresh: a JWKS by HTTPS, by OpenID Connect Discovery, or a
// file. Fetched on the control core, in the background; data cores read what was published last. While the issuer is
// down the keys of before are used: an outage of the issuer is none of ours.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "gateway/auth/issuer_http.h"
#include "gateway/auth/key_set.h"
#include "gateway/auth/published.h"
#include "gateway/policies/keeper.h"

namespace tl::gateway {

struct KeySourceOptions {
    std::string file;    // a JWKS or PEM file; or
    std::string url;     // of a JWKS; or
    std::string issuer;  // whose discovery document names the JWKS
    std::string ca;      // PEM file of who may have signed the issuer's certificate; "": the system's roots
    base::Duration refresh = std::chrono::minutes{5};
    base::Duration timeout = std::chrono::seconds{5};  // of one fetch
    net::Resolver* resolver = nullptr;                 // nullptr: addresses only
};

class KeySource final : public Kept {
  public:
    static constexpr base::Duration kLeastCoolDown = std::chrono::seconds{1};
    static constexpr size_t kMostBytes = 512 << 10;  // of a document

    explicit KeySource(KeySourceOptions options);

    // Any core.
    [[nodiscard]] const Published<KeySet>& keys() const { return keys_; }
    // A token names a key that there is not: newer keys are fetched soon, once in a cool-down however many ask. True:
    // that is under way, or begins within `patience`; ask again. False: it would take longer, or keys are in a file.
    // The cool-down doubles with each such fetch that brought nothing new.
    [[nodiscard]] bool want_newer(base::Duration patience) const;
    // Fetches that have begun, and that have ended: one that begins later than a request knows all that the request
    // may.
    [[nodiscard]] uint64_t begun() const { return begun_.load(std::memory_order_acquire); }
    [[nodiscard]] uint64_t ended() const { return ended_.load(std::memory_order_acquire); }
    // The last fetch has failed: nobody can say whether an unknown key is a new one.
    [[nodiscard]] bool failing() const { return failing_.load(std::memory_order_relaxed); }

    [[nodiscard]] rt::Task<void> run(rt::Cancel& stop) override;

  private:
    struct Wish;  // key_source.cpp: what other cores may reach although this object has gone
    [[nodiscard]] base::Result<void> read_file();
    [[nodiscard]] rt::Task<base::Result<std::string>> get(std::string url, rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<std::string>> find_url(rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<KeySet>> fetch_keys(rt::Wait wait);
    void settle(base::Result<KeySet> fetched, bool asked);

    KeySourceOptions options_;
    Published<KeySet> keys_;
    std::string last_text_;  // of what is published: the same text is not published again
    std::string fetched_text_;
    std::string stamp_;  // of the file
    base::Duration cool_down_ = kLeastCoolDown;
    std::atomic<bool> failing_{false};
    std::atomic<uint64_t> begun_{0};
    std::atomic<uint64_t> ended_{0};
    std::shared_ptr<Wish> wish_;
};

}  // namespace tl::gateway
