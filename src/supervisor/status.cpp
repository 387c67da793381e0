#include "supervisor/status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>

namespace tl::supervisor {

namespace {

constexpr size_t kMostProcesses = 256;

std::string read_proc(int pid, std::string_view file) {
    std::ifstream in{fmt::format("/proc/{}/{}", pid, file)};
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

// Fields 14 and 15 of stat (proc(5)), counted from behind the name, which may hold spaces.
base::Duration cpu_time(const std::string& stat) {
    const size_t name_end = stat.rfind(')');
    if (name_end == std::string::npos) return base::Duration{0};
    std::istringstream fields{stat.substr(name_end + 1)};
    std::string skipped;
    for (int i = 3; i < 14; ++i) fields >> skipped;
    int64_t user = 0;
    int64_t system = 0;
    fields >> user >> system;
    return std::chrono::nanoseconds{(user + system) * (1'000'000'000 / ::sysconf(_SC_CLK_TCK))};
}

uint64_t resident(const std::string& statm) {
    std::istringstream fields{statm};
    uint64_t total = 0;
    uint64_t pages = 0;
    fields >> total >> pages;
    return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string_view to_string(InstanceState state) {
    switch (state) {
        case InstanceState::starting: return "starting";
        case InstanceState::running: return "running";
        case InstanceState::stopping: return "stopping";
        case InstanceState::backoff: return "backoff";
        case InstanceState::crash_loop: return "crash loop";
    }
    return "starting";
}

std::optional<Usage> usage_of(int pid) {
    std::vector<int> family{pid};
    Usage usage;
    bool any = false;
    for (size_t i = 0; i < family.size(); ++i) {
        const std::string stat = read_proc(family[i], "stat");
        if (stat.empty()) continue;
        any = true;
        usage.cpu += cpu_time(stat);
        usage.memory += resident(read_proc(family[i], "statm"));
        std::istringstream children{read_proc(family[i], fmt::format("task/{}/children", family[i]))};
        for (int child = 0; children >> child && family.size() < kMostProcesses;) family.push_back(child);
    }
    return any ? std::optional{usage} : std::nullopt;
}

}  // namespace tl::supervisor
