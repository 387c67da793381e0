// The two forms of an access line.
#include <fmt/format.h>

#include <iterator>

#include "base/units.h"
#include "telemetry/access_log.h"
#include "telemetry/escape.h"
#include "telemetry/record_text.h"

namespace tl::telemetry {

void append_json_line(std::string& out, const Record& record, const RecordWords& words) {
    out += '{';
    append_json_members(out, record, words);
    out += "}\n";
}

namespace {

// "orders -> users/users-1", with what is known.
void append_way(std::string& out, const Record& record, const RecordWords& words) {
    if (record.caller != kNoName) {
        append_visible(out, words.name(record.caller));
        out += " -> ";
    } else if (record.route != kNoName && words.name(record.route) != words.name(record.service)) {
        append_visible(out, words.name(record.route));
        out += " -> ";
    }
    const bool known = record.instance != kNoName;
    append_visible(out, words.name(known ? record.instance : record.service));
    if (!known && record.service == kNoName) out += '-';
}

}  // namespace

void append_readable_line(std::string& out, const Record& record, const RecordWords& words, bool colour) {
    const Paint paint{colour};
    const auto to = std::back_inserter(out);
    const std::string time = base::format_time(base::WallTime{base::Duration{record.start_ns}});
    const bool tcp = record.has(Record::kTcp);
    fmt::format_to(to, "{}{}{} {}{}{} ", paint.dim(), time.substr(11, 12), paint.end(),
                   tcp && record.cause == 0 ? paint.dim() : paint.status(record.telling_status()), status_text(record),
                   paint.end());
    if (!tcp) {
        std::string method;
        append_visible(method, record.method_text.view());
        fmt::format_to(to, "{:<6} ", method);
        append_visible(out, record.path.view());
        out += "  ";
    }
    append_way(out, record, words);
    fmt::format_to(to, "  {}", short_duration(base::Duration{static_cast<int64_t>(record.duration_ns)}));
    if (tcp) fmt::format_to(to, "  {}", traffic_words(record));
    if (const auto call = record.grpc_status()) fmt::format_to(to, "  grpc {}", codec::name_of(*call));
    if (record.attempts > 1) fmt::format_to(to, "  {} attempts", record.attempts);
    if (const auto cause = words.cause_text(record.cause); !cause.empty()) {
        fmt::format_to(to, "  {}{}{}", paint.red(), cause, paint.end());
    }
    if (const std::string flags = flag_words(record); !flags.empty()) fmt::format_to(to, "  ({})", flags);
    fmt::format_to(to, "  {}{}{}\n", paint.dim(), short_hex(record.trace), paint.end());
}

}  // namespace tl::telemetry
