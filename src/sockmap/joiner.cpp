#include "sockmap/joiner.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

#include "sockmap/kernel_check.h"
#include "sockmap/layout.h"
#include "sockmap/loopback.h"
#include "sockmap/program.h"

namespace tl::sockmap {

namespace {

constexpr size_t kOwnDescriptors = 7;

base::Error refused(int number, std::string_view what) {
    base::Error error = base::from_errno(number, what);
    if (number == EPERM || number == EACCES) {
        error.context += "; it takes root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN";
    } else if (number == ENOENT || number == ESRCH || number == EINVAL || number == EOPNOTSUPP) {
        error.context += "; this kernel lacks what it needs (a recent Linux with BTF)";
    }
    return error;
}

// Where the second version of cgroups is mounted, which is where programs for sockets attach.
base::Result<int> open_root_cgroup() {
    std::ifstream mounts{"/proc/self/mounts"};
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream words{line};
        std::string device;
        std::string folder;
        std::string type;
        words >> device >> folder >> type;
        if (type != "cgroup2") continue;
        const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return base::fail(refused(errno, "open " + folder));
        return fd;
    }
    return base::fail(base::Code::not_found, "no cgroup2 is mounted");
}

struct ObjectCloser {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using ObjectPtr = std::unique_ptr<bpf_object, ObjectCloser>;

base::Result<ObjectPtr> load_object() {
    libbpf_set_print(nullptr);  // what it says goes to standard error, and the reasons that we give are enough
    const auto bytes = join_program();
    ObjectPtr object{bpf_object__open_mem(bytes.data(), bytes.size(), nullptr)};
    if (object == nullptr) return base::fail(refused(errno, "read the program for the kernel"));
    if (const int failed = bpf_object__load(object.get()); failed != 0) {
        return base::fail(refused(-failed, "load a program into the kernel"));
    }
    return object;
}

int keep(int fd) { return ::fcntl(fd, F_DUPFD_CLOEXEC, 3); }

// One of its own, for the object closes what it has opened.
int map_of(const ObjectPtr& object, const char* name) {
    return keep(bpf_object__find_map_fd_by_name(object.get(), name));
}

base::Result<int> attach(const ObjectPtr& object) {
    const auto cgroup = open_root_cgroup();
    if (!cgroup) return base::fail(cgroup.error());
    bpf_link* link =
        bpf_program__attach_cgroup(bpf_object__find_program_by_name(object.get(), "join_established"), *cgroup);
    const int number = errno;
    ::close(*cgroup);
    if (link == nullptr) return base::fail(refused(number, "attach a program to the root cgroup"));
    const int fd = keep(bpf_link__fd(link));
    bpf_link__destroy(link);  // the descriptor holds it from here on
    return fd;
}

base::Result<uint64_t> own_network() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    const bool known = ::getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0;
    const int number = errno;
    if (socket >= 0) ::close(socket);
    if (!known) return base::fail(refused(number, "ask for the network namespace"));
    return cookie;
}

JoinCounts counts_of(const join_shared& shared, size_t group) {
    const join_counts& counts = shared.groups[group];
    return {__atomic_load_n(&counts.joined, __ATOMIC_RELAXED), __atomic_load_n(&counts.plain, __ATOMIC_RELAXED)};
}

}  // namespace

base::Result<void> Joiner::begin() {
    const auto object = load_object();
    if (!object) return base::fail(object.error());
    fd_ = {.link = -1,
           .sockets = map_of(*object, "join_sockets"),
           .marks = map_of(*object, "join_marks"),
           .doors = map_of(*object, "join_doors"),
           .shared = map_of(*object, "join_shared"),
           .refuser = -1,
           .refused = -1};
    const int message = bpf_program__fd(bpf_object__find_program_by_name(object->get(), "join_message"));
    if (const int failed = bpf_prog_attach(message, fd_.sockets, BPF_SK_MSG_VERDICT, 0); failed != 0) {
        return base::fail(refused(-failed, "attach a program to a map of sockets"));
    }
    const auto link = attach(*object);
    if (!link) return base::fail(link.error());
    fd_.link = *link;
    TL_TRY(map_shared());
    return add_refuser();
}

base::Result<void> Joiner::add_refuser() {
    auto pair = make_loopback(*this, Ours::none, AF_INET);
    if (!pair) return base::fail(std::move(pair.error()));
    fd_.refuser = std::exchange(pair->connected, -1);
    fd_.refused = std::exchange(pair->accepted, -1);
    const join_end key{};
    const auto socket = static_cast<uint64_t>(fd_.refuser);
    if (bpf_map_update_elem(fd_.sockets, &key, &socket, BPF_ANY) != 0) {
        return base::fail(refused(errno, "put a socket into a map"));
    }
    ::shutdown(fd_.refuser, SHUT_WR);
    return {};
}

base::Result<void> Joiner::map_shared() {
    void* place = ::mmap(nullptr, sizeof(join_shared), PROT_READ, MAP_SHARED, fd_.shared, 0);
    if (place == MAP_FAILED) return base::fail(refused(errno, "map a map of the kernel"));
    shared_ = static_cast<join_shared*>(place);
    for (size_t i = 0; i < kJoinMostGroups; ++i) before_.push_back(counts_of(*shared_, i));
    const auto netns = own_network();
    if (!netns) return base::fail(netns.error());
    netns_ = *netns;
    return {};
}

base::Result<std::unique_ptr<Joiner>> Joiner::load() {
    std::unique_ptr<Joiner> joiner{new Joiner};
    TL_TRY(joiner->begin());
    TL_TRY(test_kernel(*joiner));
    joiner->first_strays_ = joiner->strays();
    return joiner;
}

base::Result<std::unique_ptr<Joiner>> Joiner::adopt(uint32_t layout, const std::vector<int>& left) {
    std::unique_ptr<Joiner> joiner{new Joiner};
    if (layout == kJoinLayout && left.size() >= kOwnDescriptors) {
        joiner->fd_ = {left[0], left[1], left[2], left[3], left[4], left[5], left[6]};
        joiner->kept_.assign(left.begin() + kOwnDescriptors, left.end());
        TL_TRY(joiner->map_shared());
        return joiner;
    }
    joiner->kept_ = left;
    if (!left.empty()) {
        ::close(left[0]);  // detaches the former programs
        joiner->kept_.erase(joiner->kept_.begin());
    }
    TL_TRY(joiner->begin());
    TL_TRY(test_kernel(*joiner));
    return joiner;
}

Joiner::~Joiner() {
    if (shared_ != nullptr) ::munmap(shared_, sizeof(join_shared));
    for (const int fd : descriptors()) {
        if (fd >= 0) ::close(fd);
    }
}

uint32_t Joiner::group(std::string_view name) {
    const auto known = groups_.find(name);
    if (known != groups_.end()) return known->second;
    const auto next = static_cast<uint32_t>(std::min<size_t>(groups_.size(), kJoinMostGroups - 1));
    return groups_.emplace(name, next).first->second;
}

JoinCounts Joiner::counts(std::string_view name) const {
    const auto known = groups_.find(name);
    if (known == groups_.end()) return {};
    const JoinCounts now = counts_of(*shared_, known->second);
    return {now.joined - before_[known->second].joined, now.plain - before_[known->second].plain};
}

base::Result<void> Joiner::open_door(uint16_t port) {
    const join_door door{.netns = netns_, .port = port, .unused = 0};
    const uint32_t open = 1;
    if (bpf_map_update_elem(fd_.doors, &door, &open, BPF_ANY) == 0) return {};
    return base::fail(refused(errno, fmt::format("join clients of port {}", port)));
}

void Joiner::close_door(uint16_t port) {
    const join_door door{.netns = netns_, .port = port, .unused = 0};
    bpf_map_delete_elem(fd_.doors, &door);
}

bool Joiner::mark(int socket, uint32_t group) const {
    const int half = kJoinReceiveBuffer / 2;  // the kernel doubles it
    if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof half) != 0) return false;
    join_mark mark{};
    mark.group = group;
    mark.ours = 1;
    return bpf_map_update_elem(fd_.marks, &socket, &mark, BPF_ANY) == 0;
}

void Joiner::unmark(int socket) const { bpf_map_delete_elem(fd_.marks, &socket); }

uint64_t Joiner::strays() const { return __atomic_load_n(&shared_->strays, __ATOMIC_ACQUIRE); }

uint64_t Joiner::joined_bytes(int socket) const {
    join_mark mark{};
    return bpf_map_lookup_elem(fd_.marks, &socket, &mark) == 0 ? mark.joined : 0;
}

std::vector<int> Joiner::descriptors() const {
    std::vector<int> all{fd_.link, fd_.sockets, fd_.marks, fd_.doors, fd_.shared, fd_.refuser, fd_.refused};
    all.insert(all.end(), kept_.begin(), kept_.end());
    return all;
}

uint32_t Joiner::layout() { return kJoinLayout; }

bool Joiner::has_sockets() const {
    const join_end refuser{};
    join_end found{};
    if (bpf_map_get_next_key(fd_.sockets, nullptr, &found) != 0) return false;
    if (found.netns != refuser.netns) return true;
    return bpf_map_get_next_key(fd_.sockets, &found, &found) == 0;
}

}  // namespace tl::sockmap
