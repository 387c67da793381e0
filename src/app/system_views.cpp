// What can be seen of a running system: views for the console, metrics, traces. Reading only.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <numeric>

#include "app/protection_summary.h"
#include "app/system.h"
#include "app/version.h"
#include "base/buffer.h"
#include "base/text.h"
#include "base/units.h"
#include "telemetry/prometheus.h"
#include "telemetry/why.h"

namespace tl::app {

using namespace std::chrono_literals;

namespace {

uint64_t own_memory() {
    std::ifstream file{"/proc/self/statm"};
    uint64_t total = 0;
    uint64_t resident = 0;
    file >> total >> resident;
    return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

console::Traffic traffic_of(const TrafficMeter::Window& window) {
    console::Traffic traffic;
    const telemetry::ConnectionCounts& connections = window.sum.connections;
    const auto requests = static_cast<double>(window.sum.requests() + connections.accepted);
    traffic.total = window.total;
    traffic.open = static_cast<uint64_t>(std::max<int64_t>(connections.open, 0));
    if (window.seconds > 0) traffic.per_second = requests / window.seconds;
    if (window.seconds > 0) traffic.bytes_in = static_cast<double>(window.sum.bytes_in) / window.seconds;
    if (window.seconds > 0) traffic.bytes_out = static_cast<double>(window.sum.bytes_out) / window.seconds;
    const auto failed = static_cast<double>(window.sum.by_class[5] + window.sum.by_class[0] + connections.failed);
    if (requests > 0) traffic.error_share = failed / requests;
    traffic.p50 = telemetry::quantile(window.sum.duration, 0.5);
    traffic.p99 = telemetry::quantile(window.sum.duration, 0.99);
    return traffic;
}

console::InstanceView instance_of(const registry::InstanceView& known, const std::string& service) {
    return {.id = known.id,
            .service = service,
            .address = known.address.ip(),
            .port = known.address.port(),
            .state = std::string{registry::to_string(known.state)},
            .reason = known.reason,
            .since = known.since,
            .version = known.version,
            .last_probe = known.last_probe};
}

// What the supervisor knows of the same instance: the process behind it.
void add_process(console::InstanceView& view, const supervisor::InstanceStatus& status) {
    view.pid = status.pid;
    view.port = status.port != 0 ? status.port : view.port;
    view.restarts = status.restarts;
    view.last_exit = status.last_exit;
    view.version = status.version;
    if (status.usage) view.rss = status.usage->memory;
    if (status.limits.starts_with("not applied")) view.reason += "; limits " + status.limits;
    const bool waits =
        status.state == supervisor::InstanceState::backoff || status.state == supervisor::InstanceState::crash_loop;
    if (!waits) return;
    view.state = supervisor::to_string(status.state);
    view.since = status.since;
    view.reason = fmt::format("{}; starts again in {}", status.last_exit,
                              base::format_duration(std::chrono::floor<std::chrono::milliseconds>(status.next_start)));
    if (!status.last_lines.empty()) view.reason += "; it said: " + base::join(status.last_lines, " | ");
}

std::string state_of(const console::ServiceView& view, const supervisor::ServiceStatus* process) {
    if (process != nullptr && !process->waiting_for.empty()) return "waiting";
    if (view.replicas_healthy == 0) {
        for (const auto& instance : view.instances) {
            if (instance.state == "starting") return "starting";
        }
        return "down";
    }
    return view.replicas_healthy < view.replicas_wanted ? "degraded" : "healthy";
}

void add_reasons(console::ServiceView& view, const supervisor::ServiceStatus* process) {
    if (process != nullptr && !process->waiting_for.empty()) {
        view.reason = "waits for " + base::join(process->waiting_for, ", ");
    } else if (view.state != "healthy") {
        for (const auto& instance : view.instances) {
            if (instance.state != "healthy" && !instance.reason.empty())
                view.reason = instance.id + ": " + instance.reason;
        }
    }
    if (process != nullptr && !process->last_change.empty()) {
        view.reason += (view.reason.empty() ? "" : "; ") + process->last_change;
    }
}

std::vector<console::CertificateView> certificate_views(const TlsStore& store) {
    std::vector<console::CertificateView> views;
    for (ShownCertificate& one : store.certificates()) {
        const std::string late = one.facts.out_of_time(base::wall_now());
        views.push_back({.used_by = std::move(one.used_by),
                         .file = std::move(one.file),
                         .subject = std::move(one.facts.subject),
                         .issuer = std::move(one.facts.issuer),
                         .names = std::move(one.facts.names),
                         .key = std::move(one.facts.key),
                         .from = one.facts.from,
                         .until = one.facts.until,
                         .problem = one.problem.empty() ? late : one.problem});
    }
    return views;
}

}  // namespace

rt::Task<System::Counters> System::counters() {
    Counters counters;
    const auto all = co_await plane_.gather([](proxy::Engine& engine) { return engine.metrics().copy(); },
                                            rt::this_loop().within(1s));
    for (const auto& one : all) counters.sum.merge(one);
    counters.whole = all.size() == plane_.cores();
    co_return counters;
}

rt::Task<void> System::meter_loop() {
    while (!life_.requested()) {
        auto now = co_await counters();
        // Without a core that was busy its requests would seem undone.
        if (now.whole) meter_.add(rt::this_loop().now(), std::move(now.sum));
        co_await rt::sleep(TrafficMeter::kEvery, &life_);
    }
}

rt::Task<std::vector<console::ServiceView>> System::services() {
    const registry::RegistrySnapshot registered = registry_.snapshot();
    const auto processes = supervisor_.status(true);
    std::vector<console::ServiceView> views;
    const LoadedPtr loaded = loaded_;  // an apply may replace it while the cores are asked
    const auto threads =
        co_await plane_.gather([](proxy::Engine& engine) { return engine.protection(); }, rt::this_loop().within(1s));
    const ProtectionSummary protection{threads};
    for (const NamedService& service : services_of(loaded->manifest)) {
        console::ServiceView view{.name = service.name->value,
                                  .context = *service.context,
                                  .version = service.config->run.version,
                                  .protocol = speaks_tcp(*service.config) ? "tcp" : "",
                                  .calls = calls_of(*service.config)};
        const auto process = std::ranges::find(processes, view.name, &supervisor::ServiceStatus::name);
        const supervisor::ServiceStatus* running = process == processes.end() ? nullptr : &*process;
        view.replicas_wanted =
            running != nullptr ? running->wanted : static_cast<uint32_t>(service.config->address.size());
        for (const auto& known : registered.services) {
            if (known.name != callee_of(service)) continue;
            // The views say "panic" themselves.
            if (known.panic) view.panic = known.reason.starts_with("panic: ") ? known.reason.substr(7) : known.reason;
            for (const auto& instance : known.instances) {
                if (book_.runner(instance.id, known.name) != view.name) continue;
                view.instances.push_back(instance_of(instance, view.name));
                if (instance.state == registry::InstanceState::healthy) ++view.replicas_healthy;
            }
        }
        if (running != nullptr) {
            for (const auto& status : running->instances) {
                auto found = std::ranges::find(view.instances, status.id, &console::InstanceView::id);
                if (found == view.instances.end()) {
                    view.instances.push_back({.id = status.id,
                                              .service = view.name,
                                              .address = "127.0.0.1",
                                              .state = std::string{supervisor::to_string(status.state)}});
                    found = view.instances.end() - 1;
                }
                add_process(*found, status);
            }
        }
        for (auto& instance : view.instances) {
            const auto count = co_await plane_.in_flight(callee_of(service), instance.id, rt::this_loop().within(1s));
            instance.in_flight = static_cast<uint32_t>(count.value_or(0));
        }
        if (service.config->accelerate) {
            view.acceleration = acceleration_.in_words(Acceleration::name_of(callee_of(service)));
        }
        view.state = state_of(view, running);
        add_reasons(view, running);
        protection.add_to(view);
        view.traffic = traffic_of(meter_.window(
            [&](telemetry::SeriesId id) { return id < series_.series() && series_.key(id).service == view.name; }));
        views.push_back(std::move(view));
    }
    co_return views;
}

rt::Task<console::StatusView> System::status() {
    console::StatusView view{.system = loaded_->manifest.system,
                             .version = std::string{version()},
                             .pid = getpid(),
                             .started = started_,
                             .uptime = base::wall_now() - started_,
                             .state_dir = options_.state_dir,
                             .manifest = loaded_->file,
                             .revision = revision_,
                             .cores = static_cast<uint32_t>(plane_.cores()),
                             .gateway = gateway_urls(),
                             .admin = admin_.http_url(),
                             .rss = own_memory(),
                             .guard = "a guard process ends the services should Trunkline be killed",
                             .upgrades = upgrades_,
                             .upgrade_failed = upgrade_failed_,
                             .stopping = stopping_};
    if (!upgraded_from_.empty()) {
        const std::string unfinished = former_.in_words();
        view.upgraded = fmt::format("from {}{}{}", upgraded_from_, unfinished.empty() ? "" : "; ", unfinished);
    }
    for (const auto& diagnostic : loaded_->diagnostics.sorted()) {
        view.warnings.push_back(
            fmt::format("{}:{}: {}", loaded_->diagnostics.file(), diagnostic.at.line, diagnostic.message));
    }
    view.certificates = certificate_views(tls_);
    if (loaded_->manifest.gateway.accelerate) view.acceleration = acceleration_.in_words(Acceleration::kGateway);
    view.services = co_await services();
    co_return view;
}

console::RouteView System::port_view(const gateway::TcpListenConfig& port) const {
    console::RouteView view{.name = gateway::tcp_route_name(port),
                            .listen = (port.tls.value ? "tls://" : "tcp://") + port.listen.value.to_string(),
                            .to = port.to.value};
    for (const NamedService& service : services_of(loaded_->manifest)) {
        if (service.name->value != view.to) continue;
        const proxy::TrafficConfig& config = service.config->mesh.traffic;
        view.shaping = proxy::describe_shaping(config.shaping, {}, port.version ? port.version->value : "");
        view.retries = config.retry.attempts - 1;
    }
    view.traffic = traffic_of(meter_.window([&](telemetry::SeriesId id) {
        return id < series_.series() && series_.key(id).door == telemetry::Door::gateway &&
               series_.key(id).route == view.name;
    }));
    return view;
}

rt::Task<std::vector<console::RouteView>> System::routes() {
    std::vector<proxy::RouteRule> rules;
    std::vector<console::RouteView> views;
    const LoadedPtr loaded = loaded_;
    for (const gateway::RouteConfig& route : gateway::every_route(loaded->manifest.gateway)) {
        auto rule = gateway::make_rule(route);
        if (!rule) continue;
        console::RouteView view{.name = rule->name,
                                .host = rule->host,
                                .path = route.path.value,
                                .methods = route.methods,
                                .to = gateway::target_words(route),
                                .rewrite = route.rewrite ? route.rewrite->value : "",
                                .priority = route.priority};
        for (const auto& [name, value] : route.headers) {
            view.conditions.push_back(fmt::format("header {} is {}", name.value, value == "*" ? "there" : value));
        }
        for (const auto& [name, value] : route.query) {
            view.conditions.push_back(fmt::format("query {} is {}", name.value, value == "*" ? "there" : value));
        }
        proxy::TrafficRule traffic;
        for (const NamedService& service : services_of(loaded_->manifest)) {
            if (service.name->value != route.to.value) continue;
            const proxy::TrafficConfig& config = service.config->mesh.traffic;
            traffic = config.request_rule();
            view.shaping = proxy::describe_shaping(config.shaping, route.traffic.shaping,
                                                   route.version ? route.version->value : "");
        }
        traffic = route.traffic.over(traffic);
        view.timeout = traffic.timeout;
        view.retries = traffic.attempts - 1;
        view.traffic = traffic_of(meter_.window([&](telemetry::SeriesId id) {
            return id < series_.series() && series_.key(id).door == telemetry::Door::gateway &&
                   series_.key(id).route == view.name;
        }));
        rules.push_back(std::move(*rule));
        views.push_back(std::move(view));
    }
    for (const auto& [strong, weak] : proxy::RouteTable::shadowed(rules)) views[weak].shadowed_by = views[strong].name;
    for (const gateway::TcpListenConfig& port : loaded_->manifest.gateway.tcp) views.push_back(port_view(port));
    co_return views;
}

rt::Task<base::Result<console::Why>> System::why(std::string trace, bool colour) {
    const auto prefix = telemetry::parse_trace_id(trace);
    if (!prefix) {
        co_return base::fail(
            base::Code::invalid,
            fmt::format("\"{}\" is no trace id: give at least its first 8 hex digits", base::printable(trace)));
    }
    const auto batches = co_await plane_.gather(
        [prefix](proxy::Engine& engine) { return engine.records().find(*prefix); }, rt::this_loop().within(2s));
    std::vector<telemetry::Record> records;
    uint64_t lost = 0;
    for (const auto& batch : batches) {
        records.insert(records.end(), batch.records.begin(), batch.records.end());
        lost += batch.lost;
    }
    if (records.empty()) {
        co_return base::fail(base::Code::not_found,
                             fmt::format("no request of trace {} is remembered; the last {} of each thread are kept",
                                         trace, loaded_->manifest.telemetry.records));
    }
    const telemetry::TraceTree tree = telemetry::build_trace(records, lost);
    co_return console::Why{telemetry::trace_json(tree, words_), telemetry::print_trace(tree, words_, colour)};
}

rt::Task<std::string> System::metrics() {
    const auto now = co_await counters();
    const auto threads =
        co_await plane_.gather([](proxy::Engine& engine) { return engine.protection(); }, rt::this_loop().within(1s));
    telemetry::Exposition page{.table = &series_, .data = &now.sum, .cause = words_.cause, .samples = {}};
    for (const auto& service : supervisor_.status(false)) {
        uint64_t restarts = 0;
        for (const auto& instance : service.instances) restarts += instance.restarts;
        page.samples.push_back({"trunkline_service_restarts_total",
                                "Restarts after a crash.",
                                telemetry::MetricType::counter,
                                {{"service", service.name}},
                                static_cast<double>(restarts)});
    }
    for (const auto& service : registry_.snapshot().services) {
        page.samples.push_back({"trunkline_service_instances_healthy",
                                "Instances that get requests.",
                                telemetry::MetricType::gauge,
                                {{"service", service.name}},
                                static_cast<double>(service.healthy)});
    }
    if (access_ != nullptr) {
        page.samples.push_back({"trunkline_access_records_lost_total",
                                "Requests whose record was overwritten before it was written.",
                                telemetry::MetricType::counter,
                                {},
                                static_cast<double>(access_->lost())});
    }
    for (const ShownCertificate& one : tls_.certificates()) {
        const std::chrono::duration<double> left = one.facts.until - base::wall_now();
        page.samples.push_back({"trunkline_certificate_expires_days",
                                "Days until a certificate in use expires; negative when it has.",
                                telemetry::MetricType::gauge,
                                {{"used_by", one.used_by}, {"subject", one.facts.subject}},
                                left.count() / (24 * 60 * 60)});
    }
    ProtectionSummary{threads}.add_to(page.samples);
    acceleration_.add_to(page.samples, loaded_->manifest);
    policies_.keeper.add_samples(page.samples);
    const auto buffers =
        co_await plane_.gather([](proxy::Engine&) { return base::buffer_bytes(); }, rt::this_loop().within(1s));
    page.samples.push_back({"trunkline_buffer_bytes",
                            "What the buffers of all threads hold, now; gateway.limits.memory bounds it.",
                            telemetry::MetricType::gauge,
                            {},
                            static_cast<double>(std::accumulate(buffers.begin(), buffers.end(), int64_t{0}))});
    page.samples.push_back({"trunkline_memory_bytes",
                            "Resident memory of Trunkline itself.",
                            telemetry::MetricType::gauge,
                            {},
                            static_cast<double>(own_memory())});
    co_return telemetry::write_prometheus(page);
}

}  // namespace tl::app
