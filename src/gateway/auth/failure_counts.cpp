#include "gateway/auth/failure_counts.h"

#include <netinet/in.h>

namespace tl::gateway {

namespace {

// The bytes that tell clients apart.
std::string name_of(const net::Address& client) {
    if (client.family() == AF_INET) {
        const auto& ip = reinterpret_cast<const sockaddr_in*>(client.raw())->sin_addr;
        return {reinterpret_cast<const char*>(&ip), sizeof ip};
    }
    if (client.family() == AF_INET6) {
        const auto& ip = reinterpret_cast<const sockaddr_in6*>(client.raw())->sin6_addr;
        return {reinterpret_cast<const char*>(&ip), 8};
    }
    return "local";
}

}  // namespace

void FailureCounts::forget_old(base::TimePoint now) {
    while (!entries_.empty() && (now - entries_.front().began >= kWindow || entries_.size() > kMost)) {
        places_.erase(entries_.front().name);
        entries_.pop_front();
    }
}

base::Duration FailureCounts::blocked_for(const net::Address& client, base::TimePoint now) {
    forget_old(now);
    const auto found = places_.find(name_of(client));
    if (found == places_.end() || found->second->failures < kMostFailures) return base::Duration{0};
    return kWindow - (now - found->second->began);
}

void FailureCounts::count(const net::Address& client, base::TimePoint now) {
    std::string name = name_of(client);
    auto found = places_.find(name);
    if (found == places_.end()) {
        entries_.push_back({name, now, 0});
        found = places_.emplace(std::move(name), std::prev(entries_.end())).first;
    }
    ++found->second->failures;
    forget_old(now);
}

}  // namespace tl::gateway
