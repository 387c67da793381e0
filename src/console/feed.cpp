#include "console/feed.h"

#include <utility>

namespace tl::console {

void Feed::put(std::string_view line) {
    if (closed_) return;
    // Once something was dropped, all is dropped until the reader has caught up: one gap, not many.
    if (dropped_ > 0 || bytes_.size() + line.size() + 1 > most_bytes_) {
        ++dropped_;
        return;
    }
    bytes_ += line;
    bytes_ += '\n';
    changed_.notify_all();
}

void Feed::close() {
    closed_ = true;
    changed_.notify_all();
}

std::string Feed::take() { return std::exchange(bytes_, {}); }

size_t Feed::take_dropped() { return std::exchange(dropped_, 0); }

rt::Task<rt::Wake> Feed::wait(rt::Wait wait) {
    while (empty() && !closed_) {
        const rt::Wake wake = co_await changed_.wait(wait);
        if (wake != rt::Wake::ready) co_return wake;
    }
    co_return rt::Wake::ready;
}

}  // namespace tl::console
