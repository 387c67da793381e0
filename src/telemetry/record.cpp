#include "telemetry/record.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>

namespace tl::telemetry {

namespace {

uint32_t to_us(base::Duration d) {
    const int64_t us = d.count() / 1000;
    return static_cast<uint32_t>(std::clamp<int64_t>(us, 0, std::numeric_limits<uint32_t>::max()));
}

}  // namespace

std::string_view to_string(Door door) { return door == Door::gateway ? "gateway" : "sidecar"; }

std::string_view to_string(ConnectionEnd end) {
    switch (end) {
        case ConnectionEnd::none: return "";
        case ConnectionEnd::client_closed: return "client_closed";
        case ConnectionEnd::service_closed: return "service_closed";
        case ConnectionEnd::client_reset: return "client_reset";
        case ConnectionEnd::service_reset: return "service_reset";
        case ConnectionEnd::idle: return "idle";
        case ConnectionEnd::drained: return "drained";
        case ConnectionEnd::stopped: return "stopped";
    }
    return "";
}

ClientAddress ClientAddress::from(const sockaddr* address) {
    ClientAddress out;
    if (address == nullptr) return out;
    if (address->sa_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, address, sizeof in);
        std::memcpy(out.bytes, &in.sin_addr, sizeof in.sin_addr);
        out.port = ntohs(in.sin_port);
        out.kind = Kind::ipv4;
    } else if (address->sa_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, address, sizeof in);
        std::memcpy(out.bytes, &in.sin6_addr, sizeof in.sin6_addr);
        out.port = ntohs(in.sin6_port);
        out.kind = Kind::ipv6;
    } else if (address->sa_family == AF_UNIX) {
        out.kind = Kind::local;
    }
    return out;
}

std::string ClientAddress::text() const {
    char host[INET6_ADDRSTRLEN] = {};
    switch (kind) {
        case Kind::none: return "-";
        case Kind::local: return "unix";
        case Kind::ipv4: inet_ntop(AF_INET, bytes, host, sizeof host); return fmt::format("{}:{}", host, port);
        case Kind::ipv6: inet_ntop(AF_INET6, bytes, host, sizeof host); return fmt::format("[{}]:{}", host, port);
    }
    return "-";
}

void Record::note(std::string_view policy, std::string_view what) {
    const auto append = [this](std::string_view text) {
        const size_t room = std::min(text.size(), sizeof notes.bytes - notes.size);
        std::memcpy(notes.bytes + notes.size, text.data(), room);
        notes.size = static_cast<uint8_t>(notes.size + room);
    };
    if (notes.size != 0) append("; ");
    append(policy);
    append(": ");
    append(what);
}

void Record::add_attempt(NameId to, base::Duration since_start, base::Duration took, uint8_t outcome) {
    // The last place is for the last attempt: that one decided.
    Attempt& place = attempt[std::min<size_t>(attempts, kAttemptsKept - 1)];
    place.start_us = to_us(since_start);
    place.duration_us = to_us(took);
    place.instance = static_cast<uint16_t>(to < NameTable::kMost ? to : kOtherName);
    place.outcome = outcome;
    instance = to;
    if (attempts > 0) set(kRetried);
    if (attempts < std::numeric_limits<uint8_t>::max()) ++attempts;
}

void RecordRing::Free::operator()(Record* records) const { std::free(records); }

RecordRing::RecordRing(size_t capacity) {
    const size_t size = std::bit_ceil(std::max<size_t>(capacity, 1));
    // Record is an implicit-lifetime type: calloc's zeros are valid records.
    auto* memory = static_cast<Record*>(std::calloc(size, sizeof(Record)));
    if (memory == nullptr) throw std::bad_alloc{};
    records_.reset(memory);
    mask_ = size - 1;
}

RecordBatch RecordRing::since(uint64_t sequence, size_t most) const {
    RecordBatch batch;
    const uint64_t begin = std::clamp(sequence, oldest_sequence(), next_);
    // A number from the future comes from another ring's past: nothing is lost, reading goes on from here.
    batch.lost = begin > sequence ? begin - sequence : 0;
    const uint64_t end = begin + std::min<uint64_t>(next_ - begin, most);
    batch.records.reserve(end - begin);
    for (uint64_t i = begin; i < end; ++i) batch.records.push_back(records_[i & mask_]);
    batch.next = end;
    return batch;
}

RecordBatch RecordRing::find(const TracePrefix& trace, size_t most) const {
    RecordBatch batch;
    batch.lost = oldest_sequence();
    batch.next = next_;
    // From the newest back, so that a cap keeps the latest.
    for (uint64_t i = next_; i > oldest_sequence() && batch.records.size() < most; --i) {
        const Record& record = records_[(i - 1) & mask_];
        if (trace.matches(record.trace)) batch.records.push_back(record);
    }
    std::ranges::reverse(batch.records);
    return batch;
}

}  // namespace tl::telemetry
