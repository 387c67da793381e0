// Where one request may go, decided once, before its first attempt: the version by the route's rules, the hash of who
// sent it, the instance that its sticky cookie names. Then an instance for each attempt. Lives in forward's frame.
#pragma once

#include "proxy/request_context.h"
#include "proxy/upstream.h"

namespace tl::proxy {

// The version whose part of a split `who`, or the dice, fall into: one that has instances.
[[nodiscard]] telemetry::NameId version_by_split(const Shaping& shaping, Upstream& upstream, base::Random& random,
                                                 std::optional<uint64_t> who);

class Choice {
  public:
    Choice(RequestContext& context, Upstream& upstream, base::Random& random);

    // For the next attempt; `tried` are the serials of those before. nullptr: there is none. Sets the cookie that the
    // answer carries, where the client has to be told another instance.
    [[nodiscard]] Instance* pick(base::TimePoint now, std::span<const uint64_t> tried);
    // The answer is to be this one's: for a pick whose instance may be overtaken by another's.
    void settle(const Instance& instance);
    // The version that the request must have; none: any.
    [[nodiscard]] telemetry::NameId version() const { return where_.version; }

  private:
    void choose_version(const Shaping& shaping);
    void look_at_cookie(const StickyRule& rule, const Shaping* shaping);
    void make_cookie(const StickyRule& rule, const Instance& instance);

    RequestContext* context_;
    Upstream* upstream_;
    base::Random* random_;
    Selector where_;
    std::optional<uint64_t> hash_;
    Instance* stuck_ = nullptr;  // the cookie names it; good for the first attempt only
    uint64_t token_ = 0;         // of the cookie; 0: there was none
};

}  // namespace tl::proxy
