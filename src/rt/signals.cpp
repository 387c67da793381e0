#include "rt/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace tl::rt {

namespace {

sigset_t set_of(std::initializer_list<int> signals) {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : signals) sigaddset(&set, signal);
    return set;
}

}  // namespace

void block_signals(std::initializer_list<int> signals) {
    const sigset_t set = set_of(signals);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void unblock_all_signals() {
    const sigset_t none = set_of({});
    pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

SignalReader::~SignalReader() {
    io_.detach();
    if (fd_ >= 0) ::close(fd_);
}

base::Result<void> SignalReader::open(std::initializer_list<int> signals) {
    const sigset_t set = set_of(signals);
    fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd_ < 0) return base::fail(base::from_errno(errno, "signalfd"));
    return io_.attach(fd_);
}

Task<base::Result<int>> SignalReader::next(Wait wait) {
    for (;;) {
        signalfd_siginfo info{};
        const ssize_t got = ::read(fd_, &info, sizeof info);
        if (got == sizeof info) co_return static_cast<int>(info.ssi_signo);
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            co_return base::fail(base::from_errno(errno, "read a signal"));
        }
        io_.clear_readable();
        const Wake wake = co_await io_.wait_readable(wait);
        if (wake != Wake::ready) co_return base::fail(wake_error(wake, "waiting for a signal"));
    }
}

}  // namespace tl::rt
