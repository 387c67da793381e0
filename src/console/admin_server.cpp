#include "console/admin_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"

namespace tl::console {

namespace {

constexpr size_t kMostConnections = 256;

http::ServerLimits admin_limits() {
    http::ServerLimits limits;
    // Room for one more byte than a manifest may have, so that the answer is ours and says why.
    limits.body = AdminApi::kMostManifest + 1;
    return limits;
}

// The state folder belongs to its owner alone: the socket and the token are in it.
base::Result<void> make_private_folder(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        return base::fail(base::from_errno(errno, fmt::format("make the folder {}", path)));
    }
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return base::fail(base::from_errno(errno, fmt::format("look at {}", path)));
    if (!S_ISDIR(info.st_mode)) {
        return base::fail(base::Code::conflict, fmt::format("{} is in the way: it is no folder", path));
    }
    if ((info.st_mode & 0077) != 0 && ::chmod(path.c_str(), 0700) != 0) {
        return base::fail(base::from_errno(errno, fmt::format("make {} private (mode 0700)", path)));
    }
    return {};
}

// Whether somebody accepts on the socket; a file that a killed process left refuses.
bool somebody_listens(const net::Address& address) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return false;
    const bool there = ::connect(fd, address.raw(), address.length()) == 0 || errno == EAGAIN;
    ::close(fd);
    return there;
}

}  // namespace

AdminSocket::~AdminSocket() {
    if (folder_ >= 0) ::close(folder_);
}

base::Result<void> AdminSocket::locate(const std::string& state_dir) {
    path_ = fmt::format("{}/{}", state_dir, kSocketName);
    std::string reachable = path_;
    if (path_.size() >= sizeof(sockaddr_un::sun_path)) {
        folder_ = ::open(state_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (folder_ < 0) return base::fail(base::from_errno(errno, fmt::format("open the folder {}", state_dir)));
        reachable = fmt::format("/proc/self/fd/{}/{}", folder_, kSocketName);
    }
    auto address = net::Address::unix_path(reachable);
    if (!address) return base::fail(address.error());
    address_ = *address;
    return {};
}

AdminServer::Door::Door(System& system, Access access)
    : api(system, std::move(access)), server(api, admin_limits(), kMostConnections) {}

base::Result<void> AdminServer::start(const AdminConfig& config) {
    if (config.http && !is_loopback_authority(config.http->is_unix() ? "" : config.http->to_string())) {
        return base::fail(base::Code::invalid,
                          fmt::format("the admin API listens on loopback only, not on {}; use 127.0.0.1:{}",
                                      config.http->to_string(), config.http->port()));
    }
    TL_TRY(make_private_folder(config.state_dir));
    TL_TRY(socket_.locate(config.state_dir));
    TL_TRY(open_socket(config.socket_fd));
    if (!config.http && config.http_fd < 0) return {};
    auto opened = open_http(config);
    if (!opened) ::unlink(socket_.path().c_str());
    return opened;
}

base::Result<void> AdminServer::open_socket(int inherited) {
    if (inherited >= 0) {
        socket_door_ = std::make_unique<Door>(*system_, Access::by_socket());
        return socket_door_->server.start(inherited);
    }
    if (somebody_listens(socket_.address())) {
        return base::fail(base::Code::conflict,
                          fmt::format("another Trunkline runs here already: it answers on {}; end it with "
                                      "'trunkline stop'",
                                      socket_.path()));
    }
    ::unlink(socket_.path().c_str());
    auto fd = net::open_listener(socket_.address(), {.mode = 0600});
    if (!fd) return base::fail(fd.error());
    socket_door_ = std::make_unique<Door>(*system_, Access::by_socket());
    return socket_door_->server.start(*fd);
}

base::Result<void> AdminServer::open_http(const AdminConfig& config) {
    auto token = load_or_make_token(config.state_dir);
    if (!token) return base::fail(token.error());
    auto fd = config.http_fd >= 0 ? base::Result<int>{config.http_fd} : net::open_listener(*config.http, {});
    if (!fd) return base::fail(fd.error());
    http_door_ = std::make_unique<Door>(*system_, Access::by_token(std::move(*token), config.open_metrics));
    return http_door_->server.start(*fd);
}

rt::Task<void> AdminServer::stop(base::TimePoint deadline) {
    for (Door* door : {socket_door_.get(), http_door_.get()}) {
        if (door == nullptr) continue;
        door->api.end_streams();
    }
    for (Door* door : {http_door_.get(), socket_door_.get()}) {
        if (door == nullptr) continue;
        co_await door->api.stop({deadline, nullptr});
        co_await door->server.stop(deadline);
    }
    if (socket_door_) ::unlink(socket_.path().c_str());
}

std::string AdminServer::http_url() const {
    return http_door_ ? fmt::format("http://{}", http_door_->server.address().to_string()) : std::string{};
}

}  // namespace tl::console
