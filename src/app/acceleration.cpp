#include "app/acceleration.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace tl::app {

using namespace std::chrono_literals;

namespace {

bool asks(const Manifest& manifest) {
    return manifest.gateway.accelerate ||
           std::ranges::any_of(services_of(manifest), [](const NamedService& one) { return one.config->accelerate; });
}

std::vector<std::string> names_in(const Manifest& manifest) {
    std::vector<std::string> names;
    if (manifest.gateway.accelerate) names.emplace_back(Acceleration::kGateway);
    for (const NamedService& service : services_of(manifest)) {
        if (service.config->accelerate) names.push_back(Acceleration::name_of(service.name->value));
    }
    return names;
}

}  // namespace

void Acceleration::take(base::Result<std::unique_ptr<sockmap::Joiner>> joiner) {
    asked_ = true;
    if (joiner) {
        joiner_ = std::move(*joiner);
        return;
    }
    refused_ = joiner.error().message();
    TL_LOG(info, "up", "no connections are joined, all go by TCP: {}", refused_);
}

void Acceleration::prepare(const Manifest& manifest) {
    if (!asked_ && asks(manifest)) take(sockmap::Joiner::load());
}

void Acceleration::adopt(uint32_t layout, const std::vector<int>& left) {
    if (!left.empty()) take(sockmap::Joiner::adopt(layout, left));
}

net::Shortcut Acceleration::shortcut(std::string_view name) const {
    if (joiner_ == nullptr) return {};
    return {.joiner = joiner_.get(), .group = joiner_->group(name)};
}

void Acceleration::set_doors(const PlaneSnapshot& snapshot, const std::map<std::string, net::Address>& open) {
    if (joiner_ == nullptr) return;
    std::set<uint16_t> wanted;
    for (const auto& [key, door] : snapshot.doors) {
        const auto at = open.find(key);
        if (door.rules.shortcut.joiner != nullptr && at != open.end()) wanted.insert(at->second.port());
    }
    for (const uint16_t port : doors_) {
        if (!wanted.contains(port)) joiner_->close_door(port);
    }
    for (const uint16_t port : wanted) {
        if (doors_.contains(port)) continue;
        if (const auto opened = joiner_->open_door(port); !opened) {
            TL_LOG(warning, "up", "{}", opened.error().message());
        }
    }
    doors_ = std::move(wanted);
}

std::string Acceleration::in_words(std::string_view name) const {
    if (joiner_ == nullptr) return fmt::format("not joined: {}", refused_.empty() ? "not asked for yet" : refused_);
    const sockmap::JoinCounts counts = joiner_->counts(name);
    return fmt::format("joined: {} connection{}, {} by TCP", counts.joined, counts.joined == 1 ? "" : "s",
                       counts.plain);
}

void Acceleration::add_to(std::vector<telemetry::Sample>& samples, const Manifest& manifest) const {
    for (const std::string& name : names_in(manifest)) {
        const sockmap::JoinCounts counts = joiner_ == nullptr ? sockmap::JoinCounts{} : joiner_->counts(name);
        for (const auto& [way, value] : {std::pair{"joined", counts.joined}, {"tcp", counts.plain}}) {
            samples.push_back({"trunkline_accelerated_connections_total",
                               "Connections that were to be joined in the kernel, and how they went.",
                               telemetry::MetricType::counter,
                               {{"of", name}, {"way", way}},
                               static_cast<double>(value)});
        }
    }
}

std::vector<int> Acceleration::descriptors() const {
    return joiner_ == nullptr ? std::vector<int>{} : joiner_->descriptors();
}

std::vector<int> Acceleration::descriptors_of_fork() const {
    std::vector<int> all = descriptors();
    if (!all.empty()) all.erase(all.begin());  // what attaches the programs: the next program's alone
    return all;
}

rt::Task<void> Acceleration::read_out(base::TimePoint deadline) {
    while (joiner_ != nullptr && joiner_->has_sockets() && rt::this_loop().now() < deadline) {
        co_await rt::sleep(5ms);
    }
}

}  // namespace tl::app
