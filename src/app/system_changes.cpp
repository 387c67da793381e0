// What changes a running system: plan, apply, restart. A change is checked as a whole before anything is touched; then
// what is new is made ready, requests are moved over, and what is old ends, in this order, so that nothing is refused on
// the way. One change at a time.
#include <fmt/format.h>

#include <map>

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

// Routes by what they match, with what they do.
std::map<std::string, std::string> routes_of(const Manifest& manifest) {
    std::map<std::string, std::string> routes;
    for (const gateway::RouteConfig& route : manifest.gateway.routes) {
        const auto rule = gateway::make_rule(route);
        if (!rule) continue;
        std::string name = rule->name;
        for (const auto& [header, value] : route.headers) name += fmt::format(" [{}: {}]", header.value, value);
        for (const auto& [key, value] : route.query) name += fmt::format(" [?{}={}]", key.value, value);
        routes[name] = fmt::format("to {}{}, timeout {}, {} attempts, priority {}", route.to.value,
                                   route.rewrite ? " as " + route.rewrite->value : "",
                                   route.timeout ? base::format_duration(*route.timeout) : "of the service",
                                   route.retry ? std::to_string(route.retry->attempts) : "the service's", route.priority);
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

// What a change of services that others run means; those that we run are the supervisor's to plan.
void compare_addresses(const Manifest& now, const Manifest& next, std::vector<PlanChange>& changes) {
    const auto addresses = [](const Manifest& manifest) {
        std::map<std::string, std::string> all;
        for (const NamedService& service : services_of(manifest)) {
            if (service.config->run.run) continue;
            std::vector<std::string> list;
            for (const auto& address : service.config->address) list.push_back(address.value);
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

std::string restart_only(const Manifest& now, const Manifest& next) {
    if (now.gateway.threads != next.gateway.threads) return "gateway.threads";
    if (now.telemetry.access_log != next.telemetry.access_log) return "telemetry.access_log";
    if (now.telemetry.records != next.telemetry.records) return "telemetry.records";
    if (now.ports.first != next.ports.first || now.ports.last != next.ports.last) return "ports";
    if (now.admin.listen != next.admin.listen) return "admin.listen";
    return "";
}

}  // namespace

console::PlanView System::make_plan(const LoadedManifest& next) const {
    console::PlanView view;
    for (const auto& step : supervisor::plan(supervisor_.specs(), specs_of(next.manifest, next.folder))) {
        view.changes.push_back({"service", step.service, std::string{supervisor::to_string(step.action)}, step.why});
    }
    compare_addresses(loaded_.manifest, next.manifest, view.changes);
    compare_routes(loaded_.manifest, next.manifest, view.changes);
    if (listens(loaded_.manifest) != listens(next.manifest)) {
        view.changes.push_back(
            {"gateway", "listen", "change", fmt::format("{} (was {})", listens(next.manifest), listens(loaded_.manifest))});
    }
    for (const auto& diagnostic : next.diagnostics.sorted()) {
        const bool shadow = diagnostic.message.find("never gets a request") != std::string::npos;
        const std::string line = fmt::format("line {}: {}", diagnostic.at.line, diagnostic.message);
        (shadow ? view.shadows : view.warnings).push_back(line);
    }
    const std::string late = restart_only(loaded_.manifest, next.manifest);
    if (!late.empty()) view.warnings.push_back(late + " takes effect with the next `trunkline up` only");
    return view;
}

rt::Task<console::PlanResult> System::plan(std::string text, std::string file) {
    const LoadedManifest next = read_manifest(std::move(text), file.empty() ? loaded_.file : file);
    if (!next.good()) co_return std::unexpected(refused(next));
    co_return make_plan(next);
}

rt::Task<console::PlanResult> System::apply(std::string text, std::string file, console::ProgressSink& sink) {
    LoadedManifest next = read_manifest(std::move(text), file.empty() ? loaded_.file : file);
    if (!next.good()) co_return std::unexpected(refused(next));
    if (changing_ || !stopping_.empty()) {
        co_return std::unexpected(refused({.code = base::Code::conflict, .context = "another change is being made; try again when it has ended"}));
    }
    changing_ = true;
    console::PlanView view = make_plan(next);
    const auto done = co_await carry_out(std::move(next), sink);
    changing_ = false;
    if (!done) co_return std::unexpected(refused(done.error()));
    co_return view;
}

rt::Task<base::Result<void>> System::carry_out(LoadedManifest next, console::ProgressSink& sink) {
    // New services are known and new doors are open before anything is started that needs them. Doors of services that
    // go stay until their callers have been replaced, so the old doors are kept in a first step.
    TL_CO_TRY(register_services(next));
    const auto addressed = co_await register_addresses(next);
    if (!addressed) co_return addressed;
    LoadedManifest before = std::move(loaded_);
    const auto next_specs = specs_of(next.manifest, next.folder);
    const auto used = co_await use_plane(next);
    if (!used) {
        loaded_ = std::move(before);
        co_return used;
    }
    loaded_ = std::move(next);
    probes_.set_folder(loaded_.folder);
    ++revision_;

    std::string failures;
    const auto outcomes = co_await supervisor_.apply(next_specs, {base::kNever, &life_});
    for (const supervisor::Outcome& outcome : outcomes) {
        const std::string_view action = supervisor::to_string(outcome.step.action);
        if (outcome.error) {
            sink.on_progress(fmt::format("{}: {} failed: {}", outcome.step.service, action, outcome.error->message()));
            failures += fmt::format("{}{}: {}", failures.empty() ? "" : "; ", outcome.step.service, outcome.error->message());
        } else if (outcome.step.action != supervisor::Action::keep) {
            sink.on_progress(fmt::format("{}: {} done{}{}", outcome.step.service, action,
                                         outcome.step.why.empty() ? "" : ": ", outcome.step.why));
        }
    }
    retire_services(before, loaded_);
    if (!failures.empty()) co_return base::fail(base::Code::unavailable, failures);
    co_return base::Result<void>{};
}

rt::Task<base::Result<void>> System::restart(std::string service, console::ProgressSink& sink) {
    std::vector<std::string> names;
    const ServiceConfig* config = nullptr;
    for (const NamedService& known : services_of(loaded_.manifest)) {
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
    if (changing_) co_return base::fail(base::Code::conflict, "another change is being made; try again when it has ended");
    changing_ = true;
    sink.on_progress(fmt::format("{}: replacing its instances one by one", service));
    const auto restarted = co_await supervisor_.restart(service, {base::kNever, &life_});
    changing_ = false;
    co_return restarted;
}

}  // namespace tl::app
