#include "app/way_back.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>

#include "base/log.h"

extern char** environ;

namespace tl::app {

namespace {

constexpr unsigned kLongest = 20;  // seconds that taking over may last
constexpr std::array kFatal{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};

std::vector<std::string> own_arguments() {
    std::vector<std::string> words;
    const auto all = read_whole_file("/proc/self/cmdline");
    if (!all) return {"trunkline", "up"};
    for (size_t begin = 0; begin < all->size();) {
        const size_t end = all->find('\0', begin);
        words.push_back(all->substr(begin, end - begin));
        begin = end == std::string::npos ? all->size() : end + 1;
    }
    return words;
}

// Everything that exec needs, made while memory can still be asked for.
struct Call {
    Call(std::string program_path, const HandoverTicket& ticket, std::vector<int> descriptors)
        : program(std::move(program_path)), words(own_arguments()), kept(std::move(descriptors)) {
        for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
        environment.push_back(fmt::format("{}={}", HandoverTicket::kVariable, ticket.in_words()));
        for (std::string& word : words) argv.push_back(word.data());
        for (std::string& entry : environment) envp.push_back(entry.data());
        argv.push_back(nullptr);
        envp.push_back(nullptr);
        for (const int fd : {ticket.file, ticket.former_link, ticket.program}) kept.push_back(fd);
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    // System calls only. Returns the number of the error.
    [[nodiscard]] int run() const {
        ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
        for (const int fd : kept) {
            if (fd >= 0) ::fcntl(fd, F_SETFD, 0);
        }
        ::execve(program.c_str(), argv.data(), envp.data());
        const int number = errno;
        for (const int fd : kept) {
            if (fd >= 0) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        }
        return number;
    }

    std::string program;
    std::vector<std::string> words;
    std::vector<std::string> environment;
    std::vector<char*> argv;
    std::vector<char*> envp;
    std::vector<int> kept;
};

std::string path_of(int program) { return fmt::format("/proc/self/fd/{}", program); }

HandoverTicket told(HandoverTicket ticket, std::string why) {
    ticket.failed = std::move(why);
    return ticket;
}

// The one global that a signal handler can reach; set as long as a WayBack lives.
std::atomic<const Call*> g_after_crash{nullptr};

void on_fatal(int number) {
    ::alarm(0);  // it would go on over exec
    if (const Call* call = g_after_crash.exchange(nullptr)) (void)call->run();
    ::signal(number, SIG_DFL);
    ::raise(number);
}

void handle_fatal(void (*handler)(int)) {
    for (const int number : kFatal) {
        struct sigaction action{};
        action.sa_handler = handler;
        action.sa_flags = SA_NODEFER;  // exec keeps the mask: the signal must not stay blocked in the former program
        ::sigaction(number, &action, nullptr);
    }
}

}  // namespace

struct WayBack::Prepared {
    Prepared(const Handover& from, HandoverTicket with)
        : kept(from.descriptors()),
          ticket(std::move(with)),
          after_crash(path_of(ticket.program), told(ticket, "it crashed or hung while it was taking over"), kept) {}
    std::vector<int> kept;
    HandoverTicket ticket;
    Call after_crash;
};

WayBack::WayBack(const Handover& left, HandoverTicket ticket)
    : prepared_(std::make_unique<Prepared>(left, std::move(ticket))) {
    // A former program that comes back has no other to go back to: it must not try for ever.
    if (!prepared_->ticket.failed.empty()) return;
    g_after_crash = &prepared_->after_crash;
    handle_fatal(on_fatal);
    ::alarm(kLongest);
}

WayBack::~WayBack() {
    ::alarm(0);
    handle_fatal(SIG_DFL);
    g_after_crash = nullptr;
}

void WayBack::go(const std::string& why) {
    if (!prepared_->ticket.failed.empty()) return;
    ::alarm(0);
    const base::Error error = become(path_of(prepared_->ticket.program), told(prepared_->ticket, why), prepared_->kept);
    TL_LOG(error, "up", "the former program cannot be run again: {}", error.message());
}

base::Error become(const std::string& binary, const HandoverTicket& ticket, std::vector<int> kept) {
    const Call call{binary, ticket, std::move(kept)};
    return base::from_errno(call.run(), fmt::format("run {}", binary));
}

}  // namespace tl::app
