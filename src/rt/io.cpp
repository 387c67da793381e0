#include "rt/io.h"

#include <sys/epoll.h>

#include <cerrno>

namespace tl::rt {

base::Result<void> Readiness::attach(int fd) {
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = this}};
    const int epoll = this_loop().epoll_;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) return base::fail(base::from_errno(errno, "epoll_ctl"));
    epoll_ = epoll;
    fd_ = fd;
    return {};
}

void Readiness::detach() {
    if (fd_ < 0) return;
    epoll_event none{};
    epoll_ctl(epoll_, EPOLL_CTL_DEL, fd_, &none);
    fd_ = -1;
    dismiss(reader_);
    dismiss(writer_);
}

// It resumes from the loop only, and by then this object may have died with its stream.
void Readiness::dismiss(Awaiter*& waiting) {
    if (waiting == nullptr) return;
    waiting->wake(Wake::cancelled);
    waiting->io_ = nullptr;
    waiting = nullptr;
}

void Readiness::on_events(uint32_t events) {
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) finished_ = true;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
        hung_up_ = true;
        events |= EPOLLIN | EPOLLOUT;
        if (hang_up_ != nullptr) hang_up_->request();
    }
    const bool in = (events & (EPOLLIN | EPOLLRDHUP)) != 0;
    const bool out = (events & EPOLLOUT) != 0;
    if (in || (out && reader_takes_writable_)) {
        readable_ = true;
        if (reader_ != nullptr) reader_->wake();
    }
    if (out || (in && writer_takes_readable_)) {
        writable_ = true;
        if (writer_ != nullptr) writer_->wake();
    }
    if (out) reader_takes_writable_ = false;
    if (in) writer_takes_readable_ = false;
}

}  // namespace tl::rt
