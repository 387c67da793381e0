#include "web.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace shop {
namespace {

constexpr int kThreads = 128;
// From here on a connection is closed after its answer, so that idle ones never hold all threads.
constexpr int kKeepAliveConnections = 96;
constexpr int kIdleMs = 75'000;
constexpr time_t kReadSeconds = 10;
constexpr size_t kMaxBody = 64 * 1024;

thread_local std::chrono::steady_clock::time_point request_started;

// A socket as httplib wants it, with a read buffer: httplib reads heads byte by byte.
class BufferedStream final : public httplib::Stream {
  public:
    explicit BufferedStream(socket_t sock) : sock_(sock) {}

    bool has_buffered() const { return begin_ < end_; }
    bool is_readable() const override { return has_buffered() || ready(POLLIN); }
    bool is_writable() const override { return ready(POLLOUT); }
    socket_t socket() const override { return sock_; }

    ssize_t read(char* out, size_t size) override {
        if (!has_buffered()) {
            if (!ready(POLLIN)) return -1;
            const ssize_t got = ::recv(sock_, buffer_, sizeof buffer_, 0);
            if (got <= 0) return got;
            begin_ = 0;
            end_ = static_cast<size_t>(got);
        }
        const size_t taken = std::min(size, end_ - begin_);
        std::copy_n(buffer_ + begin_, taken, out);
        begin_ += taken;
        return static_cast<ssize_t>(taken);
    }

    ssize_t write(const char* data, size_t size) override {
        return ready(POLLOUT) ? ::send(sock_, data, size, MSG_NOSIGNAL) : -1;
    }

    void get_remote_ip_and_port(std::string& ip, int& port) const override { ip = "127.0.0.1", port = 0; }
    void get_local_ip_and_port(std::string& ip, int& port) const override { ip = "127.0.0.1", port = 0; }

  private:
    bool ready(short events) const {
        pollfd entry{sock_, events, 0};
        return ::poll(&entry, 1, kReadSeconds * 1000) == 1;
    }

    socket_t sock_;
    size_t begin_ = 0;
    size_t end_ = 0;
    char buffer_[8192];
};

const char* title_of(int status) {
    switch (status) {
        case 400: return "Bad Request";
        case 404: return "Not Found";
        case 409: return "Conflict";
        case 413: return "Payload Too Large";
        case 422: return "Unprocessable Entity";
        default: return status < 500 ? "Client Error" : "Server Error";
    }
}

// A path may hold any bytes: those that are not UTF-8 are replaced, never thrown over.
std::string text_of(const Json& body) { return body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

// What clients sent, fit for a line of the log.
std::string printable(std::string text) {
    for (char& c : text) {
        if (c < ' ' || c > '~') c = '?';
    }
    return text;
}

void send_problem(httplib::Response& response, const Problem& problem) {
    response.status = problem.status();
    response.set_content(text_of(problem.body()), "application/problem+json");
}

sigset_t stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return signals;
}

}  // namespace

Json Problem::body() const {
    return {{"type", "about:blank"},
            {"title", title_of(status_)},
            {"status", status_},
            {"code", code_},
            {"detail", what()}};
}

Json Call::json() const {
    if (request.body.empty()) return Json::object();
    Json value = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
    if (!value.is_object()) throw Problem(400, "bad_json", "The body must be a JSON object.");
    return value;
}

WebServer::WebServer() : stop_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (stop_event_ < 0) throw std::runtime_error("no eventfd");
    new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    set_tcp_nodelay(true);
    set_payload_max_length(kMaxBody);
    set_read_timeout(kReadSeconds);
    // httplib's default shares the port (SO_REUSEPORT): two services by mistake would split the calls.
    set_socket_options([](socket_t sock) {
        const int yes = 1;
        ::setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
}

WebServer::~WebServer() { ::close(stop_event_); }

void WebServer::finish() {
    stopping_ = true;
    ::eventfd_write(stop_event_, 1);
    stop();
}

bool WebServer::wait_for_request(socket_t sock) const {
    pollfd entries[] = {{sock, POLLIN, 0}, {stop_event_, POLLIN, 0}};
    return ::poll(entries, 2, kIdleMs) > 0 && entries[0].revents != 0;
}

bool WebServer::process_and_close_socket(socket_t sock) {
    const bool crowded = connections_.fetch_add(1) >= kKeepAliveConnections;
    BufferedStream stream(sock);
    bool closed = false;
    while (!closed && (stream.has_buffered() || wait_for_request(sock))) {
        const bool last = crowded || stopping_;
        const bool ok = process_request(stream, last, closed,
                                        [](httplib::Request&) { request_started = std::chrono::steady_clock::now(); });
        if (!ok || last) break;
    }
    connections_.fetch_sub(1);
    ::shutdown(sock, SHUT_RDWR);
    ::close(sock);
    return true;
}

Service::Service(std::string name, std::function<void()> healthy)
    : name_(environment("SERVICE", name)), instance_(environment("INSTANCE", name + "-1")) {
    get("/healthz", [this, healthy = std::move(healthy)](const Call&) {
        healthy();
        return Reply{{{"status", "ok"}, {"service", name_}, {"instance", instance_}}};
    });
    server_.set_logger([this](const auto& request, const auto& response) { log(request, response); });
    server_.set_error_handler([this](const httplib::Request& request, httplib::Response& response) {
        if (!response.body.empty()) return;
        const bool unknown = response.status == 404;
        send_problem(response, Problem(response.status, unknown ? "not_found" : "bad_request",
                                       unknown ? "The " + name_ + " service has no " + request.path + "."
                                               : "The request could not be read."));
    });
}

void Service::get(const std::string& pattern, Handler handler) { server_.Get(pattern, wrap(std::move(handler))); }
void Service::put(const std::string& pattern, Handler handler) { server_.Put(pattern, wrap(std::move(handler))); }
void Service::post(const std::string& pattern, Handler handler) { server_.Post(pattern, wrap(std::move(handler))); }
void Service::remove(const std::string& pattern, Handler handler) { server_.Delete(pattern, wrap(std::move(handler))); }

httplib::Server::Handler Service::wrap(Handler handler) const {
    return [this, handler = std::move(handler)](const httplib::Request& request, httplib::Response& response) {
        try {
            const Reply reply = handler(Call{request});
            response.status = reply.status;
            response.set_content(text_of(reply.body), "application/json");
        } catch (const Problem& problem) {
            send_problem(response, problem);
        } catch (const std::exception& error) {  // a bug or a broken database: the log tells which
            std::printf("error %s %s: %s\n", request.method.c_str(), printable(request.target).c_str(), error.what());
            send_problem(response, Problem(500, "internal_error", "The " + name_ + " service failed; see its log."));
        }
    };
}

void Service::log(const httplib::Request& request, const httplib::Response& response) const {
    // Probes come every second for ever: only those that fail are worth a line.
    if (request.path == "/healthz" && response.status == 200) return;
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - request_started;
    const std::string trace = printable(request.get_header_value("traceparent"));
    std::printf("%s %s %d %.1fms trace=%s\n", request.method.c_str(), printable(request.target).c_str(),
                response.status, took.count(), trace.empty() ? "-" : trace.c_str());
}

int Service::run() {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const std::string host = environment("HOST", "127.0.0.1");
    const int port = std::atoi(environment("PORT", "0").c_str());
    if (port < 1 || port > 65535) {
        std::fprintf(stderr, "%s: set PORT to the port to listen on, for example PORT=9001.\n", name_.c_str());
        return 1;
    }
    // Blocked in every thread, so that only sigwait, below, takes them.
    const sigset_t signals = stop_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return serve(host, port, signals);
}

int Service::serve(const std::string& host, int port, const sigset_t& signals) {
    if (!server_.bind_to_port(host, port)) {
        std::fprintf(stderr, "%s: cannot listen on %s:%d: is the port taken?\n", name_.c_str(), host.c_str(), port);
        return 1;
    }
    std::printf("%s (%s) listens on %s:%d\n", name_.c_str(), instance_.c_str(), host.c_str(), port);
    std::thread accepting([this] { server_.listen_after_bind(); });
    int signal = 0;
    ::sigwait(&signals, &signal);
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    server_.finish();
    accepting.join();
    std::printf("%s (%s) stopped\n", name_.c_str(), instance_.c_str());
    return 0;
}

std::string environment(const char* name, const std::string& fallback) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : fallback;
}

std::string text_field(const Json& source, const char* name, size_t longest) {
    const auto found = source.find(name);
    if (found == source.end() || !found->is_string() || found->get_ref<const std::string&>().empty() ||
        found->get_ref<const std::string&>().size() > longest) {
        throw Problem(422, "invalid_field",
                      "'" + std::string(name) + "' must be a text of 1 to " + std::to_string(longest) + " bytes.");
    }
    return found->get<std::string>();
}

}  // namespace shop
