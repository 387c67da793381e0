#include "net/port_holder.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace tl::net {

namespace fs = std::filesystem;

namespace {

// Inodes of the sockets that listen on `port`, from /proc/net/tcp and tcp6.
std::set<std::string> listening_inodes(uint16_t port) {
    std::set<std::string> inodes;
    for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream file{path};
        std::string line;
        std::getline(file, line);
        while (std::getline(file, line)) {
            std::istringstream words{line};
            std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
            words >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
            constexpr std::string_view kListen = "0A";
            if (state == kListen && local.ends_with(fmt::format(":{:04X}", port))) inodes.insert(inode);
        }
    }
    return inodes;
}

bool holds_any(const fs::path& process, const std::set<std::string>& inodes) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(process / "fd", ignored)) {
        const std::string target = fs::read_symlink(entry.path(), ignored).string();
        if (!target.starts_with("socket:[")) continue;
        if (inodes.contains(target.substr(8, target.size() - 9))) return true;
    }
    return false;
}

}  // namespace

std::string describe_port_holder(uint16_t port) {
    const auto inodes = listening_inodes(port);
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
        const std::string pid = entry.path().filename();
        if (pid.find_first_not_of("0123456789") != std::string::npos || !holds_any(entry.path(), inodes)) continue;
        std::ifstream file{entry.path() / "comm"};
        std::string name;
        std::getline(file, name);
        return fmt::format("it is held by {} (process {})", name, pid);
    }
    return fmt::format("another user's process holds it; 'ss -ltnp sport = :{}' as root tells which", port);
}

}  // namespace tl::net
