#include "supervisor/logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace tl::supervisor {

namespace {

// The length of the UTF-8 sequence at the front, 0 if there is none (RFC 3629, section 4).
size_t utf8_length(std::string_view bytes) {
    const auto at = [&](size_t i) { return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : uint8_t{0}; };
    const auto tail = [&](size_t i) { return (at(i) & 0xC0) == 0x80; };
    const uint8_t lead = at(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        const bool overlong = lead == 0xE0 && at(1) < 0xA0;
        const bool surrogate = lead == 0xED && at(1) > 0x9F;
        return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const bool outside = (lead == 0xF0 && at(1) < 0x90) || (lead == 0xF4 && at(1) > 0x8F);
        return tail(1) && tail(2) && tail(3) && !outside ? 4 : 0;
    }
    return 0;
}

bool is_control(std::string_view character) {
    const auto first = static_cast<uint8_t>(character[0]);
    if (character.size() == 1) return (first < 0x20 && first != '\t' && first != 0x1B) || first == 0x7F;
    // C1 controls, which some terminals obey.
    return character.size() == 2 && first == 0xC2 && static_cast<uint8_t>(character[1]) < 0xA0;
}

}  // namespace

std::string_view to_string(Stream stream) {
    switch (stream) {
        case Stream::out: return "stdout";
        case Stream::err: return "stderr";
        case Stream::notice: return "notice";
    }
    return "notice";
}

std::string clean_line(std::string_view bytes) {
    if (bytes.ends_with('\r')) bytes.remove_suffix(1);
    std::string out;
    out.reserve(bytes.size());
    while (!bytes.empty()) {
        const size_t length = utf8_length(bytes);
        const std::string_view character = bytes.substr(0, std::max<size_t>(length, 1));
        if (length == 0 || is_control(character)) {
            for (const char c : character)
                fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<uint8_t>(c));
        } else {
            out += character;
        }
        bytes.remove_prefix(character.size());
    }
    return out;
}

void LogRing::push(LogLinePtr line) {
    bytes_ += line->text.size();
    lines_.push_back(std::move(line));
    while (lines_.size() > kMostLines || (bytes_ > kMostBytes && lines_.size() > 1)) {
        bytes_ -= lines_.front()->text.size();
        lines_.pop_front();
    }
}

std::vector<LogLinePtr> LogRing::last(size_t most) const {
    const size_t count = std::min(most, lines_.size());
    return {lines_.end() - static_cast<ptrdiff_t>(count), lines_.end()};
}

void LogSubscription::offer(const LogLinePtr& line) {
    if (!service_.empty() && line->service != service_) return;
    if (waiting_.size() >= kMostWaiting || bytes_ >= kMostBytes) {
        ++dropped_;
        return;
    }
    waiting_.push_back(line);
    bytes_ += line->text.size();
    came_.notify_all();
}

rt::Task<base::Result<std::vector<LogLinePtr>>> LogSubscription::next(rt::Wait wait) {
    if (waiting_.empty()) {
        const rt::Wake wake = co_await came_.wait(wait);
        if (wake != rt::Wake::ready) co_return base::fail(rt::wake_error(wake, "waiting for log lines"));
    }
    std::vector<LogLinePtr> lines = std::exchange(waiting_, {});
    bytes_ = 0;
    if (dropped_ > 0) {
        lines.push_back(std::make_shared<const LogLine>(
            LogLine{.time = base::wall_now(),
                    .stream = Stream::notice,
                    .text = fmt::format("{} lines are missing here: they came faster than they were read",
                                        std::exchange(dropped_, 0))}));
    }
    co_return lines;
}

void LogStore::add(LogLine line) {
    const auto shared = std::make_shared<const LogLine>(std::move(line));
    services_[shared->service].push(shared);
    instances_[shared->instance].push(shared);
    subscriptions_.for_each([&](LogSubscription& subscription) { subscription.offer(shared); });
}

std::vector<LogLinePtr> LogStore::of_service(const std::string& service, size_t most) const {
    const auto ring = services_.find(service);
    return ring == services_.end() ? std::vector<LogLinePtr>{} : ring->second.last(most);
}

std::vector<LogLinePtr> LogStore::of_instance(const std::string& instance, size_t most) const {
    const auto ring = instances_.find(instance);
    return ring == instances_.end() ? std::vector<LogLinePtr>{} : ring->second.last(most);
}

std::vector<LogLinePtr> LogStore::all() const {
    std::vector<LogLinePtr> lines;
    for (const auto& [service, ring] : services_) {
        const auto kept = ring.last(LogRing::kMostLines);
        lines.insert(lines.end(), kept.begin(), kept.end());
    }
    return lines;
}

std::unique_ptr<LogSubscription> LogStore::subscribe(std::string service) {
    std::unique_ptr<LogSubscription> made{new LogSubscription(std::move(service))};
    subscriptions_.push_back(*made);
    return made;
}

}  // namespace tl::supervisor
