// For tests only: parses requests under small limits, prints all that a caller can see of a head, and holds
// that no way of cutting the bytes changes the answer.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "codec/http1.h"

namespace tl::codec::testing {

using F = Http1Fault;

inline Http1Limits small_limits() {
    Http1Limits limits;
    limits.head = 1024;
    limits.headers = 8;
    limits.target = 64;
    return limits;
}

struct Outcome {
    Parsed parsed;
    RequestHead head;
};

inline Outcome parse(std::string_view bytes, const Http1Limits& limits = small_limits()) {
    Outcome outcome;
    uint32_t scanned = 0;
    outcome.parsed = outcome.head.parse(bytes, limits, scanned);
    return outcome;
}

// "GET / HTTP/1.1", Host, then these lines and the blank one.
inline std::string with_fields(std::string_view fields) {
    return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

// The head as a comparable text: everything that a caller can see of it.
inline std::string print(const RequestHead& head) {
    std::string out;
    for (const std::string_view part :
         {head.method_text, head.target, head.scheme, head.authority, head.path, head.query}) {
        out.append(part).append("|");
    }
    for (const uint64_t number :
         {uint64_t{static_cast<uint8_t>(head.method)}, uint64_t{static_cast<uint8_t>(head.form)}, uint64_t{head.minor},
          uint64_t{head.keep_alive}, uint64_t{head.expect_continue}, uint64_t{head.upgrade},
          uint64_t{static_cast<uint8_t>(head.framing)}, head.length}) {
        out += std::to_string(number) + "|";
    }
    for (const Header& header : head.headers) {
        out.append(header.name).append("=").append(header.value).append(";");
        out += std::to_string(static_cast<int>(header.field));
    }
    return out;
}

// Every prefix, each parsed afresh, and the same fed as one growing message: "need more" or the final answer,
// never another one; and never "need more" for the whole.
inline void expect_same_at_every_split(std::string_view bytes, const Http1Limits& limits = small_limits()) {
    const Outcome whole = parse(bytes, limits);
    ASSERT_NE(whole.parsed.state, ParseState::need_more) << bytes;
    RequestHead dripping;
    uint32_t scanned = 0;
    bool answered = false;
    for (size_t size = 0; size <= bytes.size(); ++size) {
        const Outcome part = parse(bytes.substr(0, size), limits);
        if (part.parsed.state != ParseState::need_more) {
            ASSERT_EQ(part.parsed.fault, whole.parsed.fault) << bytes << " at " << size;
            ASSERT_EQ(part.parsed.state, whole.parsed.state) << bytes << " at " << size;
            ASSERT_EQ(part.parsed.consumed, whole.parsed.consumed) << bytes << " at " << size;
            if (whole.parsed.state == ParseState::complete) ASSERT_EQ(print(part.head), print(whole.head));
        }
        if (answered) continue;
        const Parsed step = dripping.parse(bytes.substr(0, size), limits, scanned);
        if (step.state == ParseState::need_more) continue;
        answered = true;
        ASSERT_EQ(step.fault, whole.parsed.fault) << bytes << " dripping, at " << size;
        ASSERT_EQ(step.consumed, whole.parsed.consumed) << bytes << " dripping, at " << size;
        if (step.state == ParseState::complete) ASSERT_EQ(print(dripping), print(whole.head));
    }
    // A fault that no later byte can change may wait for the head to end, but a whole head is always
    // answered.
    ASSERT_TRUE(answered || whole.parsed.state == ParseState::bad) << bytes;
}

}  // namespace tl::codec::testing
