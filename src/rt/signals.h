// POSIX signals as something to await. block() in main before any thread starts; one SignalReader then receives them on
// its loop. One core.
#pragma once

#include <initializer_list>

#include "rt/io.h"

namespace tl::rt {

// Blocks `signals` for this thread and those it will start. Children must unblock them (unblock_all).
void block_signals(std::initializer_list<int> signals);
void unblock_all_signals();

class SignalReader {
  public:
    SignalReader() = default;
    ~SignalReader();
    SignalReader(const SignalReader&) = delete;
    SignalReader& operator=(const SignalReader&) = delete;

    [[nodiscard]] base::Result<void> open(std::initializer_list<int> signals);
    // The number of the next signal.
    [[nodiscard]] Task<base::Result<int>> next(Wait wait = {});

  private:
    int fd_ = -1;
    Readiness io_;
};

}  // namespace tl::rt
