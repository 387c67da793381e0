// A TCP connection from this process to itself, for the test of the kernel and for unit tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tl::sockmap {

class Joiner;

// Which end is told to be ours.
enum class Ours : uint8_t { connects, accepts, none };

// Both ends block for at most 2 seconds a call.
struct Loopback {
    int connected = -1;
    int accepted = -1;
    uint16_t port = 0;  // of the listener, which is closed

    Loopback() = default;
    Loopback(Loopback&& other) noexcept;
    Loopback& operator=(Loopback&&) = delete;
    ~Loopback();
};

// The joiner counts it under the group "self-test".
[[nodiscard]] base::Result<Loopback> make_loopback(Joiner& joiner, Ours ours, int family);

}  // namespace tl::sockmap
