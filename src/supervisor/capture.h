// One stream of one process, read line by line into the log store. A process that writes faster than 64 MB/s is slowed
// down by its full pipe; nothing here grows.
#pragma once

#include <string>

#include "rt/task.h"
#include "rt/waiter.h"
#include "supervisor/logs.h"

namespace tl::supervisor {

struct CaptureOf {
    std::string service;
    std::string instance;
    Stream stream = Stream::out;
};

// Until the stream ends or `wait` is over; then closes `fd`, which it owns. `logs` outlives it.
[[nodiscard]] rt::Task<void> capture(int fd, CaptureOf of, LogStore& logs, rt::Wait wait);

}  // namespace tl::supervisor
