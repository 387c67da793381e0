// The API keys of a system: made, listed, rotated and revoked by the admin API, checked by the gateway. A key is 256
// random bits behind a prefix that names it: "tlk_1f3a9c04_<43 characters>". What is stored is its SHA-256: a slow hash
// protects passwords because these can be guessed, and 2^256 keys cannot; the fast one lets every request be checked.
// Control core, except for what Published gives to others. The file is written before a change is acknowledged.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/auth/published.h"
#include "gateway/policies/keeper.h"
#include "net/digest.h"

namespace tl::gateway {

// One secret of a key; a rotated key has two for a while.
struct KeySecret {
    std::string id;  // 8 hexadecimal digits: the part of the key that may be shown
    net::Sha256 hash{};
    base::WallTime until = base::WallTime::max();  // the former one of a rotation ends here
    base::WallTime made{};
};

struct ApiKey {
    std::string name;
    std::string plan;
    std::vector<std::string> scopes;
    std::vector<std::string> roles;
    base::WallTime created{};
    std::vector<KeySecret> secrets;  // the newest first
    // Seconds since 1970 of its last use, 0 for never. Data cores write it, at most once a second.
    std::shared_ptr<std::atomic<int64_t>> used = std::make_shared<std::atomic<int64_t>>(0);
};
using ApiKeys = std::vector<ApiKey>;

class ApiKeyStore final : public Kept {
  public:
    static constexpr size_t kMost = 10000;
    static constexpr size_t kMostBytes = 16U << 20;  // of the file

    // `folder` holds the file "api_keys.json"; "": there are no keys and none can be made.
    explicit ApiKeyStore(std::string folder);
    // The one store of a process, by `keeper`.
    [[nodiscard]] static std::shared_ptr<ApiKeyStore> of(Keeper& keeper, const std::string& folder);

    [[nodiscard]] const Published<ApiKeys>& published() const { return published_; }
    [[nodiscard]] const ApiKeys& keys() const { return keys_; }

    // The key itself, which is shown this one time. Errors: conflict (the name is taken), invalid (a name that is
    // none), too_large, io (the disk; nothing has changed then).
    [[nodiscard]] base::Result<std::string> create(ApiKey wanted, base::WallTime now);
    // A new secret; the one before is valid for `grace` more. Errors: not_found, io.
    [[nodiscard]] base::Result<std::string> rotate(const std::string& name, base::Duration grace, base::WallTime now);
    [[nodiscard]] base::Result<void> revoke(const std::string& name);

    // Writes when keys were used, once a minute and at the end.
    [[nodiscard]] rt::Task<void> run(rt::Cancel& stop) override;

  private:
    [[nodiscard]] base::Result<void> commit(ApiKeys next);
    [[nodiscard]] base::Result<void> usable() const;
    void save_uses();

    std::string file_;
    std::string broken_;  // why the file cannot be read; "": it can
    ApiKeys keys_;
    Published<ApiKeys> published_;
    std::string saved_;  // the text of the file
};

// The file's form, for tests: JSON.
[[nodiscard]] std::string write_api_keys(const ApiKeys& keys);
[[nodiscard]] base::Result<ApiKeys> read_api_keys(std::string_view text);

// The id within a key as clients send it; "" for what is no key.
[[nodiscard]] std::string_view id_of_key(std::string_view key);

}  // namespace tl::gateway
