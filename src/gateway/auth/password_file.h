// Users and the hashes of their passwords, from a file as htpasswd writes it: "alice:$2y$10$...", a line each, and
// behind a second colon the roles that the user has: "alice:$2y$10$...:staff,billing". Empty lines and lines with #
// are left out. Watched on the control core; data cores read what was published last.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "gateway/auth/published.h"
#include "gateway/policies/keeper.h"

namespace tl::gateway {

struct PasswordEntry {
    std::string hash;
    std::vector<std::string> roles;
};
using PasswordTable = std::map<std::string, PasswordEntry, std::less<>>;

// The error says which line is wrong, and why.
[[nodiscard]] base::Result<PasswordTable> parse_passwords(std::string_view text);

class PasswordFile final : public Kept {
  public:
    static constexpr size_t kMostBytes = 4U << 20;

    explicit PasswordFile(std::string path);
    [[nodiscard]] const Published<PasswordTable>& table() const { return table_; }
    // Reads the file again when it has changed; one that cannot be read leaves what was.
    [[nodiscard]] rt::Task<void> run(rt::Cancel& stop) override;

  private:
    void read();

    std::string path_;
    std::string stamp_;
    Published<PasswordTable> table_;
};

}  // namespace tl::gateway
