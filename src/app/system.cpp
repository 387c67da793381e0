#include "app/system.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "app/target.h"
#include "base/log.h"
#include "base/outlet.h"
#include "base/text.h"
#include "proxy/cause.h"

namespace tl::app {

using namespace std::chrono_literals;

namespace {

constexpr uint32_t kMostDefaultCores = 4;
constexpr base::Duration kLookAtFiles = 1s;  // of certificates and keys
constexpr base::Duration kReadOut = 1s;      // for clients to read what they have been sent past TCP
constexpr size_t kPipePiece = 4096;          // what a pipe takes as a whole

uint32_t cores_of(const Manifest& manifest) {
    if (manifest.gateway.threads) return *manifest.gateway.threads;
    const auto available = static_cast<uint32_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
    return std::min(available, kMostDefaultCores);
}

// As many lines as a pipe takes in one piece.
std::string_view whole_lines(std::string_view text) {
    if (text.size() <= kPipePiece) return text;
    const size_t end = text.rfind('\n', kPipePiece - 1);
    return text.substr(0, end == std::string_view::npos ? kPipePiece : end + 1);
}

std::string_view cause_code(uint8_t cause) {
    return cause < proxy::kCauses && cause > 0 ? proxy::info(static_cast<proxy::Cause>(cause)).code : "";
}
std::string_view cause_sentence(uint8_t cause) {
    return cause < proxy::kCauses ? proxy::info(static_cast<proxy::Cause>(cause)).title : "";
}

std::string_view outcome_word(uint8_t outcome) {
    switch (static_cast<proxy::Outcome>(outcome)) {
        case proxy::Outcome::success: return "answered";
        case proxy::Outcome::failure: return "answered with an error";
        case proxy::Outcome::reset: return "connection broken";
        case proxy::Outcome::timeout: return "timed out";
        case proxy::Outcome::connect_failed: return "connect failed";
        case proxy::Outcome::abandoned: return "not waited for";
    }
    return "";
}

}  // namespace

System::System(SystemOptions options, LoadedManifest loaded)
    : options_(std::move(options)),
      loaded_(std::make_shared<const LoadedManifest>(std::move(loaded))),
      words_{.names = &names_, .cause = cause_code, .cause_sentence = cause_sentence, .outcome = outcome_word},
      tls_(options_.state_dir),
      plane_({.cores = options_.cores > 0 ? options_.cores : cores_of(loaded_->manifest),
              .records = loaded_->manifest.telemetry.records,
              .names = &names_,
              .report = [this](const proxy::OutcomeReport& outcome) { registry_.report(outcome); }}),
      probes_(options_.inherited, options_.run_id),
      registry_({.sink = &plane_, .in_flight = &plane_, .commands = &probes_}),
      book_(registry_),
      resolver_(options_.dns),
      supervisor_({.run_id = options_.run_id, .ports = loaded_->manifest.ports, .inherited = options_.inherited}, book_,
                  sidecars_),
      admin_(*this) {
    probes_.set_folder(loaded_->folder);
    policies_.folder = loaded_->folder;
    policies_.state_folder = options_.state_dir;
    policies_.resolver = &resolver_;
}

System::~System() = default;

rt::Task<base::Result<void>> System::start() {
    // A change that came in by the admin door meanwhile would find the half of everything.
    const Turn turn{*this};
    const LoadedPtr loaded = loaded_;
    const console::AdminConfig admin{
        .state_dir = options_.state_dir,
        .http = loaded->manifest.admin.listen ? std::optional{loaded->manifest.admin.listen->value} : std::nullopt};
    TL_CO_TRY(admin_.start(admin));
    auto access =
        AccessWriter::open(loaded->manifest.telemetry, loaded->folder, options_.terminal, options_.colour, words_);
    if (!access) co_return base::fail(std::move(access.error()));
    access_ = std::move(*access);

    co_await plane_.start();
    const auto used = co_await use_plane(*loaded);
    if (!used) co_return used;
    TL_CO_TRY(register_services(*loaded));
    co_await register_addresses(*loaded);
    if (changes_.requested()) co_return base::fail(base::Code::cancelled, "stopped while it was starting");

    run_background();
    supervisor_.start(specs_of(loaded->manifest, loaded->folder));
    revision_ = 1;
    co_return base::Result<void>{};
}

void System::run_background() {
    if (access_ != nullptr) gate_.spawn("access log", access_->run(plane_, life_));
    gate_.spawn("traffic meter", meter_loop());
    gate_.spawn("watch certificates", watch_certificates());
    gate_.spawn("services' output", print_output());
}

// Binds what is new first: a port that is taken changes nothing.
rt::Task<base::Result<void>> System::use_plane(const LoadedManifest& loaded) {
    // stop() has closed the public doors: a change that it found half-way must not open them again.
    if (!stopping_.empty()) co_return base::fail(base::Code::cancelled, "Trunkline is stopping");
    const auto tls = tls_.load(loaded);
    if (!tls) co_return base::fail(tls.error());
    acceleration_.prepare(loaded.manifest);
    PlanePlan plan = build_plane(loaded, names_, series_, {*tls, cookie_secret_, &policies_, &acceleration_});
    std::vector<DataPlane::BoundDoor> fresh;
    std::set<std::string> keys;
    for (const WantedDoor& wanted : plan.doors) {
        keys.insert(wanted.key);
        if (open_doors_.contains(wanted.key)) continue;
        const bool ours = std::ranges::any_of(
            open_doors_, [&](const auto& door) { return door.second.port() == wanted.address.port(); });
        auto bound = plane_.bind(wanted.key, wanted.address, ours ? DataPlane::Port::ours : DataPlane::Port::unknown);
        if (!bound) co_return base::fail(std::move(bound.error()));
        fresh.push_back(std::move(*bound));
    }
    for (const auto& door : fresh) {
        open_doors_[door.key] = door.address;
        sidecars_.set(door.key, door.address);
    }
    std::erase_if(open_doors_, [&](const auto& door) { return !keys.contains(door.first); });
    sidecars_.keep_only(keys);
    tls_doors_.clear();
    for (const WantedDoor& wanted : plan.doors) {
        if (wanted.tls) tls_doors_.insert(wanted.key);
    }
    auto applied = co_await plane_.apply(plan.snapshot, std::move(fresh), loaded.manifest.grace);
    acceleration_.set_doors(*plan.snapshot, open_doors_);
    policies_.keeper.settle();
    co_return applied;
}

// A certificate that was replaced goes the way of any other change: new snapshots, and connections keep what they have.
rt::Task<void> System::watch_certificates() {
    while (!life_.requested()) {
        co_await rt::sleep(kLookAtFiles, &life_);
        policies_.keeper.settle();  // what the last requests of a former manifest have let go of
        if (changing_ || !stopping_.empty() || !tls_.refresh(base::wall_now())) continue;
        const Turn turn{*this};
        const LoadedPtr loaded = loaded_;
        const auto used = co_await use_plane(*loaded);
        if (!used) TL_LOG(error, "tls", "{}", used.error().message());
        if (const auto told = register_services(*loaded); !told) TL_LOG(error, "tls", "{}", told.error().message());
    }
}

base::Result<void> System::register_services(const LoadedManifest& loaded) {
    for (const NamedService& service : services_of(loaded.manifest)) {
        if (service.config->version_of) continue;
        const auto tls = tls_.current().clients.find(service.name->value);
        registry::ServiceSpec spec{.name = service.name->value,
                                   .config = service.config->health,
                                   .tls = tls == tls_.current().clients.end() ? nullptr : tls->second};
        spec.config.health.http2 = service.config->mesh.traffic.protocol == proxy::Protocol::http2;
        const auto updated = registry_.update_service(spec);
        if (updated) continue;
        TL_TRY(registry_.add_service(spec));
    }
    book_.set_places(loaded.manifest);
    return {};
}

rt::Task<base::Result<std::vector<net::Address>>> System::resolve(std::string target, rt::Wait wait) {
    if (target.starts_with("unix:")) {
        auto path = net::Address::parse(target);
        if (!path) co_return base::fail(std::move(path.error()));
        co_return std::vector<net::Address>{std::move(*path)};
    }
    auto parsed = parse_target(target);
    if (!parsed) co_return base::fail(base::Code::invalid, target + " " + parsed.error());
    auto found = co_await resolver_.resolve(std::move(parsed->host), parsed->port, wait);
    co_return found;
}

namespace {

constexpr base::Duration kAddressTime = 5s;  // for all names together, or until they are healthy

// The name that an instance's certificate must have; "" where it needs none.
std::string host_of(const NamedService& service, const std::string& target) {
    const auto parsed = parse_target(target);
    return speaks_tls(*service.config) && parsed ? base::lower(parsed->host) : std::string{};
}

// Known by its address, so that an unchanged one is left in peace; and by the name that its certificate must have.
std::string address_id(const NamedService& service, const std::string& target, const net::Address& address) {
    const std::string host = host_of(service, target);
    const bool named = !host.empty() && host != address.ip();
    return fmt::format("{}@{}{}{}", service.name->value, address.to_string(), named ? "/" : "", named ? host : "");
}

}  // namespace

// Services that others run: an instance for each address. One instance an entry: the first address is the preferred
// one.
rt::Task<void> System::register_addresses(const LoadedManifest& loaded) {
    const rt::Wait wait = rt::this_loop().within(kAddressTime, &changes_);
    for (const NamedService& service : services_of(loaded.manifest)) {
        for (const auto& target : service.config->address) {
            const auto found = co_await resolve(target.at.value, wait);
            if (!found || found->empty()) {
                TL_LOG(warning, "app", "{}: {}", service.name->value, found ? "no address" : found.error().message());
                continue;
            }
            const std::string id = address_id(service, target.at.value, found->front());
            const registry::Placement placement{.version = target.version.value_or(service.config->run.version),
                                                .zone = target.zone.value_or(zone_of(loaded.manifest, *service.config)),
                                                .weight = target.weight};
            // Known already: then it goes on, at its place.
            if (registry_.place_instance(id, placement)) continue;
            [[maybe_unused]] const auto added = registry_.add_instance({.id = id,
                                                                        .service = service.name->value,
                                                                        .address = found->front(),
                                                                        .version = placement.version,
                                                                        .zone = placement.zone,
                                                                        .weight = placement.weight,
                                                                        .origin = registry::Origin::address,
                                                                        .host = host_of(service, target.at.value)});
        }
    }
}

// Services of others that are new get requests only when their probes have succeeded, or had their time.
rt::Task<void> System::wait_for_addresses(const LoadedManifest& before, const LoadedManifest& now) {
    std::set<std::string> known;
    for (const NamedService& service : services_of(before.manifest)) known.insert(service.name->value);
    const rt::Wait wait = rt::this_loop().within(kAddressTime, &changes_);
    for (const NamedService& service : services_of(now.manifest)) {
        if (service.config->address.empty() || known.contains(service.name->value)) continue;
        [[maybe_unused]] const auto healthy = co_await registry_.wait_service_healthy(service.name->value, wait);
    }
}

// Takes out the addresses that `now` does not name any more, once those that it names are healthy or had their time.
// A service with a name that cannot be resolved at the moment keeps what it has.
rt::Task<void> System::retire_addresses(const LoadedManifest& now) {
    const rt::Wait wait = rt::this_loop().within(kAddressTime, &changes_);
    std::set<std::string> wanted;
    std::set<std::string> unsure;
    for (const NamedService& service : services_of(now.manifest)) {
        for (const auto& target : service.config->address) {
            const auto found = co_await resolve(target.at.value, wait);
            if (!found || found->empty()) {
                unsure.insert(service.name->value);
                continue;
            }
            wanted.insert(address_id(service, target.at.value, found->front()));
        }
    }
    for (const auto& service : registry_.snapshot().services) {
        for (const auto& instance : service.instances) {
            const bool of_others = instance.id.find('@') != std::string::npos;
            if (!of_others || wanted.contains(instance.id) || unsure.contains(service.name)) continue;
            for (const std::string& successor : wanted) {
                if (!successor.starts_with(service.name + "@")) continue;
                [[maybe_unused]] const auto healthy = co_await registry_.wait_healthy(successor, wait);
            }
            [[maybe_unused]] const auto removed = registry_.remove_instance(instance.id, "taken out of the manifest");
        }
    }
}

void System::retire_services(const LoadedManifest& before, const LoadedManifest& now) {
    std::set<std::string> kept;
    for (const NamedService& service : services_of(now.manifest)) {
        if (!service.config->version_of) kept.insert(service.name->value);
    }
    for (const NamedService& service : services_of(before.manifest)) {
        if (kept.contains(service.name->value)) continue;
        [[maybe_unused]] const auto removed =
            registry_.remove_service(service.name->value, "taken out of the manifest");
    }
}

// What services write, to standard output: each line behind its instance. When that takes no more, this waits and the
// services do not: the subscription loses what is too much and tells how many lines; `logs` has them all the same.
rt::Task<void> System::print_output() {
    const base::Outlet out{STDOUT_FILENO};
    const auto lines = supervisor_.logs().subscribe();
    for (;;) {
        const auto batch = co_await lines->next({base::kNever, &life_});
        if (!batch) co_return;
        std::string text;
        for (const auto& line : *batch) {
            if (options_.json) {
                text += console::to_json(view_of(*line)).dump() + '\n';
                continue;
            }
            const std::string who = line->instance.empty() ? line->service : line->instance;
            text += options_.colour ? fmt::format("\033[35m{:<16}\033[0m {}\n", who, line->text)
                                    : fmt::format("{:<16} {}\n", who, line->text);
        }
        for (std::string_view rest = text; !rest.empty();) {
            const size_t taken = out.write(whole_lines(rest));
            rest.remove_prefix(taken);
            if (taken > 0) continue;
            const rt::Wake wake = co_await rt::sleep(20ms, &life_);
            if (wake == rt::Wake::cancelled) co_return;
        }
    }
}

std::vector<std::string> System::gateway_urls() const {
    std::vector<std::string> urls;
    for (const auto& [key, address] : open_doors_) {
        if (!key.starts_with(kGatewayDoor)) continue;
        const bool tls = tls_doors_.contains(key);
        const std::string_view scheme =
            key.starts_with(kGatewayTcpDoor) ? (tls ? "tls://" : "tcp://") : (tls ? "https://" : "http://");
        urls.push_back(std::string{scheme} + address.to_string());
    }
    return urls;
}

rt::Task<base::Result<void>> System::stop(base::TimePoint deadline, std::string reason) {
    stopping_ = std::move(reason);
    changes_.request();
    // The public door first: what is in flight there still needs the services behind it.
    const base::Duration left = deadline - rt::this_loop().now();
    PlanePlan plan =
        build_plane(*loaded_, names_, series_, {tls_.current(), cookie_secret_, &policies_, &acceleration_});
    auto inner = std::make_shared<PlaneSnapshot>(*plan.snapshot);
    std::erase_if(inner->doors, [](const auto& door) { return door.first.starts_with(kGatewayDoor); });
    // A third of the time is kept for the services, should tunnels and streams use up the rest.
    const base::Duration for_doors = left * 2 / 3;
    former_.end_by(rt::this_loop().now() + for_doors);
    [[maybe_unused]] const auto closed = co_await plane_.apply(inner, {}, for_doors);
    co_await plane_.doors_closed(rt::this_loop().within(for_doors + 500ms));
    if (former_.active()) co_await former_.over().wait(rt::this_loop().within(1s));
    co_await supervisor_.stop_all(deadline);  // ends a change that is being made, too
    const base::TimePoint last = std::max(deadline, rt::this_loop().now()) + 500ms;
    while (changing_) {
        const rt::Wake wake = co_await turn_over_.wait({last, nullptr});
        if (wake != rt::Wake::timeout) continue;
        co_return base::fail(base::Code::timeout, "a change that was being made did not end in time");
    }
    life_.request();
    co_await gate_.closed();
    for (size_t most = access_ != nullptr ? 1 : 0; most > 0;) most = co_await access_->drain(plane_);
    // Whoever still looks at the cores ends before them.
    co_await admin_.stop(rt::this_loop().now() + 1s);
    co_await registry_.stop();
    co_await resolver_.stop();
    const auto ended = co_await plane_.stop(deadline);
    co_await acceleration_.read_out(rt::this_loop().now() + kReadOut);
    co_await policies_.keeper.stop();  // writes what must survive, once nobody counts any more
    co_return ended;
}

}  // namespace tl::app
