#include "registry/publisher.h"

#include <fmt/format.h>

#include <algorithm>

namespace tl::registry {

struct Publisher::Topic {
    proxy::EndpointSetPtr last;
    uint64_t acknowledged = 0;
    bool retired = false;
    Propagation propagation;
    rt::Signal news;

    void on_acknowledged(uint64_t revision, base::TimePoint published, base::TimePoint now, Propagation& total) {
        // An older set's word can come after a newer one's: it says nothing new, but it was late and that counts.
        acknowledged = std::max(acknowledged, revision);
        for (Propagation* figures : {&propagation, &total}) {
            ++figures->acknowledged;
            figures->last = now - published;
            figures->longest = std::max(figures->longest, figures->last);
        }
        news.notify_all();
    }
};

namespace {

bool same(const proxy::EndpointSet& set, const Selection& selection) {
    return set.reason == selection.reason && set.endpoints == selection.endpoints && set.unwell == selection.unwell;
}

}  // namespace

Publisher::Publisher(proxy::EndpointSink& sink) : sink_(&sink) {}
Publisher::~Publisher() = default;

std::shared_ptr<Publisher::Topic> Publisher::find(std::string_view service) const {
    const auto place = topics_.find(service);
    return place == topics_.end() ? nullptr : place->second;
}

void Publisher::publish(std::string_view service, Selection selection) {
    std::shared_ptr<Topic>& place = topics_[std::string{service}];
    if (!place) place = std::make_shared<Topic>();
    const std::shared_ptr<Topic> topic = place;
    topic->retired = false;
    if (topic->last && same(*topic->last, selection)) return;
    auto set = std::make_shared<proxy::EndpointSet>();
    set->service = service;
    set->revision = ++newest_;
    set->endpoints = std::move(selection.endpoints);
    set->unwell = std::move(selection.unwell);
    set->reason = std::move(selection.reason);
    topic->last = set;
    ++topic->propagation.published;
    ++total_->published;
    auto acknowledged = [weak = std::weak_ptr<Topic>(topic), total = std::weak_ptr<Propagation>(total_),
                         revision = set->revision, published = rt::this_loop().now()] {
        const auto still_topic = weak.lock();
        const auto still_total = total.lock();
        if (!still_topic || !still_total) return;
        still_topic->on_acknowledged(revision, published, rt::this_loop().now(), *still_total);
    };
    sink_->publish(std::move(set), std::move(acknowledged));
}

void Publisher::retire(std::string_view service) {
    publish(service, {.reason = fmt::format("the service \"{}\" was removed", service)});
    if (const auto topic = find(service)) topic->retired = true;
    sweep();
}

// Topics of removed services are kept until their last set is acknowledged: someone may wait for that.
void Publisher::sweep() {
    std::erase_if(topics_, [](const auto& item) {
        const Topic& topic = *item.second;
        return topic.retired && topic.acknowledged >= topic.last->revision;
    });
}

uint64_t Publisher::revision(std::string_view service) const {
    const auto topic = find(service);
    return topic && topic->last ? topic->last->revision : 0;
}

uint64_t Publisher::acknowledged(std::string_view service) const {
    const auto topic = find(service);
    return topic ? topic->acknowledged : 0;
}

Propagation Publisher::propagation(std::string_view service) const {
    const auto topic = find(service);
    return topic ? topic->propagation : Propagation{};
}

rt::Task<base::Result<void>> Publisher::wait_acknowledged(std::string service, uint64_t revision, rt::Wait wait) {
    const std::shared_ptr<Topic> topic = find(service);
    if (!topic) co_return base::fail(base::Code::not_found, fmt::format("there is no service \"{}\"", service));
    while (topic->acknowledged < revision) {
        if (stopping_) co_return base::fail(base::Code::cancelled, "the registry is stopping");
        const rt::Wake wake = co_await topic->news.wait(wait);
        if (wake == rt::Wake::ready) continue;
        co_return base::fail(rt::wake_error(
            wake, fmt::format("waiting until every balancer uses revision {} of \"{}\"", revision, service)));
    }
    co_return base::Result<void>{};
}

void Publisher::stop() {
    stopping_ = true;
    for (const auto& [name, topic] : topics_) topic->news.notify_all();
}

}  // namespace tl::registry
