#include "base/outlet.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tl::base {

namespace {

// A terminal that says that it takes something takes at least this without waiting.
constexpr size_t kSmallPiece = 512;

bool is_ready(int fd) {
    pollfd ask{.fd = fd, .events = POLLOUT, .revents = 0};
    return ::poll(&ask, 1, 0) == 1;
}

}  // namespace

Outlet::Outlet(int fd) : fd_(fd) {
    struct stat info{};
    if (::fstat(fd, &info) != 0 || S_ISREG(info.st_mode)) return;
    socket_ = S_ISSOCK(info.st_mode);
    if (socket_) return;
    const int own = ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    owned_ = own >= 0;
    ask_first_ = own < 0;
    if (owned_) fd_ = own;
}

Outlet::~Outlet() {
    if (owned_) ::close(fd_);
}

size_t Outlet::write(std::string_view bytes) const {
    if (ask_first_ && !is_ready(fd_)) return 0;
    const size_t most = ask_first_ ? std::min(bytes.size(), kSmallPiece) : bytes.size();
    for (;;) {
        const ssize_t put =
            socket_ ? ::send(fd_, bytes.data(), most, MSG_DONTWAIT | MSG_NOSIGNAL) : ::write(fd_, bytes.data(), most);
        if (put >= 0) return static_cast<size_t>(put);
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : bytes.size();
    }
}

}  // namespace tl::base
