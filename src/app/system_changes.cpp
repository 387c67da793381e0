// What changes a running system: plan, apply, restart. A change is checked as a whole before anything is touched; then
// what is new is made ready, requests are moved over, and what is old ends, in this order, so that nothing is refused
// on the way. One change at a time.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/manifest_checks.h"
#include "app/plan_settings.h"
#include "app/system.h"
#include "base/text.h"
#include "base/units.h"
#include "proxy/route_table.h"

namespace tl::app {

using namespace std::chrono_literals;
using console::PlanChange;

namespace {

console::ManifestRefused refused(const LoadedManifest& loaded) {
    return {{.code = base::Code::invalid, .context = fmt::format("{} has mistakes; nothing was changed", loaded.file)},
            loaded.diagnostics.to_text(),
            loaded.diagnostics.to_json()};
}

console::ManifestRefused refused(base::Error error) { return {std::move(error), {}, {}}; }

// ", timeout 2s, retry.attempts 1": what a tree says, leaving out what it leaves open.
std::string set_keys(const manifest::Node& node, const std::string& prefix) {
    std::string text;
    for (const auto& [key, at, value, note] : node.entries) {
        if (value.is_map()) text += set_keys(value, prefix + key + ".");
        if (value.is_list()) {
            std::vector<std::string> items;
            for (const auto& item : value.items) {
                items.push_back(item.is_map() ? fmt::format("{{{}}}", set_keys(item, "").substr(2)) : item.text);
            }
            text += fmt::format(", {}{} [{}]", prefix, key, base::join(items, ", "));
        }
        if (value.is_scalar() && !value.text.empty()) text += fmt::format(", {}{} {}", prefix, key, value.text);
    }
    return text;
}

// Routes by what they match, with what they do.
std::map<std::string, std::string> routes_of(const Manifest& manifest) {
    std::map<std::string, std::string> routes;
    for (const gateway::RouteConfig& route : manifest.gateway.routes) {
        const auto rule = gateway::make_rule(route);
        if (!rule) continue;
        std::string name = rule->name;
        for (const auto& [header, value] : route.headers) name += fmt::format(" [{}: {}]", header.value, value);
        for (const auto& [key, value] : route.query) name += fmt::format(" [?{}={}]", key.value, value);
        const std::string version = route.version ? route.version->value : "";
        std::string what =
            fmt::format("to {}{}", gateway::target_words(route), route.rewrite ? " as " + route.rewrite->value : "");
        for (const std::string& line : proxy::describe_shaping({}, route.traffic.shaping, version)) what += ", " + line;
        proxy::TrafficOverride rest = route.traffic;
        rest.shaping = {};
        routes[name] = fmt::format("{}{}, priority {}", what,
                                   set_keys(proxy::traffic_override_schema().to_node(rest), ""), route.priority);
        routes[name] += set_keys(gateway::policies_schema().to_node(route.policies), "policies.");
        if (!route.portal) routes[name] += ", not in the portal";
        if (route.graphql) routes[name] += set_keys(gateway::graphql_schema().to_node(*route.graphql), "graphql.");
        if (route.join) routes[name] += set_keys(gateway::join_schema().to_node(*route.join), "join.");
    }
    for (const gateway::TcpListenConfig& listen : manifest.gateway.tcp) {
        routes[gateway::tcp_route_name(listen)] =
            fmt::format("to {}{}{}", listen.to.value, listen.version ? ", version " + listen.version->value : "",
                        listen.tls.value ? ", tls" : "");
    }
    return routes;
}

void compare_routes(const Manifest& now, const Manifest& next, std::vector<PlanChange>& changes) {
    const auto before = routes_of(now);
    const auto after = routes_of(next);
    for (const auto& [name, what] : after) {
        const auto old = before.find(name);
        if (old == before.end()) {
            changes.push_back({"route", name, "add", what});
        } else if (old->second != what) {
            changes.push_back({"route", name, "change", fmt::format("{} (was: {})", what, old->second)});
        }
    }
    for (const auto& [name, what] : before) {
        if (!after.contains(name)) changes.push_back({"route", name, "remove", what});
    }
}

std::string listens(const Manifest& manifest) {
    std::vector<std::string> all;
    for (const auto& listen : manifest.gateway.listen) all.push_back(listen.value.to_string());
    return base::join(all, ", ");
}

std::string words_of(const AddressConfig& address) {
    std::string words = address.at.value;
    if (address.version) words += " version " + *address.version;
    if (address.zone) words += " zone " + *address.zone;
    if (address.weight != 1) words += fmt::format(" weight {}", address.weight);
    return words;
}

// What a change of services that others run means; those that we run are the supervisor's to plan.
void compare_addresses(const Manifest& now, const Manifest& next, std::vector<PlanChange>& changes) {
    const auto addresses = [](const Manifest& manifest) {
        std::map<std::string, std::string> all;
        for (const NamedService& service : services_of(manifest)) {
            if (service.config->run.run) continue;
            std::vector<std::string> list;
            for (const auto& address : service.config->address) list.push_back(words_of(address));
            all[service.name->value] = base::join(list, ", ");
        }
        return all;
    };
    const auto before = addresses(now);
    const auto after = addresses(next);
    for (const auto& [name, where] : after) {
        const auto old = before.find(name);
        if (old == before.end()) changes.push_back({"service", name, "add", "at " + where});
        if (old != before.end() && old->second != where) {
            changes.push_back({"service", name, "change", fmt::format("at {} (was {})", where, old->second)});
        }
    }
    for (const auto& [name, where] : before) {
        if (!after.contains(name)) changes.push_back({"service", name, "remove", "was at " + where});
    }
}

ServiceConfig* find_service(Manifest& manifest, std::string_view name) {
    for (auto& context : manifest.contexts) {
        for (auto& service : context.value.services) {
            if (service.name.value == name) return &service.value;
        }
    }
    return nullptr;
}

// `next`, in which services may still call what they could call before, removed services are still there, and so the
// instances that will be replaced or stopped find everything where it was.
LoadedManifest with_old_calls(const LoadedManifest& before, const LoadedManifest& next) {
    LoadedManifest both = next;
    for (const NamedService& old : services_of(before.manifest)) {
        ServiceConfig* const now = find_service(both.manifest, old.name->value);
        if (now == nullptr) {
            both.manifest.contexts.add({*old.context, {}}).services.add(*old.name, *old.config);
            continue;
        }
        // One that others run from now on: our last instance of it still has its doors.
        if (!now->run.run) now->run.run = old.config->run.run;
        auto& calls = now->mesh.calls;
        for (const auto& callee : old.config->mesh.calls) {
            if (std::ranges::find(calls, callee) == calls.end()) calls.push_back(callee);
        }
    }
    return both;
}

// Ports of TCP as they were, and new ones beside them; but where a port changes what it speaks, clients must not find
// both there at once.
void keep_old_tcp(const gateway::GatewayConfig& before, gateway::GatewayConfig& gateway) {
    const auto has = [](const auto& ports, const net::Address& address, auto address_of) {
        return std::ranges::any_of(ports, [&](const auto& port) { return address_of(port) == address; });
    };
    const auto of_tcp = [](const gateway::TcpListenConfig& port) { return port.listen.value; };
    const auto of_http = [](const auto& port) { return port.value.address; };
    std::vector<gateway::TcpListenConfig> ports = before.tcp;
    for (const gateway::TcpListenConfig& port : gateway.tcp) {
        const net::Address& address = port.listen.value;
        if (!has(ports, address, of_tcp) && !has(before.listen, address, of_http)) ports.push_back(port);
    }
    gateway.tcp = std::move(ports);
    std::erase_if(gateway.listen, [&](const auto& port) { return has(before.tcp, port.value.address, of_tcp); });
}

// The same, with the public routes as they were, on the old addresses and the new ones.
LoadedManifest with_old_routes(const LoadedManifest& before, LoadedManifest both) {
    gateway::GatewayConfig& gateway = both.manifest.gateway;
    gateway.routes = before.manifest.gateway.routes;
    gateway.portal = before.manifest.gateway.portal;
    for (const auto& listen : before.manifest.gateway.listen) {
        const auto same = [&](const auto& other) { return other.value.address == listen.value.address; };
        if (std::ranges::none_of(gateway.listen, same)) gateway.listen.push_back(listen);
    }
    keep_old_tcp(before.manifest.gateway, gateway);
    return both;
}

// `now` and those of `next` that are new.
std::vector<supervisor::ServiceSpec> added_to(std::vector<supervisor::ServiceSpec> now,
                                              const std::vector<supervisor::ServiceSpec>& next) {
    std::set<std::string> names;
    for (const auto& spec : now) names.insert(spec.name);
    for (const auto& spec : next) {
        if (!names.contains(spec.name)) now.push_back(spec);
    }
    return now;
}

}  // namespace

console::PlanView System::make_plan(const LoadedManifest& next) const {
    console::PlanView view;
    for (const auto& step : supervisor::plan(supervisor_.specs(), specs_of(next.manifest, next.folder))) {
        view.changes.push_back({"service", step.service, std::string{supervisor::to_string(step.action)}, step.why});
    }
    compare_addresses(loaded_->manifest, next.manifest, view.changes);
    compare_routes(loaded_->manifest, next.manifest, view.changes);
    if (listens(loaded_->manifest) != listens(next.manifest)) {
        view.changes.push_back({"gateway", "listen", "change",
                                fmt::format("{} (was {})", listens(next.manifest), listens(loaded_->manifest))});
    }
    for (const auto& diagnostic : next.diagnostics.sorted()) {
        const bool shadow = diagnostic.kind == kShadowedRoute;
        const std::string line = fmt::format("line {}: {}", diagnostic.at.line, diagnostic.message);
        (shadow ? view.shadows : view.warnings).push_back(line);
    }
    compare_settings(loaded_->manifest, next.manifest, view);
    return view;
}

rt::Task<console::PlanResult> System::plan(std::string text, std::string file) {
    const LoadedManifest next = read_manifest(std::move(text), file.empty() ? loaded_->file : file);
    if (!next.good()) co_return std::unexpected(refused(next));
    co_return make_plan(next);
}

base::Result<void> System::may_change() const {
    if (!stopping_.empty()) return base::fail(base::Code::cancelled, "Trunkline is stopping; nothing was changed");
    if (!changing_) return {};
    return base::fail(base::Code::conflict, "another change is being made; try again when it has ended");
}

rt::Task<console::PlanResult> System::apply(std::string text, std::string file, console::ProgressSink& sink) {
    LoadedManifest next = read_manifest(std::move(text), file.empty() ? loaded_->file : file);
    if (!next.good()) co_return std::unexpected(refused(next));
    if (auto may = may_change(); !may) co_return std::unexpected(refused(std::move(may.error())));
    const Turn turn{*this};
    auto alone = co_await former_ended(sink);
    if (!alone) co_return std::unexpected(refused(std::move(alone.error())));
    console::PlanView view = make_plan(next);
    const auto done = co_await carry_out(std::make_shared<const LoadedManifest>(std::move(next)), sink);
    if (!done) co_return std::unexpected(refused(done.error()));
    co_return view;
}

// Replaced instances live beside their successors for a while, and so do removed services beside new ones. Nothing is
// refused on the way: what is new is opened and started under the old routes, then requests move over, then what
// changed is replaced, and only then what nobody needs any more is closed.
rt::Task<base::Result<void>> System::carry_out(LoadedPtr next, console::ProgressSink& sink) {
    const LoadedPtr before = loaded_;
    const LoadedManifest both = with_old_calls(*before, *next);
    // Opens all doors, so a port that is taken ends this here, with nothing changed.
    const auto opened = std::make_shared<const LoadedManifest>(with_old_routes(*before, both));
    auto used = co_await use_plane(*opened);
    if (!used) co_return used;
    loaded_ = opened;
    half_applied_ = true;
    ++revision_;
    TL_CO_TRY(register_services(both));
    co_await register_addresses(both);
    probes_.set_folder(next->folder);

    std::string failures;
    const std::vector<supervisor::ServiceSpec> next_specs = specs_of(next->manifest, next->folder);
    const std::vector<supervisor::ServiceSpec> with_new = added_to(supervisor_.specs(), next_specs);
    if (with_new.size() > supervisor_.specs().size()) co_await run_services(with_new, sink, failures);
    // A route to a service that did not come up would only fail: the old ones stay.
    if (!failures.empty()) co_return base::fail(base::Code::unavailable, failures + "; the routes stay as they were");
    co_await wait_for_addresses(*before, *next);
    used = co_await use_plane(both);
    if (!used) co_return used;
    loaded_ = next;
    half_applied_ = false;
    co_await run_services(next_specs, sink, failures);
    co_await retire_addresses(*next);
    retire_services(*before, *next);
    used = co_await use_plane(*next);
    if (used && !failures.empty()) co_return base::fail(base::Code::unavailable, failures);
    co_return used;
}

// Tells the sink each step, and adds what failed to `failures`.
rt::Task<void> System::run_services(std::vector<supervisor::ServiceSpec> specs, console::ProgressSink& sink,
                                    std::string& failures) {
    const auto outcomes = co_await supervisor_.apply(std::move(specs), {base::kNever, &changes_});
    for (const supervisor::Outcome& outcome : outcomes) {
        const std::string_view action = supervisor::to_string(outcome.step.action);
        if (outcome.error) {
            sink.on_progress(fmt::format("{}: {} failed: {}", outcome.step.service, action, outcome.error->message()));
            failures +=
                fmt::format("{}{}: {}", failures.empty() ? "" : "; ", outcome.step.service, outcome.error->message());
        } else if (outcome.step.action != supervisor::Action::keep) {
            sink.on_progress(fmt::format("{}: {} done{}{}", outcome.step.service, action,
                                         outcome.step.why.empty() ? "" : ": ", outcome.step.why));
        }
    }
}

rt::Task<base::Result<void>> System::restart(std::string service, console::ProgressSink& sink) {
    std::vector<std::string> names;
    const ServiceConfig* config = nullptr;
    for (const NamedService& known : services_of(loaded_->manifest)) {
        names.push_back(known.name->value);
        if (known.name->value == service) config = known.config;
    }
    if (config == nullptr) {
        const std::string_view near = base::nearest(service, names);
        co_return base::fail(base::Code::not_found,
                             fmt::format("there is no service \"{}\"{}{}{}", base::printable(service),
                                         near.empty() ? "" : "; did you mean \"", near, near.empty() ? "" : "\"?"));
    }
    if (!config->run.run) {
        co_return base::fail(base::Code::conflict, fmt::format("\"{}\" is run by others, at its address", service));
    }
    if (auto may = may_change(); !may) co_return may;
    const Turn turn{*this};
    const auto alone = co_await former_ended(sink);
    if (!alone) co_return alone;
    sink.on_progress(fmt::format("{}: replacing its instances one by one", service));
    const auto restarted = co_await supervisor_.restart(service, {base::kNever, &changes_});
    co_return restarted;
}

}  // namespace tl::app
