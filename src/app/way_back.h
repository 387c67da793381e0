// While a program takes over from another (decision 0010): a crash or a hang runs the former one again, with the same
// handover, so that the system goes on; but not the one that came back so itself. One at a time in a process, on main's
// thread, from construction to destruction.
#pragma once

#include <string>
#include <vector>

#include "app/handover.h"

namespace tl::app {

class WayBack {
  public:
    WayBack(const Handover& left, HandoverTicket ticket);
    ~WayBack();
    WayBack(const WayBack&) = delete;
    WayBack& operator=(const WayBack&) = delete;

    // Runs the former program in this process, which will say `why` to whoever asks. Returns when that fails.
    void go(const std::string& why);

  private:
    struct Prepared;
    std::unique_ptr<Prepared> prepared_;
};

// exec of `binary` with this process's command line and the ticket; `kept` and the ticket's descriptors stay open.
// Returns only with the error.
[[nodiscard]] base::Error become(const std::string& binary, const HandoverTicket& ticket, std::vector<int> kept);

}  // namespace tl::app
