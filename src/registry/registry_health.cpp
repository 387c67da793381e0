// What the registry finds out by itself: the probes of each instance, and what callers report.
#include <fmt/format.h>

#include "base/units.h"
#include "registry/probe.h"
#include "registry/records.h"

namespace tl::registry {

ProbeKind Instance::kind() const {
    const ProbeKind kind = service->spec.config.health.kind();
    if (kind != ProbeKind::automatic) return kind;
    return spec.origin == Origin::process ? ProbeKind::tcp : ProbeKind::none;
}

// Begins the probes by the service's present rules; those by former rules end.
void Registry::begin_watch(const InstancePtr& instance) {
    if (instance->life) instance->life->request();
    instance->life = std::make_shared<rt::Cancel>(&life_);
    instance->probes.reset();
    if (instance->kind() != ProbeKind::none) {
        gate_.spawn("registry probes", watch(instance, instance->life));
        return;
    }
    if (instance->state != InstanceState::healthy) {
        change(*instance, InstanceState::healthy, "it is not probed: healthy until callers see it fail");
    }
}

// One without probes that callers saw fail waits for its next try, as it did before.
void Registry::go_on_watching(const InstancePtr& instance) {
    const bool fallen = instance->kind() == ProbeKind::none && instance->state == InstanceState::unhealthy;
    if (!fallen) return begin_watch(instance);
    instance->life = std::make_shared<rt::Cancel>(&life_);
    gate_.spawn("registry retry", retry_later(instance, instance->life));
}

rt::Task<void> Registry::watch(InstancePtr instance, std::shared_ptr<rt::Cancel> life) {
    const HealthConfig config = instance->service->spec.config.health;
    const ProbeRequest request{.kind = instance->kind(),
                               .service = instance->spec.service,
                               .instance = instance->spec.id,
                               .address = instance->spec.address,
                               .config = config,
                               .tls = instance->service->spec.tls,
                               .host = instance->spec.host};
    ProbePace pace{config};
    while (!life->requested()) {
        const uint64_t began = instance->changes;
        const ProbeResult result = co_await probe(request, options_.commands, life.get());
        if (life->requested()) break;
        instance->last_probe = result.said;
        ++instance->probe_count;
        if (!result.well) ++instance->failed_probes;
        // Callers may have seen it fail while the probe ran: then the probe's answer is older than their word.
        const bool fresh = instance->changes == began;
        const auto next = fresh ? instance->probes.on_probe(instance->state, result.well, config) : std::nullopt;
        if (next) {
            const uint32_t row = result.well ? config.healthy_after : config.unhealthy_after;
            change(*instance, *next, row == 1 ? result.said : fmt::format("{}, {} times in a row", result.said, row));
        }
        const base::Duration pause = pace.after_probe(instance->state, config, rt::this_loop().random());
        co_await rt::sleep(pause, life.get());
    }
}

void Registry::report(const proxy::OutcomeReport& outcome) {
    const InstancePtr instance = find_instance(outcome.instance);
    if (!instance || instance->spec.service != outcome.service) return;
    if (instance->state != InstanceState::healthy) return;
    const PassiveConfig& rule = instance->service->spec.config.passive;
    if (!instance->outcomes.on_outcome(outcome.outcome, rt::this_loop().now(), rule)) return;
    change(*instance, InstanceState::unhealthy,
           rule.failures == 1 ? std::string{"a connection failed, seen by callers"}
                              : fmt::format("{} connection failures in a row, seen by callers", rule.failures));
    if (instance->kind() == ProbeKind::none) {
        gate_.spawn("registry retry", retry_later(instance, instance->life));
    }
}

// Nothing else would ever find out that an instance without probes is well again.
rt::Task<void> Registry::retry_later(InstancePtr instance, std::shared_ptr<rt::Cancel> life) {
    const base::Duration after = instance->service->spec.config.passive.retry_after;
    co_await rt::sleep(after, life.get());
    if (life->requested() || instance->state != InstanceState::unhealthy) co_return;
    change(*instance, InstanceState::healthy,
           fmt::format("tried again {} after callers saw it fail", base::format_duration(after)));
}

}  // namespace tl::registry
