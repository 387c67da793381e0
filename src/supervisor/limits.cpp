#include "supervisor/limits.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.h"

namespace tl::supervisor {

namespace {

constexpr int64_t kPeriod = 100'000;  // us, the kernel's default

base::Result<void> write_file(const std::string& path, const std::string& text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    const bool done = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const int number = errno;
    if (fd >= 0) ::close(fd);
    if (!done) return base::fail(base::from_errno(number, fmt::format("write {} to {}", text, path)));
    return {};
}

std::string read_all(const std::string& path) {
    std::ifstream in{path};
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

base::Result<void> make_folder(const std::string& path) {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
        return base::fail(base::from_errno(errno, fmt::format("make the cgroup {}", path)));
    }
    return {};
}

bool has_word(const std::string& text, std::string_view word) {
    std::istringstream words{text};
    for (std::string one; words >> one;) {
        if (one == word) return true;
    }
    return false;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Where a v1 controller is mounted: alone, or by the name that systemd gives to a pair.
std::string v1_mount(const std::string& root, std::string_view controllers, std::string_view wanted) {
    for (const std::string_view name : {wanted, controllers}) {
        std::string folder = fmt::format("{}/{}", root, name);
        if (exists(folder)) return folder;
    }
    return {};
}

std::string joined(const std::string& mount, std::string_view path, const std::string& name) {
    return (std::filesystem::path{mount} / std::filesystem::path{path}.relative_path() / name)
        .lexically_normal()
        .string();
}

int64_t quota(double cores) {
    return std::max<int64_t>(1000, static_cast<int64_t>(cores * static_cast<double>(kPeriod)));
}

// A folder whose processes may be limited may hold no process itself in v2: so our home is our own group's sibling, not
// its child - except at the root, which is exempt.
std::string v2_base(std::string_view own) {
    return own == "/" ? "/" : std::filesystem::path{own}.parent_path().string();
}

// Lets the children of `folder` use the controller.
base::Result<void> enable(const std::string& folder, std::string_view controller) {
    const std::string path = folder + "/cgroup.subtree_control";
    if (has_word(read_all(path), controller)) return {};
    return write_file(path, fmt::format("+{}", controller));
}

}  // namespace

std::vector<std::string> CgroupCell::join() const {
    std::vector<std::string> files;
    for (const std::string& folder : folders) files.push_back(folder + "/cgroup.procs");
    return files;
}

Cgroups::Cgroups(const std::string& root, std::string_view self, std::string_view run_id) {
    const std::string name = fmt::format("trunkline-{}", run_id.substr(0, 16));
    const bool unified = exists(root + "/cgroup.controllers");
    for (const std::string_view line : base::split(self, '\n')) {
        const size_t first = line.find(':');
        const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos) continue;
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        const std::string_view path = line.substr(second + 1);
        if (controllers.empty() && unified) v2_home_ = joined(root, v2_base(path), name);
        for (const std::string_view controller : base::split(controllers, ',')) {
            if (controller != "cpu" && controller != "memory") continue;
            const std::string mount = v1_mount(root, controllers, controller);
            std::string& home = controller == "cpu" ? v1_cpu_home_ : v1_memory_home_;
            if (!mount.empty()) home = joined(mount, path, name);
        }
    }
}

Cgroups Cgroups::of_this_process(const std::string& root, std::string_view run_id) {
    return {root, read_all("/proc/self/cgroup"), run_id};
}

std::vector<std::string> Cgroups::homes() const {
    std::vector<std::string> out;
    for (const std::string* home : {&v2_home_, &v1_cpu_home_, &v1_memory_home_}) {
        if (!home->empty()) out.push_back(*home);
    }
    return out;
}

base::Result<std::string> Cgroups::make_v2(const std::string& name, const LimitsConfig& limits) {
    const std::string parent = std::filesystem::path{v2_home_}.parent_path().string();
    const auto wanted = [&](std::string_view controller) {
        return controller == "cpu" ? limits.cpu.has_value() : limits.memory.has_value();
    };
    for (const std::string_view controller : {"cpu", "memory"}) {
        if (!wanted(controller)) continue;
        TL_TRY(enable(parent, controller));
        TL_TRY(make_folder(v2_home_));
        TL_TRY(enable(v2_home_, controller));
    }
    std::string cell = v2_home_ + "/" + name;
    TL_TRY(make_folder(cell));
    if (limits.cpu) TL_TRY(write_file(cell + "/cpu.max", fmt::format("{} {}", quota(*limits.cpu), kPeriod)));
    if (limits.memory) TL_TRY(write_file(cell + "/memory.max", std::to_string(*limits.memory)));
    return cell;
}

base::Result<std::string> Cgroups::make_v1(const std::string& home, const std::string& name) {
    TL_TRY(make_folder(home));
    std::string cell = home + "/" + name;
    TL_TRY(make_folder(cell));
    return cell;
}

base::Result<void> Cgroups::fill_v1(CgroupCell& cell, const std::string& name, const LimitsConfig& limits) {
    if ((limits.cpu && v1_cpu_home_.empty()) || (limits.memory && v1_memory_home_.empty())) {
        return base::fail(base::Code::unavailable, "this system has no cgroup controller for it");
    }
    if (limits.cpu) {
        auto folder = make_v1(v1_cpu_home_, name);
        if (!folder) return base::fail(std::move(folder.error()));
        cell.folders.push_back(*folder);
        TL_TRY(write_file(*folder + "/cpu.cfs_period_us", std::to_string(kPeriod)));
        TL_TRY(write_file(*folder + "/cpu.cfs_quota_us", std::to_string(quota(*limits.cpu))));
    }
    if (limits.memory) {
        auto folder = make_v1(v1_memory_home_, name);
        if (!folder) return base::fail(std::move(folder.error()));
        cell.folders.push_back(*folder);
        TL_TRY(write_file(*folder + "/memory.limit_in_bytes", std::to_string(*limits.memory)));
    }
    return {};
}

base::Result<CgroupCell> Cgroups::make_cell(const std::string& name, const LimitsConfig& limits) {
    CgroupCell cell;
    if (!v2_home_.empty()) {
        auto folder = make_v2(name, limits);
        if (!folder) return base::fail(std::move(folder.error()));
        cell.folders.push_back(std::move(*folder));
        return cell;
    }
    auto filled = fill_v1(cell, name, limits);
    if (!filled) {
        remove_cell(cell);
        return base::fail(std::move(filled.error()));
    }
    return cell;
}

bool Cgroups::remove_cell(const CgroupCell& cell) {
    bool all = true;
    for (const std::string& folder : cell.folders) {
        std::istringstream members{read_all(folder + "/cgroup.procs")};
        for (pid_t pid = 0; members >> pid;) {
            if (pid > 1) ::kill(pid, SIGKILL);
        }
        if (::rmdir(folder.c_str()) != 0 && errno == EBUSY) all = false;
    }
    return all;
}

void Cgroups::remove_homes() {
    for (const std::string& home : homes()) ::rmdir(home.c_str());
}

}  // namespace tl::supervisor
