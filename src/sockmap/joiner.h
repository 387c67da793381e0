// Joins the two ends of a TCP connection between this process and a program on the same host, so that what one writes
// is in the other's queue without a packet: an eBPF program in the kernel (join.bpf.c), which this object loads,
// attaches to the machine's root cgroup and holds by descriptors alone. What may be joined is told by mark() and
// open_door(); whether a connection was, the kernel decides when it is established. Made, told and ended on the control
// loop; the functions marked "any thread" are for data cores. Not for connections with TLS: they gain nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

struct join_shared;  // NOLINT(readability-identifier-naming): layout.h

namespace tl::sockmap {

struct JoinCounts {
    uint64_t joined = 0;  // connections
    uint64_t plain = 0;   // that were to be joined and went by TCP
};

class Joiner {
  public:
    // The error says in words what the kernel or the rights do not allow.
    [[nodiscard]] static base::Result<std::unique_ptr<Joiner>> load();
    // Goes on with the programs and maps that a former program of this process has left (descriptors()). Those of
    // another layout are only kept, for as long as connections may be in them, and new ones are loaded.
    [[nodiscard]] static base::Result<std::unique_ptr<Joiner>> adopt(uint32_t layout, const std::vector<int>& left);
    ~Joiner();
    Joiner(const Joiner&) = delete;
    Joiner& operator=(const Joiner&) = delete;

    // Who a socket is for, as a number; the same name, the same number. Too many share the last one.
    [[nodiscard]] uint32_t group(std::string_view name);
    [[nodiscard]] JoinCounts counts(std::string_view name) const;

    // Clients of this port of ours, in this network namespace, may be joined from now on, or no longer.
    base::Result<void> open_door(uint16_t port);
    void close_door(uint16_t port);

    // Any thread. A socket of ours before it connects, or a listener: then for each that it accepts. False: the kernel
    // has no room for it, and it stays plain.
    bool mark(int socket, uint32_t group) const;
    void unmark(int socket) const;
    // Any thread. Grows when a message came by TCP over a joined connection, behind those that came past it. While it
    // stands still, a short read has emptied the socket.
    [[nodiscard]] uint64_t strays() const;
    // What strays() said before any connection could be joined, for those that may have waited to be accepted; one that
    // it never says, where connections of a former program may be among them.
    [[nodiscard]] uint64_t first_strays() const { return first_strays_; }
    // Any thread. Bytes of ours that the other end was given past TCP, also after the connection has broken.
    [[nodiscard]] uint64_t joined_bytes(int socket) const;

    // What the next program must find open, and a fork as long as it has connections.
    [[nodiscard]] std::vector<int> descriptors() const;
    [[nodiscard]] static uint32_t layout();
    // Whether any socket is in the map. Bytes that wait for a reader there are lost when the last descriptor closes.
    [[nodiscard]] bool has_sockets() const;

  private:
    Joiner() = default;
    // Opens and attaches everything.
    [[nodiscard]] base::Result<void> begin();
    [[nodiscard]] base::Result<void> map_shared();
    [[nodiscard]] base::Result<void> add_refuser();

    // In the order of descriptors().
    struct Descriptors {
        int link = -1;
        int sockets = -1;
        int marks = -1;
        int doors = -1;
        int shared = -1;
        // In the map under a key of zeros, with its sending side ended: a message that is redirected there fails with
        // EPIPE. And its other end.
        int refuser = -1;
        int refused = -1;
    } fd_;
    std::vector<int> kept_;  // of a former layout
    join_shared* shared_ = nullptr;
    uint64_t netns_ = 0;
    uint64_t first_strays_ = UINT64_MAX;
    std::map<std::string, uint32_t, std::less<>> groups_;
    std::vector<JoinCounts> before_;  // counts by group when this object began
};

}  // namespace tl::sockmap
