// Standard output or error of a program that goes on working whether they are read or not: writing never waits. A pipe
// or a terminal is opened anew, because the flags of the one we were given are shared with whoever gave it. Regular
// files are written as they are. May be used by several threads; lines of up to 4096 bytes then stay whole.
#pragma once

#include <cstddef>
#include <string_view>

namespace tl::base {

class Outlet {
  public:
    // `fd` stays the caller's and must stay open.
    explicit Outlet(int fd);
    Outlet(const Outlet&) = delete;
    Outlet& operator=(const Outlet&) = delete;
    ~Outlet();

    // How many of the bytes were taken; 0 when none can be taken now. One that is broken (the reader has left, the disk
    // is full) takes everything and keeps nothing. Pieces of up to 4096 bytes are taken as a whole or not at all by
    // pipes.
    [[nodiscard]] size_t write(std::string_view bytes) const;

  private:
    int fd_;
    bool owned_ = false;
    bool socket_ = false;
    bool ask_first_ = false;  // it cannot be opened anew: a write may wait, so it is asked before
};

}  // namespace tl::base
