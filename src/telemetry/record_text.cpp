#include "telemetry/record_text.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <utility>

#include "base/units.h"
#include "telemetry/escape.h"

namespace tl::telemetry {

namespace {

struct FlagName {
    Record::Flag flag;
    std::string_view key;
    std::string_view words;
};

// Retries show by their attempts and a given parent by the tree, so these two have no words.
constexpr std::array kFlagNames = {
    FlagName{Record::kUpgraded, "upgraded", "upgraded"},
    FlagName{Record::kRetried, "retried", ""},
    FlagName{Record::kPanic, "panic", "sent although no instance was healthy"},
    FlagName{Record::kClientGone, "client_gone", "the client left"},
    FlagName{Record::kOwnReply, "own_reply", "answered by trunkline"},
    FlagName{Record::kTruncated, "truncated", "the answer broke off"},
    FlagName{Record::kParentGiven, "parent_given", ""},
    FlagName{Record::kMirror, "mirror", "a mirrored copy, its answer was thrown away"},
    FlagName{Record::kDelayed, "delayed", "delayed by a fault of the manifest"},
};

void append_text(std::string& out, std::string_view key, std::string_view value) {
    if (value.empty()) return;
    fmt::format_to(std::back_inserter(out), R"(,"{}":)", key);
    append_json_string(out, value);
}

double to_ms(uint64_t ns) { return static_cast<double>(ns) / 1e6; }

void append_attempts(std::string& out, const Record& record, const RecordWords& words) {
    fmt::format_to(std::back_inserter(out), R"(,"attempts":{})", record.attempts);
    // One attempt says nothing that the record does not say already.
    if (record.attempts < 2) return;
    out += R"(,"tried":[)";
    for (size_t i = 0; i < record.attempts_kept(); ++i) {
        const Attempt& attempt = record.attempt[i];
        if (i > 0) out += ',';
        out += R"({"instance":)";
        append_json_string(out, words.name(attempt.instance));
        fmt::format_to(std::back_inserter(out), R"(,"start_ms":{:.3f},"duration_ms":{:.3f})", attempt.start_us / 1e3,
                       attempt.duration_us / 1e3);
        append_text(out, "outcome", words.outcome_text(attempt.outcome));
        out += '}';
    }
    out += ']';
}

void append_flags(std::string& out, const Record& record) {
    bool first = true;
    for (const FlagName& name : kFlagNames) {
        if (!record.has(name.flag)) continue;
        out += first ? R"(,"flags":[")" : R"(",")";
        out += name.key;
        first = false;
    }
    if (!first) out += "\"]";
}

}  // namespace

void append_json_members(std::string& out, const Record& record, const RecordWords& words) {
    const base::WallTime start{base::Duration{record.start_ns}};
    fmt::format_to(std::back_inserter(out), R"("time":"{}","trace":"{:016x}{:016x}","span":"{:016x}")",
                   base::format_time(start), record.trace.high, record.trace.low, record.span);
    if (record.parent != 0) fmt::format_to(std::back_inserter(out), R"(,"parent":"{:016x}")", record.parent);
    append_text(out, "request_id", record.request_id.view());
    append_text(out, "door", to_string(record.door));
    append_text(out, "client", record.client.text());
    append_text(out, "caller", words.name(record.caller));
    append_text(out, "method", record.method_text.view());
    append_text(out, "path", record.path.view());
    append_text(out, "route", words.name(record.route));
    append_text(out, "service", words.name(record.service));
    append_text(out, "version", words.name(record.version));
    append_text(out, "instance", words.name(record.instance));
    append_text(out, "mirrored_to", words.name(record.mirrored));
    const bool tcp = record.has(Record::kTcp);
    if (tcp) out += R"(,"protocol":"tcp")";
    if (!tcp) fmt::format_to(std::back_inserter(out), R"(,"status":{})", record.status);
    fmt::format_to(std::back_inserter(out), R"(,"duration_ms":{:.3f})", to_ms(record.duration_ns));
    if (const auto call = record.grpc_status()) append_text(out, "grpc_status", codec::name_of(*call));
    if (record.first_byte_ns != 0) {
        fmt::format_to(std::back_inserter(out), R"(,"{}":{:.3f})", tcp ? "connected_ms" : "first_byte_ms",
                       to_ms(record.first_byte_ns));
    }
    fmt::format_to(std::back_inserter(out), R"(,"bytes_in":{},"bytes_out":{})", record.bytes_in, record.bytes_out);
    append_attempts(out, record, words);
    append_text(out, "end", to_string(record.end));
    append_text(out, "cause", words.cause_text(record.cause));
    append_text(out, "policies", record.notes.view());
    append_flags(out, record);
}

std::string short_duration(base::Duration duration) {
    const auto ms = static_cast<double>(duration.count()) / 1e6;
    if (ms < 9.995) return fmt::format("{:.2f}ms", ms);
    if (ms < 99.95) return fmt::format("{:.1f}ms", ms);
    if (ms < 999.5) return fmt::format("{:.0f}ms", ms);
    if (ms < 9995) return fmt::format("{:.2f}s", ms / 1e3);
    if (ms < 99950) return fmt::format("{:.1f}s", ms / 1e3);
    return fmt::format("{:.0f}s", ms / 1e3);
}

std::string status_text(uint16_t status) { return status == 0 ? "---" : fmt::format("{:03}", status); }

std::string status_text(const Record& record) { return record.has(Record::kTcp) ? "tcp" : status_text(record.status); }

std::string traffic_words(const Record& record) {
    if (!record.has(Record::kTcp)) return "";
    std::string out = fmt::format("{} bytes in, {} out", record.bytes_in, record.bytes_out);
    if (record.end != ConnectionEnd::none) out += fmt::format(", {}", to_string(record.end));
    return out;
}

std::string flag_words(const Record& record) {
    std::string out;
    for (const FlagName& name : kFlagNames) {
        if (name.words.empty() || !record.has(name.flag)) continue;
        if (!out.empty()) out += ", ";
        out += name.words;
    }
    return out;
}

std::string_view Paint::status(uint16_t status) const {
    if (!on) return "";
    switch (status / 100) {
        case 1: return "\033[35m";
        case 2: return "\033[32m";
        case 3: return "\033[36m";
        case 4: return "\033[33m";
        default: return "\033[31m";  // 5xx, and nothing sent at all
    }
}

}  // namespace tl::telemetry
