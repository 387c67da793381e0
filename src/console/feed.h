// Lines on their way to one reader of the admin API: put in by whoever makes them, without waiting, taken out by the
// request that streams them. Bounded: what a slow reader leaves lying beyond the cap is dropped and counted, and the
// reader is told. One core; shared by the maker and the reader, ends with the last of them.
#pragma once

#include <string>
#include <string_view>

#include "rt/event.h"

namespace tl::console {

class Feed {
  public:
    explicit Feed(size_t most_bytes) : most_bytes_(most_bytes) {}

    // One line, without its end.
    void put(std::string_view line);
    // Nothing will be put any more. What is there can still be taken.
    void close();

    [[nodiscard]] bool empty() const { return bytes_.empty() && dropped_ == 0; }
    [[nodiscard]] bool closed() const { return closed_; }
    // All lines that are there, each with its end. Clears both.
    [[nodiscard]] std::string take();
    [[nodiscard]] size_t take_dropped();
    // Until there is something to take, or the feed is closed.
    [[nodiscard]] rt::Task<rt::Wake> wait(rt::Wait wait);

  private:
    size_t most_bytes_;
    std::string bytes_;
    size_t dropped_ = 0;
    bool closed_ = false;
    rt::Signal changed_;
};

}  // namespace tl::console
