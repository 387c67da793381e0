#include "net/keep_alive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

namespace tl::net {

void keep_alive(const Stream& stream) {
    const int on = 1;
    const int first = 60;  // seconds of silence
    const int every = 10;
    const int probes = 6;
    const int fd = stream.fd();
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &first, sizeof first);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

}  // namespace tl::net
