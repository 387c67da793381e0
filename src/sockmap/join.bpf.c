// Runs in the kernel: joins the two ends of a connection when it is established, and hands what one end sends to the
// other past TCP. docs/decisions/0009-local-acceleration.md tells what must hold; layout.h what user space sees.
//
// Two invariants. A program at the other end never gets bytes by TCP and bytes past it at once: it may ask how many
// wait (FIONREAD), and the kernel counts only one kind. And a byte never overtakes another: on the way to us, where
// both kinds may follow each other, it goes past TCP only when everything of TCP has been read.
// libbpf's headers need the types of the kernel's before them.
// clang-format off
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#include "layout.h"

char join_license[] SEC("license") = "Dual MIT/GPL";

// The kernel's own structures: only what is read; libbpf finds the places in the kernel that runs.
struct sock_common {
    volatile unsigned char skc_state;
    __u32 skc_portpair;
    unsigned long skc_flags;
} __attribute__((preserve_access_index));

struct sock_backlog {
    struct {
        int counter;
    } rmem_alloc;
} __attribute__((preserve_access_index));

struct sock {
    struct sock_common __sk_common;
    struct sock_backlog sk_backlog;
    int sk_rcvlowat;
    unsigned char sk_shutdown;
} __attribute__((preserve_access_index));

struct tcp_sock {
    __u32 copied_seq;
    __u32 write_seq;
} __attribute__((preserve_access_index));

enum sock_flags { SOCK_ZEROCOPY = 1 };
enum { kEstablished = 1, kCloseWait = 8, kReadEnded = 1, kWriteEnded = 2 };
enum { kIp4 = 2, kIp6 = 10 };

struct {
    __uint(type, BPF_MAP_TYPE_SOCKHASH);
    __uint(max_entries, kJoinMostPairs * 2);
    __type(key, struct join_end);
    __type(value, __u64);
} join_sockets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, kJoinMostPairs);
    __type(key, struct join_end);
    __type(value, struct join_pair);
} join_pairs SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
    __type(key, int);
    __type(value, struct join_mark);
} join_marks SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, kJoinMostDoors);
    __type(key, struct join_door);
    __type(value, __u32);
} join_doors SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct join_shared);
} join_shared SEC(".maps");

static __always_inline struct join_shared* shared(void) {
    __u32 first = 0;
    return bpf_map_lookup_elem(&join_shared, &first);
}

static __always_inline void count(__u32 group, int joined) {
    struct join_shared* all = shared();
    if (!all || group >= kJoinMostGroups) return;
    __sync_fetch_and_add(joined ? &all->groups[group].joined : &all->groups[group].plain, 1);
}

static __always_inline int is_loopback(__u32 ip4) { return (bpf_ntohl(ip4) >> 24) == 127; }

// The address as join_end has it; 0 where there is no such form. Every word is read before any is looked at, and
// kept apart from the others: the kernel's verifier takes no computed place in a context.
#define ADDRESS(ctx, side)                                                                          \
    ({                                                                                              \
        __u32 ip4 = (ctx)->side##_ip4, first = (ctx)->side##_ip6[0], second = (ctx)->side##_ip6[1]; \
        __u32 third = (ctx)->side##_ip6[2], last = (ctx)->side##_ip6[3];                            \
        barrier_var(ip4);                                                                           \
        barrier_var(first);                                                                         \
        barrier_var(second);                                                                        \
        barrier_var(third);                                                                         \
        barrier_var(last);                                                                          \
        address_of((ctx)->family, ip4, first | second, third, last);                                \
    })

static __always_inline __u32 address_of(__u32 family, __u32 ip4, __u32 front, __u32 third, __u32 last) {
    if (family == kIp4) return is_loopback(ip4) ? ip4 : 0;
    if (family != kIp6 || front) return 0;
    if (third == bpf_htonl(0xffff)) return is_loopback(last) ? last : 0;
    return third == 0 && last == bpf_htonl(1) ? last : 0;
}

// False when not both ends are on loopback.
static __always_inline int read_end(struct bpf_sock_ops* ctx, struct join_end* end) {
    end->netns = bpf_get_netns_cookie(ctx);
    end->local = ADDRESS(ctx, local);
    end->remote = ADDRESS(ctx, remote);
    end->local_port = ctx->local_port;
    end->remote_port = bpf_ntohl(ctx->remote_port);
    return end->local && end->remote;
}

static __always_inline struct join_end other_end(const struct join_end* end) {
    struct join_end other = {
        .netns = end->netns,
        .local = end->remote,
        .remote = end->local,
        .local_port = end->remote_port,
        .remote_port = end->local_port,
    };
    return other;
}

static __always_inline void forget(struct join_mark* mark) {
    struct join_end key = mark->key;
    bpf_map_delete_elem(&join_pairs, &key);
}

// The end that connects is there first: our own, or a client's at one of our doors.
static __always_inline void on_connected(struct bpf_sock_ops* ctx, struct join_end* end, struct bpf_sock* sk) {
    struct join_mark* mark = bpf_sk_storage_get(&join_marks, sk, 0, 0);
    struct join_pair pair = {.from = (__u64)bpf_skc_to_tcp_sock(sk), .state = kJoinWaiting, .ours = mark != 0};
    if (mark) {
        pair.group = mark->group;
    } else {
        struct join_door door = {.netns = end->netns, .port = end->remote_port};
        if (!bpf_map_lookup_elem(&join_doors, &door)) return;
        mark = bpf_sk_storage_get(&join_marks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
        if (!mark) return;
    }
    mark->key = *end;
    mark->connected = 1;
    // One that is there already is of a connection that has gone without a word: it had the same ports.
    if (bpf_map_update_elem(&join_pairs, end, &pair, BPF_ANY)) return;
    if (bpf_sock_hash_update(ctx, &join_sockets, end, BPF_NOEXIST)) {
        forget(mark);
    } else if (mark->ours) {
        bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_STATE_CB_FLAG);
    }
}

// 1 when both ends are in the map and ours may send past TCP from here on: it has not sent by TCP yet.
static __always_inline int complete(struct bpf_sock_ops* ctx, struct join_end* end, struct bpf_sock* sk,
                                    struct join_pair* pair) {
    pair->to = (__u64)bpf_skc_to_tcp_sock(sk);
    if (bpf_sock_hash_update(ctx, &join_sockets, end, BPF_NOEXIST)) return 0;
    if (__sync_val_compare_and_swap(&pair->state, kJoinWaiting, kJoinJoined) == kJoinWaiting) return 1;
    bpf_map_delete_elem(&join_sockets, end);
    return 0;
}

// The end that was connected to joins the other, if that is there. Before accept() gives the socket to its program, so
// that nobody reads it yet.
static __always_inline void on_accepted(struct bpf_sock_ops* ctx, struct join_end* end, struct bpf_sock* sk) {
    struct join_end other = other_end(end);
    struct join_mark* mark = bpf_sk_storage_get(&join_marks, sk, 0, 0);
    struct join_pair* pair = bpf_map_lookup_elem(&join_pairs, &other);
    int ours = mark != 0;
    if (!pair) {
        if (ours) count(mark->group, 0);
        return;
    }
    if (!mark) mark = bpf_sk_storage_get(&join_marks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (mark) {
        mark->key = other;
        mark->connected = 0;
    }
    int joined = mark && (ours || pair->ours) && complete(ctx, end, sk, pair);
    if (ours || pair->ours) count(mark && ours ? mark->group : pair->group, joined);
    if (joined && ours) bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_STATE_CB_FLAG);
    if (joined || pair->ours) return;
    // A client that is alone, or at another program's listener, shall not even be watched.
    bpf_map_delete_elem(&join_sockets, &other);
    bpf_map_delete_elem(&join_pairs, &other);
}

SEC("sockops")
int join_established(struct bpf_sock_ops* ctx) {
    struct join_end end;
    struct bpf_sock* sk = ctx->sk;
    if (!sk) return 1;
    if (ctx->op == BPF_SOCK_OPS_STATE_CB) {
        struct join_mark* mark = ctx->args[1] == BPF_TCP_CLOSE ? bpf_sk_storage_get(&join_marks, sk, 0, 0) : 0;
        if (mark) forget(mark);
        return 1;
    }
    int accepted = ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB;
    if ((!accepted && ctx->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB) || !read_end(ctx, &end)) return 1;
    if (accepted) {
        on_accepted(ctx, &end, sk);
    } else {
        on_connected(ctx, &end, sk);
    }
    return 1;
}

enum way { kByTcp, kPastTcp, kFull };

// `reader` may be the socket of a connection that has gone, so it is read with care and believed only where its ports
// are the expected ones. Should it go after that, it is no longer in the map, and the message goes by TCP.
static __always_inline enum way way_of(struct tcp_sock* from, __u64 reader, __u32 ports, __u32 size) {
    struct sock* sender = (struct sock*)from;
    struct sock* peer = (struct sock*)reader;
    struct tcp_sock* to = (struct tcp_sock*)reader;
    unsigned char state = sender->__sk_common.skc_state;
    // TCP knows the errors of a connection that ends, and completions of MSG_ZEROCOPY.
    if ((state != kEstablished && state != kCloseWait) || (sender->sk_shutdown & kWriteEnded)) return kByTcp;
    if (sender->__sk_common.skc_flags & (1ul << bpf_core_enum_value(enum sock_flags, SOCK_ZEROCOPY))) return kByTcp;
    if (BPF_CORE_READ(peer, __sk_common.skc_portpair) != ports) return kByTcp;
    if ((BPF_CORE_READ(peer, sk_shutdown) & kReadEnded) || BPF_CORE_READ(peer, sk_rcvlowat) > 1) return kByTcp;
    if (BPF_CORE_READ(to, copied_seq) != from->write_seq) return kByTcp;
    // With room left for what TCP has in flight then, or it would be dropped and sent again, later and later.
    __u32 unread = BPF_CORE_READ(peer, sk_backlog.rmem_alloc.counter);
    return unread > 0 && unread + size > kJoinMostUnread ? kFull : kPastTcp;
}

SEC("sk_msg")
int join_message(struct sk_msg_md* msg) {
    struct bpf_sock* sk = msg->sk;
    struct join_mark* mark = sk ? bpf_sk_storage_get(&join_marks, sk, 0, 0) : 0;
    if (!mark) return SK_PASS;
    struct join_end other = mark->key;
    struct join_pair* pair = bpf_map_lookup_elem(&join_pairs, &other);
    enum way way = kByTcp;
    // What is sent before the other end has joined makes ours plain for good.
    if (pair && (pair->state == kJoinJoined ||
                 (mark->ours && __sync_val_compare_and_swap(&pair->state, kJoinWaiting, kJoinPlain) == kJoinJoined))) {
        struct tcp_sock* from = bpf_skc_to_tcp_sock(sk);
        // In memory: the port of the other end in network order, then one's own in host order.
        __u32 ports = bpf_htons(msg->local_port) | (bpf_ntohl(msg->remote_port) << 16);
        if (from) way = way_of(from, mark->connected ? pair->to : pair->from, ports, msg->size);
    }
    struct join_shared* all = shared();
    if (way == kFull && mark->ours) {
        // SK_DROP would be remembered and refuse everything from here on. A socket that takes nothing refuses this one.
        struct join_end refuser = {};
        if (all) __sync_fetch_and_add(&all->waits, 1);
        bpf_msg_redirect_hash(msg, &join_sockets, &refuser, 0);
        return SK_PASS;
    }
    if (mark->connected) other = other_end(&mark->key);
    if (way == kPastTcp && bpf_msg_redirect_hash(msg, &join_sockets, &other, BPF_F_INGRESS) == SK_PASS) {
        mark->joined += msg->size;
        return SK_PASS;
    }
    if (!mark->ours && all) __sync_fetch_and_add(&all->strays, 1);
    return SK_PASS;
}
