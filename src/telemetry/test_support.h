// What this room's tests share: words, records made in one line.
#pragma once

#include <string_view>

#include "telemetry/record.h"

namespace tl::telemetry::test {

inline std::string_view cause_word(uint8_t id) { return id == 1 ? "no_route" : id == 2 ? "upstream_timeout" : "none"; }
inline std::string_view cause_sentence(uint8_t id) { return id == 2 ? "The service did not answer in time" : "?"; }
inline std::string_view outcome_word(uint8_t id) { return id == 0 ? "success" : "connect failed"; }

inline RecordWords words(const NameTable& names) {
    return {.names = &names, .cause = cause_word, .cause_sentence = cause_sentence, .outcome = outcome_word};
}

inline constexpr int64_t kMs = 1'000'000;
inline constexpr int64_t kEpoch = 1'700'000'000'000 * kMs;  // 2023-11-14T22:13:20Z

// A hop that begins `start_ms` after kEpoch.
inline Record hop(SpanId span, SpanId parent, int64_t start_ms, int64_t duration_ms) {
    Record record;
    record.trace = {0x4bf92f3577b34da6, 0xa3ce929d0e0e4736};
    record.span = span;
    record.parent = parent;
    record.start_ns = kEpoch + start_ms * kMs;
    record.duration_ns = static_cast<uint64_t>(duration_ms * kMs);
    record.status = 200;
    record.set_method(1, "GET");
    record.path.set("/x");
    return record;
}

}  // namespace tl::telemetry::test
