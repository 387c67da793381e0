#include "supervisor/run_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "base/text.h"
#include "supervisor/sweep.h"

namespace tl::supervisor {

namespace {

std::string run_file(const std::string& state_dir) { return state_dir + "/run"; }

std::string who_holds(int fd) {
    std::string text(32, '\0');
    const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    if (text.ends_with('\n')) text.pop_back();
    return text.empty() ? "its process could not be found" : fmt::format("process {}", text);
}

bool is_run_id(std::string_view text) {
    return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

base::Result<StateLock> StateLock::acquire(const std::string& state_dir) {
    std::error_code failed;
    std::filesystem::create_directories(state_dir, failed);
    if (failed) return base::fail(base::from_errno(failed.value(), fmt::format("make the state folder {}", state_dir)));
    const std::string path = state_dir + "/lock";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return base::fail(base::from_errno(errno, fmt::format("open {}", path)));
    StateLock lock{fd};
    bool locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
    // The guard of a run that was killed holds it while it removes that one's sockets.
    for (int tries = 0; !locked && errno == EWOULDBLOCK && tries < 20; ++tries) {
        ::usleep(10'000);
        locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
    }
    if (!locked) {
        if (errno != EWOULDBLOCK) return base::fail(base::from_errno(errno, fmt::format("lock {}", path)));
        return base::fail(base::Code::conflict,
                          fmt::format("another Trunkline runs with the state folder {} ({}); stop it with `trunkline "
                                      "stop`, or give this one a state folder of its own",
                                      state_dir, who_holds(fd)));
    }
    const std::string pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        return base::fail(base::from_errno(errno, fmt::format("write {}", path)));
    }
    return lock;
}

StateLock::~StateLock() {
    if (fd_ >= 0) ::close(fd_);
}

std::string make_run_id() { return base::to_hex(base::random_bytes(16)); }

base::Result<void> remember_run(const std::string& state_dir, const std::string& run_id,
                                const std::vector<std::string>& cgroups) {
    const std::string path = run_file(state_dir);
    const std::string fresh = path + ".new";
    {
        std::ofstream out{fresh, std::ios::trunc};
        out << run_id << '\n';
        for (const std::string& home : cgroups) out << home << '\n';
        out.flush();
        if (!out) return base::fail(base::from_errno(errno, fmt::format("write {}", fresh)));
    }
    if (std::rename(fresh.c_str(), path.c_str()) != 0) {
        return base::fail(base::from_errno(errno, fmt::format("rename {} to {}", fresh, path)));
    }
    return {};
}

void forget_run(const std::string& state_dir) { ::unlink(run_file(state_dir).c_str()); }

std::string Leftovers::in_words() const {
    std::vector<std::string> parts;
    const auto add = [&](size_t count, std::string_view one, std::string_view many) {
        if (count > 0) parts.push_back(fmt::format("{} {}", count, count == 1 ? one : many));
    };
    add(processes, "process", "processes");
    add(sockets, "socket", "sockets");
    add(cgroups, "cgroup", "cgroups");
    if (parts.empty()) return "nothing";
    if (parts.size() == 1) return parts[0];
    const std::string last = std::move(parts.back());
    parts.pop_back();
    return base::join(parts, ", ") + " and " + last;
}

Leftovers clean_leftovers(const std::string& state_dir) {
    Leftovers found;
    std::ifstream in{run_file(state_dir)};
    std::string line;
    if (in && std::getline(in, line) && is_run_id(line)) {
        found.processes = sweep::kill_marked(fmt::format("{}={}", kRunVariable, line));
        while (std::getline(in, line)) {
            // Only folders that are named as ours are: the file might have been tampered with.
            const bool ours = line.starts_with('/') && line.find("/trunkline-") != std::string::npos;
            if (ours) found.cgroups += sweep::remove_cgroups(line.c_str());
        }
    }
    found.sockets = sweep::remove_sockets(state_dir.c_str());
    forget_run(state_dir);
    return found;
}

}  // namespace tl::supervisor
