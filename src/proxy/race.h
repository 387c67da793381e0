// Tries of one request that run beside each other: the first that has an answer wins, and the others end. In the frame
// of hedge.cpp.
#pragma once

#include "rt/event.h"

namespace tl::proxy {

class Attempt;

struct Race {
    Attempt* winner = nullptr;
    uint32_t running = 0;
    rt::Signal changed;  // somebody has won, or has ended
};

}  // namespace tl::proxy
