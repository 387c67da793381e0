// The doors of the admin API: the Unix socket in the state folder and, if wanted, loopback HTTP with a token. Owned by
// app/, on the control core; opened before anything is started (a second Trunkline of the same folder stops here),
// closed last.
#pragma once

#include <memory>
#include <optional>

#include "console/admin_api.h"
#include "http/server.h"

namespace tl::console {

struct AdminConfig {
    std::string state_dir;             // made (0700) if it is not there
    std::optional<net::Address> http;  // loopback only; none: the socket alone
    bool open_metrics = false;         // /metrics by loopback HTTP needs no token
    // Sockets that listen already, of the program before this one in this process; -1: opened here.
    int socket_fd = -1;
    int http_fd = -1;
};

// The address of the admin socket of a state folder. Unix socket paths end at 107 bytes: for a longer one the folder is
// held open and addressed through /proc/self/fd, so this object outlives every use of address().
class AdminSocket {
  public:
    AdminSocket() = default;
    ~AdminSocket();
    AdminSocket(const AdminSocket&) = delete;
    AdminSocket& operator=(const AdminSocket&) = delete;

    [[nodiscard]] base::Result<void> locate(const std::string& state_dir);
    [[nodiscard]] const net::Address& address() const { return address_; }
    [[nodiscard]] const std::string& path() const { return path_; }  // for people

  private:
    int folder_ = -1;
    std::string path_;
    net::Address address_;
};

class AdminServer {
  public:
    explicit AdminServer(System& system) : system_(&system) {}

    // Code::conflict: another Trunkline answers on the socket. Code::invalid: the HTTP address is not loopback.
    // A socket file that a killed Trunkline has left is replaced.
    [[nodiscard]] base::Result<void> start(const AdminConfig& config);
    // Ends followed logs, lets the rest finish until `deadline`, closes both doors and removes the socket file.
    [[nodiscard]] rt::Task<void> stop(base::TimePoint deadline);

    // The listening sockets, -1 for a door that is not open.
    [[nodiscard]] int socket_fd() const { return socket_door_ ? socket_door_->server.listener_fd() : -1; }
    [[nodiscard]] int http_fd() const { return http_door_ ? http_door_->server.listener_fd() : -1; }
    // "http://127.0.0.1:9090", or "" without that door.
    [[nodiscard]] std::string http_url() const;

  private:
    struct Door {
        Door(System& system, Access access);
        AdminApi api;
        http::Server server;
    };
    [[nodiscard]] base::Result<void> open_socket(int inherited);
    [[nodiscard]] base::Result<void> open_http(const AdminConfig& config);

    System* system_;
    AdminSocket socket_;
    std::unique_ptr<Door> socket_door_;
    std::unique_ptr<Door> http_door_;
};

}  // namespace tl::console
