// What changes the body of one answer while it streams: compression, or a change of the whole document. Made by a
// filter for one answer, owned by the exchange that it stands in (filtered_exchange.h); one core.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/headers.h"
#include "proxy/cause.h"

namespace tl::proxy {

class BodyTransform {
  public:
    virtual ~BodyTransform() = default;
    // The next stretch; what goes on is appended to `out`. With `end` nothing follows. An error ends the answer: with
    // cause_of_failure() where nothing of it was sent yet, else with what `out` holds, or it breaks off where that
    // is nothing.
    [[nodiscard]] virtual base::Result<void> feed(std::string_view data, bool end, std::string& out) = 0;
    [[nodiscard]] virtual Cause cause_of_failure() const { return Cause::bad_upstream_answer; }
    // Before the last stretch, where the answer has trailers. True: what they say is in the body or the head from here
    // on, and they do not go on themselves.
    [[nodiscard]] virtual bool take_trailers(const codec::HeaderTable& /*trailers*/) { return false; }
    // The head waits for more of the body, at most until its end, because it depends on it; whoever says so bounds what
    // it gathers. Asked after each stretch.
    [[nodiscard]] virtual bool holds_head() const { return false; }
    // Before a head that was held goes out. Views that are added must outlive the exchange's answer.
    virtual void finish_head(uint16_t& /*status*/, codec::HeaderTable& /*headers*/) {}
};

}  // namespace tl::proxy
