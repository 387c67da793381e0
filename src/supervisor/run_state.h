// One run of Trunkline in a state folder: its lock, its random id, and what an earlier run left behind.
// Used by main while starting, before there are threads.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace tl::supervisor {

// Every process that we start carries this variable with the run's id: how leftovers are found.
inline constexpr const char* kRunVariable = "TRUNKLINE_RUN";

// Held as long as the object lives, by this process only (children do not inherit it).
class StateLock {
  public:
    // Makes the folder if need be. Code::conflict names the process that holds it.
    [[nodiscard]] static base::Result<StateLock> acquire(const std::string& state_dir);
    // The one that the program before this one held, in this process.
    [[nodiscard]] static StateLock take_over(int fd) { return StateLock{fd}; }
    [[nodiscard]] int fd() const { return fd_; }
    StateLock(StateLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    StateLock& operator=(StateLock&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~StateLock();

  private:
    explicit StateLock(int fd) : fd_(fd) {}
    int fd_;
};

[[nodiscard]] std::string make_run_id();  // 32 hex digits
// Remembers the run for the next start's clean_leftovers; durable enough for kill -9, not for a power cut.
// `cgroups`: Cgroups::homes().
[[nodiscard]] base::Result<void> remember_run(const std::string& state_dir, const std::string& run_id,
                                              const std::vector<std::string>& cgroups);
// After a clean stop there is nothing to remember.
void forget_run(const std::string& state_dir);

struct Leftovers {
    size_t processes = 0;
    size_t sockets = 0;
    size_t cgroups = 0;
    [[nodiscard]] bool any() const { return processes + sockets + cgroups != 0; }
    // "2 processes and 1 socket"
    [[nodiscard]] std::string in_words() const;
};

// Kills what the remembered run left behind and removes its sockets and cgroups. Call it with the lock held.
[[nodiscard]] Leftovers clean_leftovers(const std::string& state_dir);

}  // namespace tl::supervisor
