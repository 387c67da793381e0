#include "net/resolver.h"

#include <ares.h>
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "base/text.h"
#include "rt/event.h"
#include "rt/gate.h"
#include "rt/io.h"

namespace tl::net {

namespace {

constexpr size_t kMostHost = 253;  // RFC 1035 2.3.4, as text

base::Error error_of(int status, const std::string& host) {
    using base::Code;
    base::Error error{.side = base::Side::upstream, .retryable = true};
    const std::string name = base::printable(host);
    switch (status) {
        case ARES_ENOTFOUND:
        case ARES_ENODATA:
        case ARES_ENONAME:
            error.code = Code::not_found;
            error.retryable = false;
            error.context = fmt::format("the host name \"{}\" has no address", name);
            break;
        case ARES_EBADNAME:
        case ARES_EFORMERR:
            error.code = Code::invalid;
            error.retryable = false;
            error.context = fmt::format("\"{}\" cannot be a host name", name);
            break;
        case ARES_ETIMEOUT:
            error.code = Code::timeout;
            error.context = fmt::format("resolve {}: no DNS server answers in time", name);
            break;
        case ARES_ECANCELLED:
        case ARES_EDESTRUCTION:
            error.code = Code::cancelled;
            error.context = fmt::format("resolve {}: cancelled", name);
            break;
        default:
            error.code = Code::unreachable;
            error.context = fmt::format("resolve {}: {}", name, ares_strerror(status));
    }
    return error;
}

bool is_loopback_v4(const Address& address) { return address.family() == AF_INET && address.ip().starts_with("127."); }

// In the order of RFC 6724, but 127.0.0.1 ahead of ::1: services listen there more often than on both.
std::vector<Address> addresses_of(const ares_addrinfo& info, uint16_t port, size_t most) {
    std::vector<Address> addresses;
    ptrdiff_t loopbacks = 0;
    for (const ares_addrinfo_node* node = info.nodes; node != nullptr && addresses.size() < most;
         node = node->ai_next) {
        Address address = Address::from_raw(node->ai_addr, static_cast<socklen_t>(node->ai_addrlen));
        address.set_port(port);
        if (std::ranges::find(addresses, address) != addresses.end()) continue;
        addresses.insert(is_loopback_v4(address) ? addresses.begin() + loopbacks++ : addresses.end(), address);
    }
    return addresses;
}

std::string without_brackets(std::string host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') return host.substr(1, host.size() - 2);
    return host;
}

}  // namespace

// c-ares with its sockets watched by a task each and its time-outs by one timer. It may call back at any time inside a
// call to it; what is called back only sets flags, wakes and spawns.
class Resolver::Channel final : private rt::Timer {
  public:
    explicit Channel(ResolverOptions options);
    ~Channel() {
        if (raw_ != nullptr) ares_destroy(raw_);
    }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    rt::Task<base::Result<std::vector<Address>>> resolve(std::string host, uint16_t port, rt::Wait wait);
    rt::Task<void> stop();
    [[nodiscard]] size_t queries() const { return running_; }

  private:
    // One lookup. c-ares and the coroutine that waits share it: either may be done with it first.
    struct Query {
        Channel* channel = nullptr;
        uint16_t port = 0;
        rt::Event done;
        int status = ARES_SUCCESS;
        std::vector<Address> addresses;
    };
    struct Direction {
        bool wanted = false;  // by c-ares
        bool driven = false;  // a task is at it
    };
    struct Socket {
        int fd = -1;
        bool closed = false;
        Direction read;
        Direction write;
        rt::Readiness io;
    };
    using SocketPtr = std::shared_ptr<Socket>;

    static void on_answer(void* raw_query, int status, int timeouts, ares_addrinfo* info);
    static void on_socket(void* self, ares_socket_t fd, int readable, int writable);
    void on_timer() override;
    void rearm();
    void want(const SocketPtr& socket, bool write, bool wanted);
    rt::Task<void> drive(SocketPtr socket, bool write);
    rt::Task<base::Result<void>> take_turn(rt::Wait wait);
    void begin(const std::shared_ptr<Query>& query, const std::string& host);

    ResolverOptions options_;
    ares_channel raw_ = nullptr;
    std::map<int, SocketPtr> sockets_;
    size_t running_ = 0;
    size_t waiting_ = 0;
    rt::Signal turn_;
    bool stopping_ = false;
    rt::Gate gate_;
};

Resolver::Channel::Channel(ResolverOptions options) : options_(std::move(options)) {
    static const int library = ares_library_init(ARES_LIB_INIT_ALL);  // once a process, whatever the core
    ares_options raw{};
    raw.timeout = static_cast<int>(std::max<int64_t>(1, options_.first_try / std::chrono::milliseconds{1}));
    raw.tries = std::max(1, options_.tries);
    raw.sock_state_cb = &Channel::on_socket;
    raw.sock_state_cb_data = this;
    const int started =
        library != ARES_SUCCESS
            ? library
            : ares_init_options(&raw_, &raw, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (started != ARES_SUCCESS) throw std::runtime_error(fmt::format("c-ares: {}", ares_strerror(started)));
    if (options_.servers.empty()) return;
    const int set = ares_set_servers_ports_csv(raw_, base::join(options_.servers, ",").c_str());
    if (set != ARES_SUCCESS) throw std::runtime_error(fmt::format("c-ares servers: {}", ares_strerror(set)));
}

void Resolver::Channel::on_answer(void* raw_query, int status, int /*timeouts*/, ares_addrinfo* info) {
    const std::unique_ptr<std::shared_ptr<Query>> held(static_cast<std::shared_ptr<Query>*>(raw_query));
    Query& query = **held;
    Channel& channel = *query.channel;
    query.status = status;
    if (status == ARES_SUCCESS) query.addresses = addresses_of(*info, query.port, channel.options_.most_addresses);
    if (info != nullptr) ares_freeaddrinfo(info);
    --channel.running_;
    channel.turn_.notify_one();
    query.done.set();
}

// Neither: c-ares closes the socket right after this, and the kernel may give its number to another one.
void Resolver::Channel::on_socket(void* self, ares_socket_t fd, int readable, int writable) {
    auto& channel = *static_cast<Channel*>(self);
    auto place = channel.sockets_.find(fd);
    if (readable == 0 && writable == 0) {
        if (place == channel.sockets_.end()) return;
        place->second->closed = true;
        place->second->io.detach();
        channel.sockets_.erase(place);
        return;
    }
    if (place == channel.sockets_.end()) {
        auto socket = std::make_shared<Socket>();
        socket->fd = fd;
        // Not watched, its query ends by its time-out: no worse than a server that is silent.
        if (!socket->io.attach(fd)) return;
        place = channel.sockets_.emplace(fd, std::move(socket)).first;
    }
    const SocketPtr socket = place->second;
    channel.want(socket, false, readable != 0);
    channel.want(socket, true, writable != 0);
}

void Resolver::Channel::want(const SocketPtr& socket, bool write, bool wanted) {
    Direction& direction = write ? socket->write : socket->read;
    direction.wanted = wanted;
    if (!wanted || direction.driven) return;
    direction.driven = gate_.spawn(write ? "dns socket, writing" : "dns socket, reading", drive(socket, write));
}

// c-ares expects level-triggered sockets (over TCP it reads one piece a call): the level is asked for by poll, and the
// edge awaited only when that says no.
rt::Task<void> Resolver::Channel::drive(SocketPtr socket, bool write) {
    co_await rt::yield();  // never inside the call of c-ares that spawned this
    Direction& direction = write ? socket->write : socket->read;
    while (!socket->closed && direction.wanted) {
        pollfd level{.fd = socket->fd, .events = static_cast<short>(write ? POLLOUT : POLLIN), .revents = 0};
        if (::poll(&level, 1, 0) > 0) {
            ares_process_fd(raw_, write ? ARES_SOCKET_BAD : socket->fd, write ? socket->fd : ARES_SOCKET_BAD);
            rearm();
            co_await rt::yield();
            continue;
        }
        if (write) {
            socket->io.clear_writable();
            co_await socket->io.wait_writable({});
        } else {
            // clear_readable() keeps an end of stream readable, and then poll says so too.
            socket->io.clear_readable();
            co_await socket->io.wait_readable({});
        }
    }
    direction.driven = false;
}

void Resolver::Channel::on_timer() {
    ares_process_fd(raw_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    rearm();
}

void Resolver::Channel::rearm() {
    timeval left{};
    if (raw_ == nullptr || ares_timeout(raw_, nullptr, &left) == nullptr) {
        rt::this_loop().arm(*this, base::kNever);
        return;
    }
    const base::Duration wait = std::chrono::seconds{left.tv_sec} + std::chrono::microseconds{left.tv_usec};
    // A millisecond more, for c-ares acts only on what is past by its own clock.
    rt::this_loop().arm(*this, base::deadline_after(rt::this_loop().now(), wait + std::chrono::milliseconds{1}));
}

rt::Task<base::Result<void>> Resolver::Channel::take_turn(rt::Wait wait) {
    if (running_ >= options_.most_queries && waiting_ >= options_.most_waiting) {
        co_return base::fail(base::Code::too_large, "too many names are being resolved");
    }
    ++waiting_;
    while (running_ >= options_.most_queries && !stopping_) {
        const rt::Wake wake = co_await turn_.wait(wait);
        if (wake == rt::Wake::ready) continue;
        --waiting_;
        co_return base::fail(rt::wake_error(wake, "waiting for a turn to resolve a name"));
    }
    --waiting_;
    if (stopping_) co_return base::fail(base::Code::cancelled, "the resolver is stopping");
    co_return base::Result<void>{};
}

void Resolver::Channel::begin(const std::shared_ptr<Query>& query, const std::string& host) {
    ++running_;
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    auto* held = new std::shared_ptr<Query>(query);  // on_answer takes it, whatever happens
    ares_getaddrinfo(raw_, host.c_str(), nullptr, &hints, &Channel::on_answer, held);
    rearm();
}

rt::Task<base::Result<std::vector<Address>>> Resolver::Channel::resolve(std::string host, uint16_t port,
                                                                        rt::Wait wait) {
    const auto literal = Address::from_ip(without_brackets(host), port);
    if (literal) co_return std::vector<Address>{*literal};
    const bool has_zero = host.find('\0') != std::string::npos;
    if (host.empty() || host.size() > kMostHost || has_zero) co_return base::fail(error_of(ARES_EBADNAME, host));
    const base::Result<void> turn = co_await take_turn(wait);
    if (!turn) co_return base::fail(turn.error());
    auto query = std::make_shared<Query>();
    query->channel = this;
    query->port = port;
    begin(query, host);
    const rt::Wake wake = co_await query->done.wait(wait);
    if (wake != rt::Wake::ready) {
        co_return base::fail(
            rt::wake_error(wake, fmt::format("resolve {}", base::printable(host))).at(base::Side::upstream));
    }
    if (query->status != ARES_SUCCESS) co_return base::fail(error_of(query->status, host));
    if (query->addresses.empty()) co_return base::fail(error_of(ARES_ENODATA, host));
    co_return std::move(query->addresses);
}

rt::Task<void> Resolver::Channel::stop() {
    stopping_ = true;
    turn_.notify_all();
    if (raw_ != nullptr) {
        ares_cancel(raw_);
        ares_destroy(std::exchange(raw_, nullptr));
    }
    rearm();
    co_await gate_.closed();
    while (waiting_ > 0) co_await rt::yield();
}

Resolver::Resolver(ResolverOptions options) : channel_(std::make_unique<Channel>(std::move(options))) {}
Resolver::~Resolver() = default;
rt::Task<base::Result<std::vector<Address>>> Resolver::resolve(std::string host, uint16_t port, rt::Wait wait) {
    return channel_->resolve(std::move(host), port, wait);
}
rt::Task<void> Resolver::stop() { return channel_->stop(); }
size_t Resolver::queries() const { return channel_->queries(); }

}  // namespace tl::net
