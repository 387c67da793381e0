// The change of the program itself, at both ends: what is left is gathered and handed over by exec, in the same
// process; and the next program goes on with it. See decision 0010 and docs/upgrade.md.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <set>

#include "app/next_program.h"
#include "app/system.h"
#include "app/version.h"
#include "app/way_back.h"
#include "base/log.h"

namespace tl::app {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kAnswer = 1s;        // of the cores, for their sockets
constexpr base::Duration kPause = 300ms;      // for the cores to leave their loops: some wait for the last one
constexpr base::Duration kLinesGoOut = 20ms;  // for the last words to the command, before its connection ends

class Fd {
  public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }
    void reset(int fd = -1) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }
    [[nodiscard]] int get() const { return fd_; }

  private:
    int fd_;
};

registry::InstanceState state_of(const std::string& word) {
    using registry::InstanceState;
    for (const InstanceState state : {InstanceState::healthy, InstanceState::draining, InstanceState::unhealthy}) {
        if (registry::to_string(state) == word) return state;
    }
    return InstanceState::starting;
}

}  // namespace

// ---- The program that leaves

rt::Task<base::Result<void>> System::upgrade(std::string binary, console::ProgressSink& sink) {
    if (auto may = may_change(); !may) co_return may;
    if (former_.active()) {
        co_return base::fail(base::Code::conflict,
                             fmt::format("the upgrade before is not over: {}", former_.in_words()));
    }
    if (half_applied_) {
        co_return base::fail(base::Code::conflict,
                             "the last apply was done only in part; run 'trunkline apply' again before the upgrade");
    }
    const Turn turn{*this};
    const auto next = co_await ask_version(binary);
    if (!next) co_return base::fail(next.error());
    sink.on_progress(fmt::format("{} is version {}; this is {}", binary, *next, version()));
    const auto sockets = co_await plane_.sockets(rt::this_loop().within(kAnswer));
    if (!sockets) co_return base::fail(sockets.error());
    const auto file = make_memory_file(write_handover(make_handover(*sockets)));
    if (!file) co_return base::fail(file.error());
    const Fd kept{*file};
    const auto ready = co_await rehearse(binary, fmt::format("/proc/{}/fd/{}", getpid(), *file));
    if (!ready) co_return base::fail(ready.error());
    if (!stopping_.empty()) co_return may_change();
    sink.on_progress("it reads the manifest and is ready; handing over");
    co_await rt::sleep(kLinesGoOut, &changes_);
    if (!stopping_.empty()) co_return may_change();
    auto failed = hand_over(binary, make_handover(*sockets));
    co_return base::fail(std::move(failed));
}

Handover System::make_handover(const std::vector<DataPlane::OpenSockets>& sockets) const {
    Handover left{.version = std::string{version()},
                  .run_id = options_.run_id,
                  .manifest_file = loaded_->file,
                  .manifest_text = loaded_->text,
                  .cores = static_cast<uint32_t>(plane_.cores()),
                  .started = started_,
                  .revision = revision_,
                  .cookie_low = cookie_secret_.low,
                  .cookie_high = cookie_secret_.high,
                  .upgrades = upgrades_,
                  .grace = loaded_->manifest.grace,
                  .join_layout = sockmap::Joiner::layout(),
                  .joined = acceleration_.descriptors(),
                  .lock = options_.lock,
                  .admin_socket = admin_.socket_fd(),
                  .admin_http = admin_.http_fd()};
    if (options_.guard != nullptr) {
        left.guard = options_.guard->pid();
        left.guard_pipe = options_.guard->pipe();
    }
    for (const auto& door : sockets) {
        const auto address = open_doors_.find(door.key);
        if (address != open_doors_.end()) {
            left.doors.push_back({door.key, address->second.to_string(), door.sockets});
        }
    }
    for (const auto& service : registry_.snapshot().services) {
        for (const auto& instance : service.instances) {
            left.instances.push_back({.service = service.name,
                                      .id = instance.id,
                                      .address = instance.address.to_string(),
                                      .version = instance.version,
                                      .zone = instance.zone,
                                      .weight = instance.weight,
                                      .host = instance.host,
                                      .state = std::string{registry::to_string(instance.state)},
                                      .reason = instance.reason,
                                      .last_probe = instance.last_probe,
                                      .since = instance.since,
                                      .of_others = instance.id.find('@') != std::string::npos});
        }
    }
    left.estate = supervisor_.estate();
    return left;
}

// No wait from here on: what is handed over is what is. The cores' threads end, the fork takes their memory along and
// goes on with every connection; this process becomes the next program.
base::Error System::hand_over(const std::string& binary, const Handover& left) {
    const auto file = make_memory_file(write_handover(left));
    if (!file) return file.error();
    const Fd kept{*file};
    const Fd program{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
    if (program.get() < 0) return base::from_errno(errno, "open the program that runs");
    int go[2];
    if (::pipe2(go, O_CLOEXEC) != 0) return base::from_errno(errno, "make a pipe");
    Fd go_read{go[0]};
    Fd go_write{go[1]};
    int link[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) != 0) {
        return base::from_errno(errno, "make a pair of sockets");
    }
    Fd ours{link[0]};
    Fd theirs{link[1]};
    if (auto paused = plane_.pause(kPause); !paused) return paused.error();
    const pid_t self = getpid();
    const pid_t former = ::fork();
    if (former == 0) {
        go_write.reset();
        ours.reset();
        live_as_former({.plane = &plane_,
                        .access = access_.get(),
                        .parent = self,
                        .go = go_read.get(),
                        .link = theirs.get(),
                        .grace = left.grace,
                        .kept = acceleration_.descriptors_of_fork()});
    }
    base::Error failed = base::from_errno(errno, "fork");
    if (former > 0) {
        theirs.reset();
        failed = become(binary, {*file, former, ours.get(), program.get(), {}}, left.descriptors());
        const char stay = 1;
        [[maybe_unused]] const auto told = ::write(go_write.get(), &stay, 1);
        ::waitpid(former, nullptr, 0);
    }
    plane_.go_on();
    return failed;
}

// ---- The program that comes

rt::Task<base::Result<void>> System::resume(const Handover& left, const HandoverTicket& ticket) {
    const Turn turn{*this};
    const LoadedPtr loaded = loaded_;
    started_ = left.started;
    revision_ = left.revision;
    upgrades_ = left.upgrades;
    const auto own = [](int fd) { return fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, 3); };
    TL_CO_TRY(admin_.start({.state_dir = options_.state_dir,
                            .http = {},
                            .socket_fd = own(left.admin_socket),
                            .http_fd = own(left.admin_http)}));
    auto access =
        AccessWriter::open(loaded->manifest.telemetry, loaded->folder, options_.terminal, options_.colour, words_);
    if (!access && ticket.failed.empty()) co_return base::fail(std::move(access.error()));
    // On the way back there is no other way: requests matter more than their log.
    if (!access) TL_LOG(error, "up", "there is no access log from now on: {}", access.error().message());
    if (access) access_ = std::move(*access);
    co_await plane_.start();
    const auto opened = co_await take_doors(*loaded, left);
    if (!opened) co_return opened;
    if (ticket.former > 0) {
        TL_CO_TRY(former_.start(ticket.former, own(ticket.former_link), left.grace));
        gate_.spawn("the former program", former_.watch({base::kNever, &life_}));
    }
    end_strays(left, ticket);
    supervisor_.resume(specs_of(loaded->manifest, loaded->folder), left.estate);
    run_background();
    // Until here the former program could have had it all back.
    for (const HandedDoor& door : left.doors) {
        for (const int socket : door.sockets) ::close(socket);
    }
    for (const int fd : {left.admin_socket, left.admin_http, ticket.file, ticket.program, ticket.former_link}) {
        if (fd >= 0) ::close(fd);
    }
    set_over_exec(left.descriptors(), OverExec::close);
    // Last, for the command takes it as the word that all went well.
    upgrades_ += ticket.failed.empty() ? 1 : 0;
    upgraded_from_ = ticket.failed.empty() ? left.version : "";
    upgrade_failed_ = ticket.failed;
    co_return base::Result<void>{};
}

// The instances before the doors: nobody is to find a service without one.
rt::Task<base::Result<void>> System::take_doors(const LoadedManifest& loaded, const Handover& left) {
    cookie_secret_ = {left.cookie_low, left.cookie_high};
    const auto tls = tls_.load(loaded);
    if (!tls) co_return base::fail(tls.error());
    acceleration_.adopt(left.join_layout, left.joined);
    acceleration_.prepare(loaded.manifest);
    PlanePlan plan = build_plane(loaded, names_, series_, {*tls, cookie_secret_, &policies_, &acceleration_});
    std::vector<DataPlane::BoundDoor> fresh;
    for (const WantedDoor& wanted : plan.doors) {
        const auto handed = std::ranges::find(left.doors, wanted.key, &HandedDoor::key);
        if (handed == left.doors.end()) {
            auto bound = plane_.bind(wanted.key, wanted.address);
            if (!bound) co_return base::fail(std::move(bound.error()));
            fresh.push_back(std::move(*bound));
            continue;
        }
        auto address = net::Address::parse(handed->address);
        if (!address) co_return base::fail(std::move(address.error()));
        DataPlane::BoundDoor door;
        door.key = wanted.key;
        door.address = *address;
        for (const int socket : handed->sockets) door.sockets.push_back(::fcntl(socket, F_DUPFD_CLOEXEC, 3));
        fresh.push_back(std::move(door));
    }
    for (const auto& door : fresh) {
        open_doors_[door.key] = door.address;
        sidecars_.set(door.key, door.address);
    }
    const auto known = co_await plane_.apply(plan.snapshot, {}, loaded.manifest.grace);
    if (!known) co_return known;
    TL_CO_TRY(register_services(loaded));
    TL_CO_TRY(restore_instances(left));
    auto opened = co_await plane_.apply(plan.snapshot, std::move(fresh), loaded.manifest.grace);
    acceleration_.set_doors(*plan.snapshot, open_doors_);
    policies_.keeper.settle();
    co_return opened;
}

base::Result<void> System::restore_instances(const Handover& left) {
    std::map<std::string, std::vector<registry::Registry::Known>> by_service;
    for (const HandedInstance& instance : left.instances) {
        auto address = net::Address::parse(instance.address);
        if (!address) return base::fail(std::move(address.error()));
        by_service[instance.service].push_back(
            {.spec = {.id = instance.id,
                      .service = instance.service,
                      .address = *address,
                      .version = instance.version,
                      .zone = instance.zone,
                      .weight = instance.weight,
                      .origin = instance.of_others ? registry::Origin::address : registry::Origin::process,
                      .host = instance.host},
             .state = state_of(instance.state),
             .reason = instance.reason,
             .since = instance.since,
             .last_probe = instance.last_probe});
    }
    for (auto& [service, instances] : by_service) TL_TRY(registry_.restore(service, std::move(instances)));
    return {};
}

namespace {

constexpr base::Duration kStrayTime = 10s;  // the longest that a probe by a command takes by default

rt::Task<void> reap_stray(rt::Process process, rt::Cancel& life) {
    [[maybe_unused]] const auto ended = co_await process.wait(rt::this_loop().within(kStrayTime, &life));
}

}  // namespace

// Children that the program before was waiting for when it left: commands that probe. Nobody would reap them.
void System::end_strays(const Handover& left, const HandoverTicket& ticket) {
    std::set<pid_t> known{left.guard, ticket.former};
    for (const auto& service : left.estate.services) {
        for (const auto& instance : service.instances) known.insert(instance.pid);
    }
    std::ifstream children{fmt::format("/proc/self/task/{}/children", getpid())};
    for (pid_t pid = 0; children >> pid;) {
        if (known.contains(pid)) continue;
        auto process = rt::Process::take_over(pid, rt::Process::Target::group);
        if (process) gate_.spawn("a stray child", reap_stray(std::move(*process), life_));
    }
}

// A change now would not be seen by requests that the former program still has.
rt::Task<base::Result<void>> System::former_ended(console::ProgressSink& sink) {
    if (!former_.active()) co_return base::Result<void>{};
    sink.on_progress("waiting: " + former_.in_words());
    co_await former_.over().wait({base::kNever, &changes_});
    if (former_.active()) co_return base::fail(base::Code::cancelled, "Trunkline is stopping; nothing was changed");
    co_return base::Result<void>{};
}

}  // namespace tl::app
