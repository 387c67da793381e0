#include "supervisor/service.h"

#include <fmt/format.h>

#include <algorithm>

namespace tl::supervisor {

std::shared_ptr<Instance> Service::add_instance(std::shared_ptr<const ServiceSpec> of, Trust trust) {
    std::string id = fmt::format("{}-{}", of->name, next_ordinal_++);
    instances.push_back(std::make_shared<Instance>(shop_, std::move(of), std::move(id), trust));
    return instances.back();
}

void Service::erase(const Instance& instance) {
    shop_.logs.forget_instance(instance.id());
    std::erase_if(instances, [&](const auto& one) { return one.get() == &instance; });
}

std::vector<std::shared_ptr<Instance>> Service::least_needed(size_t count) const {
    std::vector<std::shared_ptr<Instance>> order;
    for (const bool running : {false, true}) {
        for (auto one = instances.rbegin(); one != instances.rend(); ++one) {
            if ((*one)->is_running() == running && order.size() < count) order.push_back(*one);
        }
    }
    return order;
}

ServiceStatus Service::status(bool with_usage) const {
    ServiceStatus out{.name = spec->name,
                      .version = spec->run.version,
                      .wanted = spec->run.replicas,
                      .waiting_for = waiting_for,
                      .last_change = last_change};
    for (const auto& instance : instances) out.instances.push_back(instance->status(with_usage));
    return out;
}

}  // namespace tl::supervisor
