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

// The stream and what it has said of a line that is not whole yet: all that another program needs to go on with it.
struct CapturedStream {
    int fd = -1;  // -1: it has ended
    LineSplitter lines;
};

// Until the stream ends or `wait` is over; then closes its descriptor. `stream` and `logs` outlive it.
[[nodiscard]] rt::Task<void> capture(CapturedStream& stream, CaptureOf of, LogStore& logs, rt::Wait wait);

}  // namespace tl::supervisor
