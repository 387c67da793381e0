// Readiness of one non-blocking file descriptor, edge-triggered: try the call first, and await only after EAGAIN.
// At most one coroutine waits for reading and one for writing. Does not own the descriptor: net/ does, and keeps this
// object alive as long as it is open. One core.
#pragma once

#include <cstdint>

#include "rt/loop.h"

namespace tl::rt {

class Readiness {
  public:
    static constexpr size_t kMostInATurn = 128 << 10;  // bytes

    Readiness() { held_.owner = this; }
    ~Readiness() { detach(); }
    Readiness(const Readiness&) = delete;
    Readiness& operator=(const Readiness&) = delete;

    // Registers `fd` with the calling thread's loop. The error is the kernel's.
    [[nodiscard]] base::Result<void> attach(int fd);
    // Stops watching; a waiting coroutine is woken as cancelled, and may resume when this object is gone. Call before
    // the descriptor is closed.
    void detach();

    class Awaiter : public WaitAwaiter {
      public:
        Awaiter(Readiness& io, bool write, const Wait& wait) : WaitAwaiter(wait), io_(&io), write_(write) {}
        ~Awaiter() { clear(); }
        Awaiter(const Awaiter&) = delete;
        Awaiter& operator=(const Awaiter&) = delete;
        bool await_ready() noexcept { return io_->take_edge(write_); }
        void await_suspend(std::coroutine_handle<> handle) {
            slot() = this;
            WaitAwaiter::await_suspend(handle);
        }
        Wake await_resume() noexcept {
            clear();
            return result();
        }

      private:
        friend class Readiness;
        [[nodiscard]] Awaiter*& slot() { return write_ ? io_->writer_ : io_->reader_; }
        void clear() {
            if (io_ != nullptr && slot() == this) slot() = nullptr;
        }
        Readiness* io_;
        bool write_;
    };

    [[nodiscard]] Awaiter wait_readable(const Wait& wait) { return {*this, false, wait}; }
    [[nodiscard]] Awaiter wait_writable(const Wait& wait) { return {*this, true, wait}; }

    // The read gave EAGAIN, or less than was asked for: the next edge will tell. Ignored once the peer has finished,
    // for then no edge comes any more and the end must still be read.
    void clear_readable() { readable_ = finished_; }
    void clear_writable() { writable_ = false; }
    // A read that there may be more behind. Behind kMostInATurn bytes of one turn nothing counts as readable until the
    // next one: others have their turns also where a peer sends as fast as it is read.
    void took(size_t bytes) {
        const uint64_t turn = this_loop().turns();
        taken_ = turn == turn_ ? taken_ + bytes : bytes;
        turn_ = turn;
        if (taken_ >= kMostInATurn) this_loop().hold_until_next_turn(held_);
    }
    [[nodiscard]] bool held() const { return held_.linked(); }
    // For who has to know at once whether anything is there.
    void let_go() { held_.unlink(); }
    // For protocols inside the stream (TLS), whose reading may first have to write, or the other way round: the waiter
    // of the one direction is woken by the next edge of the other, too.
    void read_needs_write() { readable_ = false, reader_takes_writable_ = true; }
    void write_needs_read() { writable_ = false, writer_takes_readable_ = true; }
    // An edge since the last EAGAIN (true at first: nothing is known yet). Also of one that is held.
    [[nodiscard]] bool maybe_readable() const { return readable_; }
    // The peer has finished sending (FIN), or worse.
    [[nodiscard]] bool finished() const { return finished_; }
    // The peer has reset, or closed both ways.
    [[nodiscard]] bool hung_up() const { return hung_up_; }
    // Called once when the peer hangs up while nobody reads, so that work for it can be given up;
    // requested at once if it has already.
    void on_hang_up(Cancel* cancel) {
        hang_up_ = cancel;
        if (hung_up_ && cancel != nullptr) cancel->request();
    }

    // For streams without a descriptor (a tunnel over a stream of HTTP/2): what epoll would have said.
    void tell(uint32_t events) { on_events(events); }

  private:
    friend class Loop;
    void on_events(uint32_t events);
    [[nodiscard]] bool take_edge(bool write) const { return write ? writable_ : readable_ && !held(); }

    static void dismiss(Awaiter*& waiting);

    Awaiter* reader_ = nullptr;
    Awaiter* writer_ = nullptr;
    Cancel* hang_up_ = nullptr;
    int epoll_ = -1;
    int fd_ = -1;
    Loop::HeldLink held_;
    uint64_t turn_ = 0;
    size_t taken_ = 0;  // in that turn
    bool readable_ = true;
    bool writable_ = true;
    bool finished_ = false;
    bool hung_up_ = false;
    bool reader_takes_writable_ = false;
    bool writer_takes_readable_ = false;
};

}  // namespace tl::rt
