#include "app/cli/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/cli/table.h"
#include "app/cli/words.h"
#include "base/text.h"
#include "base/units.h"

namespace tl::app {

using console::InstanceView;
using console::ServiceView;

namespace {

Tone tone_of_state(std::string_view state) {
    if (state == "healthy") return Tone::good;
    if (state == "unhealthy" || state == "crash loop" || state == "backoff" || state == "down") return Tone::bad;
    if (state == "gone" || state == "stopped") return Tone::dim;
    return Tone::warn;
}

Tone tone_of_errors(double share) { return share <= 0 ? Tone::dim : share < 0.01 ? Tone::warn : Tone::bad; }

// Cells that services and routes share; without requests they say nothing.
void add_traffic(std::vector<Cell>& cells, const console::Traffic& traffic) {
    if (traffic.per_second <= 0 && traffic.total == 0) {
        cells.resize(cells.size() + 4);
        return;
    }
    cells.push_back({words_of_rate(traffic.per_second)});
    cells.push_back({words_of_share(traffic.error_share), tone_of_errors(traffic.error_share)});
    cells.push_back({words_of_latency(traffic.p50)});
    cells.push_back({words_of_latency(traffic.p99)});
}

// Why something is as it is, the most important first.
std::string remark(const ServiceView& service) {
    if (!service.panic.empty()) return "panic: " + service.panic;
    if (service.protocol != "tcp") return service.reason;
    const std::string open = fmt::format("tcp, {} open", count_of(service.traffic.open, "connection"));
    return service.reason.empty() ? open : open + "; " + service.reason;
}

std::string summary(const console::StatusView& status) {
    size_t healthy = 0;
    for (const ServiceView& service : status.services) healthy += service.state == "healthy" ? 1 : 0;
    return fmt::format("{} of {} healthy", healthy, count_of(status.services.size(), "service"));
}

Table service_table() {
    return Table{{{"SERVICE"},
                  {"STATE"},
                  {"REPLICAS", true},
                  {"REQ/S", true},
                  {"ERRORS", true},
                  {"P50", true},
                  {"P99", true},
                  {"RESTARTS", true},
                  {"MEMORY", true},
                  {"REMARK"}}};
}

void add_service(Table& table, const ServiceView& service) {
    uint64_t rss = 0;
    uint32_t restarts = 0;
    for (const InstanceView& instance : service.instances) {
        rss += instance.rss;
        restarts += instance.restarts;
    }
    const bool full = service.replicas_healthy >= service.replicas_wanted;
    std::vector<Cell> cells{
        {service.name, Tone::strong},
        {service.state, tone_of_state(service.state)},
        {fmt::format("{}/{}", service.replicas_healthy, service.replicas_wanted), full ? Tone::plain : Tone::warn}};
    add_traffic(cells, service.traffic);
    cells.push_back({restarts > 0 ? fmt::format("{}", restarts) : "", Tone::warn});
    cells.push_back({words_of_bytes(rss)});
    cells.push_back({remark(service), service.panic.empty() ? Tone::dim : Tone::bad});
    table.add(std::move(cells));
}

Table instance_table(const std::vector<InstanceView>& instances, base::WallTime now) {
    Table table{{{"INSTANCE"},
                 {"STATE"},
                 {"FOR", true},
                 {"ADDRESS"},
                 {"PID", true},
                 {"VERSION"},
                 {"IN FLIGHT", true},
                 {"CPU", true},
                 {"MEMORY", true},
                 {"RESTARTS", true},
                 {"REMARK"}}};
    for (const InstanceView& instance : instances) {
        std::string remark = instance.reason;
        if (!instance.last_exit.empty())
            remark += fmt::format("{}last: {}", remark.empty() ? "" : "; ", instance.last_exit);
        table.add({{instance.id},
                   {instance.state, tone_of_state(instance.state)},
                   {instance.since == base::WallTime{} ? "" : words_of_age(now - instance.since)},
                   {instance.port == 0 ? instance.address : fmt::format("{}:{}", instance.address, instance.port)},
                   {instance.pid > 0 ? fmt::format("{}", instance.pid) : "external"},
                   {instance.version},
                   {fmt::format("{}", instance.in_flight)},
                   {instance.cpu_share > 0 ? words_of_share(instance.cpu_share) : ""},
                   {words_of_bytes(instance.rss)},
                   {instance.restarts > 0 ? fmt::format("{}", instance.restarts) : "", Tone::warn},
                   {remark, Tone::dim}});
    }
    return table;
}

// One line a certificate: whose, for how long, and what is wrong with it.
std::string certificate_lines(const console::StatusView& status, base::WallTime now, bool colour) {
    constexpr auto kSoon = std::chrono::hours{24 * 14};
    std::string text;
    for (const console::CertificateView& one : status.certificates) {
        const bool late = one.until < now;
        const std::string expiry =
            late ? "expired " + words_of_age(now - one.until) + " ago" : "expires in " + words_of_age(one.until - now);
        const Tone tone = late ? Tone::bad : one.until < now + kSoon ? Tone::warn : Tone::dim;
        const std::string names = base::join(one.names, ", ");
        text += fmt::format(
            "tls       {}: {}  {}  {}  {}\n", harmless(one.used_by), harmless(names.empty() ? one.subject : names),
            one.key, toned(fmt::format("{}, {}", expiry, base::format_time(one.until).substr(0, 10)), tone, colour),
            harmless(one.file));
        if (!one.problem.empty()) text += toned("          " + harmless(one.problem), Tone::bad, colour) + "\n";
    }
    return text;
}

std::string headline(const console::StatusView& status, bool colour) {
    std::string text = fmt::format("{}  {}  up {}  process {}", toned(harmless(status.system), Tone::strong, colour),
                                   summary(status), words_of_age(status.uptime), status.pid);
    if (status.rss > 0) text += fmt::format("  {}", words_of_bytes(status.rss));
    text += fmt::format("  revision {}\n", status.revision);
    if (!status.upgraded.empty()) text += fmt::format("upgraded  {}\n", harmless(status.upgraded));
    if (!status.upgrade_failed.empty()) {
        text += fmt::format("upgrade   {}: {}\n", toned("was taken back", Tone::bad, colour),
                            harmless(status.upgrade_failed));
    }
    if (!status.gateway.empty()) text += fmt::format("gateway   {}\n", harmless(base::join(status.gateway, ", ")));
    if (!status.acceleration.empty()) text += fmt::format("clients   {}\n", harmless(status.acceleration));
    for (const console::ServiceView& service : status.services) {
        if (service.acceleration.empty()) continue;
        text += fmt::format("service   {}: {}\n", harmless(service.name), harmless(service.acceleration));
    }
    if (!status.admin.empty()) text += fmt::format("admin     {}\n", harmless(status.admin));
    text += fmt::format("manifest  {}\n", harmless(status.manifest));
    if (!status.guard.empty()) text += fmt::format("guard     {}\n", harmless(status.guard));
    if (!status.stopping.empty()) {
        text += toned(fmt::format("stopping  {}", harmless(status.stopping)), Tone::warn, colour) + "\n";
    }
    return text;
}

// What makes a request belong to a route, beside its path.
std::string conditions_of(const console::RouteView& route) {
    std::vector<std::string> all;
    if (!route.methods.empty()) all.push_back(base::join(route.methods, "|"));
    all.insert(all.end(), route.conditions.begin(), route.conditions.end());
    if (route.priority != 0) all.push_back(fmt::format("priority {}", route.priority));
    return base::join(all, ", ");
}

struct ActionStyle {
    std::string_view action, sign;
    Tone tone;
};

constexpr std::array kActions{ActionStyle{"add", "+", Tone::good},     ActionStyle{"remove", "-", Tone::bad},
                              ActionStyle{"change", "~", Tone::warn},  ActionStyle{"restart", "~", Tone::warn},
                              ActionStyle{"scale", "~", Tone::accent}, ActionStyle{"keep", "=", Tone::dim}};

ActionStyle style_of(std::string_view action) {
    const auto found = std::ranges::find(kActions, action, &ActionStyle::action);
    return found == kActions.end() ? ActionStyle{action, " ", Tone::plain} : *found;
}

// The same instance has the same tone in every line.
Tone tone_of_name(std::string_view name) {
    constexpr std::array kTones{Tone::accent, Tone::good, Tone::warn, Tone::strong};
    uint32_t sum = 0;
    for (const char c : name) sum = sum * 31 + static_cast<unsigned char>(c);
    return kTones[sum % kTones.size()];
}

}  // namespace

std::string show_status(const console::StatusView& status, base::WallTime now, bool colour) {
    std::string text = headline(status, colour) + certificate_lines(status, now, colour);
    if (!status.services.empty()) {
        Table table = service_table();
        for (const ServiceView& service : status.services) add_service(table, service);
        text += "\n" + table.print(colour);
    }
    if (!status.warnings.empty()) text += "\n";
    for (const std::string& warning : status.warnings) {
        text += toned("warning: ", Tone::warn, colour) + harmless(warning) + "\n";
    }
    return text;
}

std::string show_services(const std::vector<ServiceView>& services, base::WallTime now, bool colour) {
    if (services.empty()) return "The manifest has no services.\n";
    std::string text;
    for (const ServiceView& service : services) {
        if (!text.empty()) text += "\n";
        text += toned(harmless(service.name), Tone::strong, colour);
        if (!service.context.empty()) text += fmt::format("  context {}", harmless(service.context));
        if (!service.version.empty()) text += fmt::format("  version {}", harmless(service.version));
        text +=
            fmt::format("  {}  {}/{} healthy\n", toned(harmless(service.state), tone_of_state(service.state), colour),
                        service.replicas_healthy, service.replicas_wanted);
        const std::string why = remark(service);
        if (!why.empty()) {
            text += "  " + toned(harmless(why), service.panic.empty() ? Tone::warn : Tone::bad, colour) + "\n";
        }
        if (!service.calls.empty()) text += fmt::format("  calls {}\n", harmless(base::join(service.calls, ", ")));
        if (!service.instances.empty()) text += instance_table(service.instances, now).print(colour, 2);
    }
    return text;
}

namespace {

// Ports of TCP: connections instead of requests.
std::string show_ports(const std::vector<console::RouteView>& routes, bool colour) {
    Table table{{{"PORT"},
                 {"TO"},
                 {"OPEN", true},
                 {"CONN/S", true},
                 {"FAILED", true},
                 {"IN/S", true},
                 {"OUT/S", true},
                 {"CONNECTIONS", true}}};
    for (const console::RouteView& route : routes) {
        if (route.listen.empty()) continue;
        const console::Traffic& traffic = route.traffic;
        std::string to = route.to;
        if (!route.shaping.empty()) to += fmt::format(" ({})", base::join(route.shaping, "; "));
        table.add({{route.listen, Tone::strong},
                   {std::move(to)},
                   {fmt::format("{}", traffic.open)},
                   {words_of_rate(traffic.per_second)},
                   {words_of_share(traffic.error_share), tone_of_errors(traffic.error_share)},
                   {words_of_bytes(static_cast<uint64_t>(traffic.bytes_in))},
                   {words_of_bytes(static_cast<uint64_t>(traffic.bytes_out))},
                   {fmt::format("{}", traffic.total)}});
    }
    return table.empty() ? "" : table.print(colour);
}

}  // namespace

std::string show_routes(const std::vector<console::RouteView>& routes, bool colour) {
    if (routes.empty()) return "The gateway has no routes.\n";
    std::string ports = show_ports(routes, colour);
    Table table{{{"ROUTE"},
                 {"HOST"},
                 {"PATH"},
                 {"IF"},
                 {"TO"},
                 {"TIMEOUT", true},
                 {"RETRIES", true},
                 {"REQ/S", true},
                 {"ERRORS", true},
                 {"P50", true},
                 {"P99", true},
                 {"REMARK"}}};
    for (const console::RouteView& route : routes) {
        if (!route.listen.empty()) continue;
        std::string to = route.rewrite.empty() ? route.to : fmt::format("{} as {}", route.to, route.rewrite);
        if (!route.shaping.empty()) to += fmt::format(" ({})", base::join(route.shaping, "; "));
        std::vector<Cell> cells{{route.name},
                                {route.host},
                                {route.path, Tone::strong},
                                {conditions_of(route)},
                                {std::move(to)},
                                {route.timeout > base::Duration{} ? base::format_duration(route.timeout) : ""},
                                {route.retries > 0 ? fmt::format("{}", route.retries) : ""}};
        add_traffic(cells, route.traffic);
        if (!route.shadowed_by.empty()) {
            cells.push_back({fmt::format("gets nothing: {} takes all its requests", route.shadowed_by), Tone::warn});
        }
        table.add(std::move(cells));
    }
    if (table.empty()) return ports;
    return table.print(colour) + (ports.empty() ? "" : "\n" + ports);
}

std::string show_plan(const console::PlanView& plan, bool applied, bool colour) {
    Table table{{{""}, {"ACTION"}, {"WHAT"}, {"NAME"}, {"WHY"}}};
    size_t kept = 0;
    for (const console::PlanChange& change : plan.changes) {
        if (change.action == "keep") {
            ++kept;
            continue;
        }
        const ActionStyle style = style_of(change.action);
        table.add({{std::string{style.sign}, style.tone},
                   {change.action, style.tone},
                   {change.kind},
                   {change.name, Tone::strong},
                   {change.why, Tone::dim}});
    }
    std::string text;
    if (table.empty()) {
        text = applied ? "Nothing changed.\n" : "Nothing would change.\n";
    } else {
        text = table.print(colour);
    }
    if (kept > 0) text += fmt::format("{} {}\n", kept, kept == 1 ? "thing stays as it is" : "things stay as they are");
    for (const std::string& shadow : plan.shadows)
        text += toned("shadow: ", Tone::warn, colour) + harmless(shadow) + "\n";
    for (const std::string& warning : plan.warnings) {
        text += toned("warning: ", Tone::warn, colour) + harmless(warning) + "\n";
    }
    return text;
}

std::string show_log_line(const console::LogLine& line, size_t name_width, bool colour) {
    const std::string name = harmless(line.instance.empty() ? line.service : line.instance);
    const size_t taken = columns_of(name);
    const std::string space(name_width > taken ? name_width - taken : 0, ' ');
    const bool own = line.stream == "trunkline";
    const std::string_view mark = line.stream == "stderr" ? "!" : own ? "*" : "|";
    return fmt::format("{} {}{} {} {}\n", toned(clock_of(line.time), Tone::dim, colour),
                       toned(name, own ? Tone::strong : tone_of_name(name), colour), space,
                       toned(mark, line.stream == "stderr" ? Tone::bad : Tone::dim, colour), harmless(line.text));
}

std::string show_progress(const console::ProgressLine& line, bool colour) {
    const Tone tone = line.failed ? Tone::bad : line.done ? Tone::good : Tone::plain;
    return toned(harmless_lines(line.text), tone, colour) + "\n";
}

}  // namespace tl::app
