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
    // cause_of_failure() where nothing of it was sent yet, else it breaks off.
    [[nodiscard]] virtual base::Result<void> feed(std::string_view data, bool end, std::string& out) = 0;
    [[nodiscard]] virtual Cause cause_of_failure() const { return Cause::bad_upstream_answer; }
    // The head waits until the end of the body, because it depends on it; whoever says so bounds what it gathers.
    [[nodiscard]] virtual bool holds_head() const { return false; }
    // Before a head that was held goes out. Views that are added must outlive the exchange's answer.
    virtual void finish_head(uint16_t& /*status*/, codec::HeaderTable& /*headers*/) {}
};

}  // namespace tl::proxy
