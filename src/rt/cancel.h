// "Nobody wants this any more", told explicitly. A Cancel is owned by whoever may give up (a session, a service, a
// request) and outlives the waits that watch it; a child is cancelled with its parent. One core; request() from
// another core goes through Loop::post.
#pragma once

#include "rt/list.h"

namespace tl::rt {

class CancelHook : public ListNode<CancelHook> {
  public:
    virtual void on_cancel() = 0;

  protected:
    ~CancelHook() = default;
};

class Cancel final : private CancelHook {
  public:
    Cancel() = default;
    // Cancelled together with `parent`, at once if it already is. `parent` may be nullptr and must outlive this.
    explicit Cancel(Cancel* parent) {
        if (parent == nullptr) return;
        if (parent->requested()) {
            requested_ = true;
        } else {
            parent->watch(*this);
        }
    }

    [[nodiscard]] bool requested() const { return requested_; }
    // Calls every hook once, in the order they came. Safe against hooks that unlink others.
    void request() {
        if (requested_) return;
        requested_ = true;
        while (CancelHook* hook = hooks_.pop_front()) hook->on_cancel();
    }
    // `hook` is called when cancelled; its owner unlinks it when it no longer cares. Not for a cancelled one.
    void watch(CancelHook& hook) { hooks_.push_back(hook); }

  private:
    void on_cancel() override { request(); }

    bool requested_ = false;
    List<CancelHook> hooks_;
};

}  // namespace tl::rt
