// The shop's C++ services: routes, JSON in and out, problem replies, an exact stop.
//
// The HTTP itself is cpp-httplib's (Debian package libcpp-httplib-dev). Added here is what it lacks
// for a service behind a balancer: on SIGTERM idle keep-alive connections are closed at once,
// requests in flight are answered with `Connection: close`, then run() returns.
// A thread serves a connection; the number of threads is fixed. Nothing here knows Trunkline:
// PORT, HOST, SERVICE and INSTANCE come in the environment. An example's code may throw; the
// product's does not.
#pragma once

#include <httplib.h>

#include <atomic>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace shop {

using Json = nlohmann::json;

// A reply that says what is wrong (RFC 9457): `code` for programs, what() for people.
class Problem : public std::runtime_error {
  public:
    Problem(int status, std::string code, const std::string& detail)
        : std::runtime_error(detail), status_(status), code_(std::move(code)) {}
    int status() const { return status_; }
    Json body() const;

  private:
    int status_;
    std::string code_;
};

struct Reply {
    Json body;
    int status = 200;
};

// A request as handlers see it: the pattern's groups in order, and the body ({} when empty).
struct Call {
    const httplib::Request& request;
    std::string group(size_t index) const { return request.matches[static_cast<long>(index)].str(); }
    Json json() const;
};

// httplib's server with our own keep-alive loop, which also wakes up on stop.
class WebServer final : public httplib::Server {
  public:
    WebServer();
    ~WebServer() override;
    // From any thread: no connection is taken any more, idle ones close. listen() returns when the
    // requests in flight are answered.
    void finish();

  private:
    bool process_and_close_socket(socket_t sock) override;
    bool wait_for_request(socket_t sock) const;

    int stop_event_;  // becomes readable on finish() and stays so
    std::atomic<bool> stopping_ = false;
    std::atomic<int> connections_ = 0;
};

class Service {
  public:
    using Handler = std::function<Reply(const Call&)>;

    Service(std::string name, std::function<void()> healthy);
    // `pattern` is a regular expression for the whole path.
    void get(const std::string& pattern, Handler handler);
    void put(const std::string& pattern, Handler handler);
    void post(const std::string& pattern, Handler handler);
    void remove(const std::string& pattern, Handler handler);
    // Serves until SIGTERM or SIGINT. Returns the process's exit code.
    int run();

  private:
    httplib::Server::Handler wrap(Handler handler) const;
    void log(const httplib::Request& request, const httplib::Response& response) const;
    int serve(const std::string& host, int port, const sigset_t& signals);

    std::string name_;
    std::string instance_;
    WebServer server_;
};

// An environment variable, or `fallback` when it is not set or empty.
std::string environment(const char* name, const std::string& fallback);

// A field that must be a text of 1 to `longest` bytes; throws Problem 422 that names it.
std::string text_field(const Json& source, const char* name, size_t longest = 200);

}  // namespace shop
