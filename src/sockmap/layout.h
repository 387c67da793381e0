// What the program in the kernel (join.bpf.c) and the one in user space (sockmap.cpp) share: C, read by both. A change
// of anything here needs a new kJoinLayout, or an upgrade would take over maps that it misreads.
#pragma once

#include <linux/types.h>

enum {
    kJoinLayout = 1,
    kJoinMostPairs = 32768,  // connections at a time; what comes when all are taken goes by TCP
    kJoinMostDoors = 1024,
    kJoinMostGroups = 1024,
    kJoinMostUnread = 1 << 20,     // bytes of memory that wait for one reader; beyond, ours waits and others' go by TCP
    kJoinReceiveBuffer = 2 << 20,  // of our sockets: those, and as much again by TCP
};

// NOLINTBEGIN(readability-identifier-naming): names of C, for the program in the kernel
// One end of a connection between two sockets of this host and network namespace. Addresses as in the packet; ::1 is
// written as 1. IPv4 in an IPv6 socket (::ffff:127.0.0.1) is IPv4. All zeros: the socket that refuses
// (Joiner::Descriptors).
struct join_end {
    __u64 netns;
    __u32 local;
    __u32 remote;
    __u32 local_port;   // host order
    __u32 remote_port;  // host order
};

enum join_state { kJoinWaiting, kJoinJoined, kJoinPlain };

// A connection, found by the end that has connected.
struct join_pair {
    __u64 from;   // struct tcp_sock of the kernel: the end that has connected
    __u64 to;     // and the end that has accepted
    __u32 state;  // join_state
    __u32 group;  // the mark's of the end that has connected, should that be ours
    __u32 ours;   // it is
    __u32 unused;
};

// Beside a socket. A listener's goes to what it accepts.
struct join_mark {
    struct join_end key;  // of its join_pair
    __u64 joined;         // bytes that the other end was given past TCP
    __u32 group;          // who it is for: index of join_counts
    __u8 ours;            // the socket is Trunkline's
    __u8 connected;       // it is the end that has connected
    __u16 unused;
};

struct join_door {
    __u64 netns;
    __u32 port;  // host order
    __u32 unused;
};

struct join_counts {
    __u64 joined;  // connections
    __u64 plain;   // connections that stayed with TCP: the other end was not there, or the map was full
};

// Mapped into the process.
struct join_shared {
    // Messages that a program has sent to us by TCP over a joined connection. While it stands still, a joined
    // connection of ours is read to its end when a read was short.
    __u64 strays;
    __u64 waits;  // messages of ours that were refused for want of room: EPIPE on a connection that is well
    struct join_counts groups[kJoinMostGroups];
};
// NOLINTEND(readability-identifier-naming)
