// bench_relay LISTEN_PORT BACKEND_PORT: the floor of a proxy's cost. One thread, one epoll set; each client
// connection gets one backend connection and bytes are copied between the two without a look at them. What
// a real proxy costs above this is what it does. Written on system calls alone, not on Trunkline's runtime.
// Ends with its parent or by a signal. Not a proxy for use: no deadlines, no limits, 127.0.0.1 only.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

struct Pair;

// One direction's reading end, and what could not be written yet to the other end.
struct End {
    int fd = -1;
    Pair* pair = nullptr;
    End* peer = nullptr;
    std::string unsent;  // bytes for this end; at most one buffer, as its peer is not read while it is full
};

struct Pair {
    End client;
    End backend;
    bool dead = false;
};

constexpr size_t kBuffer = 64 * 1024;

sockaddr_in loopback(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

void no_delay(int fd) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

class Relay {
  public:
    Relay(uint16_t listen_port, uint16_t backend_port) : backend_(loopback(backend_port)) {
        epoll_ = epoll_create1(0);
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (epoll_ < 0 || listener_ < 0) fail("socket");
        const int on = 1;
        setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        const sockaddr_in address = loopback(listen_port);
        if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) fail("bind");
        if (listen(listener_, 1024) < 0) fail("listen");
        epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
        epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 128> events{};
        for (;;) {
            const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < count; ++i) {
                auto* end = static_cast<End*>(events[static_cast<size_t>(i)].data.ptr);
                if (end == nullptr) {
                    accept_all();
                } else if (!end->pair->dead) {
                    serve(*end);
                }
            }
            // Freed only now: events of this round may still point at a pair that died in it.
            std::erase_if(pairs_, [](const auto& pair) { return pair->dead; });
        }
    }

  private:
    void accept_all() {
        for (;;) {
            const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
            if (fd < 0) return;
            const int backend = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
            if (backend < 0) fail("socket");
            const auto* address = reinterpret_cast<const sockaddr*>(&backend_);
            if (connect(backend, address, sizeof backend_) < 0 && errno != EINPROGRESS) {
                close(fd);
                close(backend);
                continue;
            }
            auto pair = std::make_unique<Pair>();
            pair->client = {.fd = fd, .pair = pair.get(), .peer = &pair->backend, .unsent = {}};
            pair->backend = {.fd = backend, .pair = pair.get(), .peer = &pair->client, .unsent = {}};
            for (End* end : {&pair->client, &pair->backend}) {
                no_delay(end->fd);
                epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = end}};
                epoll_ctl(epoll_, EPOLL_CTL_ADD, end->fd, &event);
            }
            pairs_.push_back(std::move(pair));
        }
    }

    // Edge-triggered, for both readiness to write and to read.
    void serve(End& end) {
        if (!end.unsent.empty()) {
            if (!flush(end)) return kill(*end.pair);
            if (end.unsent.empty() && !pump(*end.peer)) return kill(*end.pair);
        }
        if (!pump(end)) kill(*end.pair);
    }

    // Writes what waits for `end`; false when the connection is broken.
    bool flush(End& end) {
        const ssize_t sent = send(end.fd, end.unsent.data(), end.unsent.size(), MSG_NOSIGNAL);
        if (sent >= 0) end.unsent.erase(0, static_cast<size_t>(sent));
        return sent >= 0 || errno == EAGAIN || errno == ENOTCONN;
    }

    // Moves bytes from `from` to its peer until there are none or the peer is full; false at the end.
    bool pump(End& from) {
        while (from.peer->unsent.empty()) {
            const ssize_t got = recv(from.fd, buffer_.data(), buffer_.size(), 0);
            if (got == 0) return false;
            if (got < 0) return errno == EAGAIN || errno == ENOTCONN;
            ssize_t sent = send(from.peer->fd, buffer_.data(), static_cast<size_t>(got), MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN && errno != ENOTCONN) return false;
            sent = std::max<ssize_t>(sent, 0);
            from.peer->unsent.assign(buffer_.data() + sent, static_cast<size_t>(got - sent));
            // A short read means that there is no more: the next recv would only say EAGAIN.
            if (static_cast<size_t>(got) < buffer_.size()) return true;
        }
        return true;
    }

    static void kill(Pair& pair) {
        close(pair.client.fd);
        close(pair.backend.fd);
        pair.dead = true;
    }

    int epoll_ = -1;
    int listener_ = -1;
    sockaddr_in backend_;
    std::vector<std::unique_ptr<Pair>> pairs_;
    std::array<char, kBuffer> buffer_{};
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: bench_relay LISTEN_PORT BACKEND_PORT\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    static Relay relay(static_cast<uint16_t>(std::atoi(argv[1])), static_cast<uint16_t>(std::atoi(argv[2])));
    relay.run();
}
