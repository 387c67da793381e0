#include "supervisor/capture.h"

#include <unistd.h>

#include <cerrno>
#include <vector>

#include "rt/io.h"

namespace tl::supervisor {

using namespace std::chrono_literals;

namespace {

constexpr size_t kRead = 16 * 1024;
constexpr size_t kBurst = 64 * 1024;  // then others get their turn, for a millisecond

}  // namespace

rt::Task<void> capture(CapturedStream& stream, CaptureOf of, LogStore& logs, rt::Wait wait) {
    rt::Readiness io;
    const int fd = stream.fd;
    LineSplitter& lines = stream.lines;
    std::vector<char> bytes(kRead);
    const auto take_line = [&](std::string_view line) {
        logs.add({.time = base::wall_now(),
                  .service = of.service,
                  .instance = of.instance,
                  .stream = of.stream,
                  .text = clean_line(line)});
    };
    const bool watched = io.attach(fd).has_value();
    for (size_t burst = 0; watched;) {
        const ssize_t got = ::read(fd, bytes.data(), bytes.size());
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) break;
        if (got > 0) {
            lines.feed({bytes.data(), static_cast<size_t>(got)}, take_line);
            burst += static_cast<size_t>(got);
            if (burst < kBurst) continue;
            burst = 0;
            const rt::Wake rested = co_await rt::sleep(1ms, wait.cancel);
            if (rested == rt::Wake::cancelled) break;
            continue;
        }
        burst = 0;
        io.clear_readable();
        const rt::Wake wake = co_await io.wait_readable(wait);
        if (wake != rt::Wake::ready) break;
    }
    lines.finish(take_line);
    io.detach();
    stream.fd = -1;
    ::close(fd);
}

}  // namespace tl::supervisor
