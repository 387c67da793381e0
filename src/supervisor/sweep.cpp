#include "supervisor/sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>

namespace tl::supervisor::sweep {

namespace {

constexpr long kPause = 10'000'000;  // ns between two looks
constexpr int kMostLooks = 500;

void pause_briefly() {
    const timespec pause{0, kPause};
    ::nanosleep(&pause, nullptr);
}

class Handle {
  public:
    explicit Handle(int fd) : fd_(fd) {}
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool ok() const { return fd_ >= 0; }

  private:
    int fd_;
};

// readdir(3) allocates; this is what it stands on.
class Folder {
  public:
    explicit Folder(int fd) : fd_(fd) {}
    // The next name other than . and .., or nullptr at the end.
    const char* next() {
        for (;;) {
            if (at_ >= end_ && !fill()) return nullptr;
            const auto* entry = reinterpret_cast<const dirent64*>(bytes_.data() + at_);
            at_ += entry->d_reclen;
            const char* name = entry->d_name;
            if (std::strcmp(name, ".") != 0 && std::strcmp(name, "..") != 0) return name;
        }
    }

  private:
    bool fill() {
        const long got = ::syscall(SYS_getdents64, fd_, bytes_.data(), bytes_.size());
        at_ = 0;
        end_ = got > 0 ? static_cast<size_t>(got) : 0;
        return got > 0;
    }

    int fd_;
    size_t at_ = 0;
    size_t end_ = 0;
    alignas(8) std::array<char, 8192> bytes_;
};

// 0 if the name is no number.
int as_pid(const char* name) {
    int pid = 0;
    for (; *name != '\0'; ++name) {
        if (*name < '0' || *name > '9') return 0;
        pid = pid * 10 + (*name - '0');
    }
    return pid;
}

// Whether the file holds `marker` anywhere; read in pieces that overlap by the marker's length.
bool holds(int file, std::string_view marker) {
    std::array<char, 16384> bytes;
    size_t kept = 0;
    for (;;) {
        const ssize_t got = ::read(file, bytes.data() + kept, bytes.size() - kept);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        const size_t size = kept + static_cast<size_t>(got);
        if (::memmem(bytes.data(), size, marker.data(), marker.size()) != nullptr) return true;
        kept = size < marker.size() - 1 ? size : marker.size() - 1;
        std::memmove(bytes.data(), bytes.data() + size - kept, kept);
    }
}

// By a pidfd that was opened before the look, so that a number that was given to another process is not hit.
bool kill_if_marked(int proc, const char* name, std::string_view marker) {
    const Handle process{static_cast<int>(::syscall(SYS_pidfd_open, as_pid(name), 0))};
    if (!process.ok()) return false;
    const Handle folder{::openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!folder.ok()) return false;
    const Handle environment{::openat(folder.get(), "environ", O_RDONLY | O_CLOEXEC)};
    if (!environment.ok() || !holds(environment.get(), marker)) return false;
    return ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) == 0;
}

size_t kill_once(std::string_view marker) {
    const Handle proc{::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!proc.ok()) return 0;
    size_t killed = 0;
    Folder folder{proc.get()};
    while (const char* name = folder.next()) {
        const int pid = as_pid(name);
        if (pid > 1 && pid != ::getpid() && kill_if_marked(proc.get(), name, marker)) ++killed;
    }
    return killed;
}

void kill_members(int cgroup) {
    const Handle members{::openat(cgroup, "cgroup.procs", O_RDONLY | O_CLOEXEC)};
    if (!members.ok()) return;
    std::array<char, 4096> bytes;
    int pid = 0;
    for (ssize_t got = 0; (got = ::read(members.get(), bytes.data(), bytes.size())) > 0;) {
        for (ssize_t i = 0; i < got; ++i) {
            const char c = bytes[static_cast<size_t>(i)];
            if (c >= '0' && c <= '9') {
                pid = pid * 10 + (c - '0');
                continue;
            }
            if (pid > 1) ::kill(pid, SIGKILL);
            pid = 0;
        }
    }
}

bool remove_cgroup(int parent, const char* name) {
    for (int i = 0; i < 100; ++i) {
        {
            const Handle cgroup{::openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
            if (!cgroup.ok()) return false;
            kill_members(cgroup.get());
        }
        if (::unlinkat(parent, name, AT_REMOVEDIR) == 0) return true;
        if (errno != EBUSY) return false;
        pause_briefly();
    }
    return false;
}

bool ends_with_sock(const char* name) {
    const size_t length = std::strlen(name);
    return length > 5 && std::strcmp(name + length - 5, ".sock") == 0;
}

}  // namespace

size_t kill_marked(std::string_view marker) {
    size_t killed = 0;
    int quiet = 0;
    for (int look = 0; look < kMostLooks && quiet < 2; ++look) {
        const size_t now = kill_once(marker);
        // A process that was killed and is not gone yet is found again: it counts once at most a look.
        if (look == 0 || now > killed) killed = now > killed ? now : killed;
        quiet = now == 0 ? quiet + 1 : 0;
        if (quiet < 2) pause_briefly();
    }
    return killed;
}

size_t remove_sockets(const char* path) {
    const Handle folder{::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!folder.ok()) return 0;
    size_t removed = 0;
    Folder entries{folder.get()};
    while (const char* name = entries.next()) {
        struct stat about{};
        if (!ends_with_sock(name) || ::fstatat(folder.get(), name, &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (S_ISSOCK(about.st_mode) && ::unlinkat(folder.get(), name, 0) == 0) ++removed;
    }
    return removed;
}

size_t remove_cgroups(const char* home) {
    size_t removed = 0;
    {
        const Handle folder{::open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        if (!folder.ok()) return 0;
        Folder entries{folder.get()};
        while (const char* name = entries.next()) {
            struct stat about{};
            if (::fstatat(folder.get(), name, &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(about.st_mode)) continue;
            if (remove_cgroup(folder.get(), name)) ++removed;
        }
    }
    if (::rmdir(home) == 0) ++removed;
    return removed;
}

}  // namespace tl::supervisor::sweep
