// How services go over from one program to the next in the same process: what is left, and going on with it.
#include "supervisor/estate.h"

#include <algorithm>

#include "base/log.h"
#include "supervisor/supervisor.h"

namespace tl::supervisor {

namespace {

StreamEstate left_of(const CapturedStream& stream) { return {stream.fd, stream.lines.partial()}; }

}  // namespace

InstanceEstate Instance::estate() const {
    InstanceEstate left{.id = id_,
                        .version = spec_->run.version,
                        .state = state_,
                        .since = since_,
                        .was_ready = was_ready_,
                        .restarts = restarts_,
                        .starts = starts_,
                        .failures = backoff_.failures(),
                        .last_exit = last_exit_,
                        .limits = limits_};
    const base::TimePoint now = base::steady_now();
    if (next_start_ != base::kNever) left.next_start = std::max<base::Duration>(next_start_ - now, base::Duration{0});
    if (run_ == nullptr) return left;
    left.pid = run_->process.pid();
    left.port = run_->port;
    left.age = now - run_->since;
    if (run_->cell) left.cgroups = run_->cell->folders;
    left.out = left_of(run_->out);
    left.err = left_of(run_->err);
    return left;
}

base::Result<void> Instance::take_over(const InstanceEstate& estate) {
    state_ = estate.state;
    since_ = estate.since;
    was_ready_ = estate.was_ready;
    restarts_ = estate.restarts;
    starts_ = estate.starts;
    backoff_.go_on_with(estate.failures);
    last_exit_ = estate.last_exit;
    limits_ = estate.limits;
    const base::TimePoint now = base::steady_now();
    if (estate.pid == 0) {
        next_start_ = now + estate.next_start;
        return {};
    }
    auto process = rt::Process::take_over(estate.pid, rt::Process::Target::group, estate.out.fd, estate.err.fd);
    if (!process) return base::fail(std::move(process.error()));
    run_ = std::make_unique<Run>(std::move(*process));
    run_->out.fd = run_->process.take_stdout();
    run_->err.fd = run_->process.take_stderr();
    run_->out.lines.begin_with(estate.out.partial);
    run_->err.lines.begin_with(estate.err.partial);
    run_->port = estate.port;
    run_->since = now - estate.age;
    if (!estate.cgroups.empty()) run_->cell = CgroupCell{estate.cgroups};
    return {};
}

ServiceEstate Service::estate() const {
    ServiceEstate left{.name = spec->name,
                       .fingerprint = spec->fingerprint,
                       .next_ordinal = next_ordinal_,
                       .started = started.has_value(),
                       .mixed = mixed,
                       .last_change = last_change};
    for (const auto& instance : instances) left.instances.push_back(instance->estate());
    return left;
}

std::vector<std::shared_ptr<Instance>> Service::take_over(const ServiceEstate& estate) {
    next_ordinal_ = estate.next_ordinal;
    mixed = estate.mixed;
    last_change = estate.last_change;
    started = base::steady_now();
    for (const InstanceEstate& left : estate.instances) {
        auto own = std::make_shared<ServiceSpec>(*spec);
        own->run.version = left.version;
        auto instance = std::make_shared<Instance>(shop_, std::move(own), left.id, Trust::regular);
        const auto taken = instance->take_over(left);
        // Its process cannot be watched: then it is started anew, as after a crash.
        if (!taken) TL_LOG(error, "supervisor", "{} cannot be taken over: {}", left.id, taken.error().message());
        instances.push_back(std::move(instance));
    }
    return instances;
}

Estate Supervisor::estate() const {
    Estate left{.services = {}, .lines = shop_.logs.all()};
    for (const auto& [name, service] : services_) left.services.push_back(service->estate());
    return left;
}

void Supervisor::resume(std::vector<ServiceSpec> specs, const Estate& estate) {
    adopt_order(specs);
    for (const LogLinePtr& line : estate.lines) shop_.logs.add(*line);
    for (ServiceSpec& spec : specs) {
        const auto left = std::ranges::find(estate.services, spec.name, &ServiceEstate::name);
        if (left == estate.services.end() || !left->started) {
            begin_service(std::move(spec));
            continue;
        }
        const std::string name = spec.name;
        spec.fingerprint = left->fingerprint;
        const auto service = std::make_shared<Service>(shop_, std::move(spec), life_);
        services_.insert_or_assign(name, service);
        for (const auto& instance : service->take_over(*left)) run(instance);
    }
}

}  // namespace tl::supervisor
