// Showing the tree of a trace.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/units.h"
#include "telemetry/escape.h"
#include "telemetry/record_text.h"
#include "telemetry/why.h"

namespace tl::telemetry {

namespace {

constexpr size_t kDeepestIndent = 24;  // deeper hops stay in this column

std::string_view place_key(HopPlace place) {
    switch (place) {
        case HopPlace::root: return "root";
        case HopPlace::continued: return "continued";
        case HopPlace::child: return "child";
        case HopPlace::child_by_time: return "child_by_time";
        case HopPlace::orphan: return "orphan";
    }
    return "orphan";
}

std::string visible(std::string_view text, std::string_view otherwise = "-") {
    std::string out;
    append_visible(out, text.empty() ? otherwise : text);
    return out;
}

base::Duration since(int64_t begin_ns, const Record& record) { return base::Duration{record.start_ns - begin_ns}; }

base::Duration length_of(const Record& record) { return base::Duration{static_cast<int64_t>(record.duration_ns)}; }

class Printer {
  public:
    Printer(const TraceTree& tree, const RecordWords& words, bool colour)
        : tree_(tree), words_(words), paint_{colour} {}

    std::string print() {
        head();
        for (const size_t root : tree_.roots) hop(root, 0);
        missing();
        return std::move(out_);
    }

  private:
    template <class... Args>
    void put(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    }

    void head() {
        begin_ = tree_.hops.front().record.start_ns;
        int64_t end = begin_;
        for (const Hop& hop : tree_.hops) {
            end = std::max(end, hop.record.start_ns + static_cast<int64_t>(hop.record.duration_ns));
        }
        const size_t count = tree_.hops.size();
        put("{}trace {}{}  {}, {} {}, {}\n", paint_.bold(), to_hex(tree_.trace), paint_.end(),
            base::format_time(base::WallTime{base::Duration{begin_}}), count, count == 1 ? "hop" : "hops",
            short_duration(base::Duration{end - begin_}));
    }

    void hop(size_t index, size_t depth) {
        const Hop& hop = tree_.hops[index];
        const Record& record = hop.record;
        const std::string indent(std::min(depth * 2, kDeepestIndent), ' ');
        put("{}{:>9}{} {:>8}  {}{}{}  {}", paint_.dim(), "+" + short_duration(since(begin_, record)), paint_.end(),
            short_duration(length_of(record)), paint_.status(record.telling_status()), status_text(record),
            paint_.end(), indent);
        put("{} -> {}  ", visible(words_.name(record.caller), "client"),
            visible(words_.name(record.service), "nobody"));
        if (record.has(Record::kTcp)) {
            put("{}", traffic_words(record));
        } else {
            put("{} {}", visible(record.method_text.view()), visible(record.path.view()));
        }
        if (record.route != kNoName) put("  route {}", visible(words_.name(record.route)));
        if (record.instance != kNoName) put("  at {}", visible(words_.name(record.instance)));
        if (const auto call = record.grpc_status()) put("  grpc {}", codec::name_of(*call));
        if (record.version != kNoName) put("  version {}", visible(words_.name(record.version)));
        out_ += '\n';
        details(hop, indent);
        for (const size_t child : hop.children) this->hop(child, depth + 1);
    }

    void detail(const std::string& indent, std::string_view text) { put("{:25}{}  {}\n", "", indent, text); }

    void details(const Hop& hop, const std::string& indent) {
        const Record& record = hop.record;
        attempts(record, indent);
        if (record.cause != 0) {
            detail(indent, fmt::format("{}{}{}: {}", paint_.red(), words_.cause_text(record.cause), paint_.end(),
                                       words_.cause_words(record.cause)));
        }
        if (record.notes.size != 0) detail(indent, visible(record.notes.view()));
        if (record.mirrored != kNoName) {
            detail(indent, fmt::format("a copy went to {}", visible(words_.name(record.mirrored))));
        }
        if (const std::string flags = flag_words(record); !flags.empty()) detail(indent, flags);
        if (hop.place == HopPlace::continued) {
            detail(indent, fmt::format("continues a trace of the client (span {})", span_hex(record.parent)));
        }
        if (hop.place == HopPlace::child_by_time) {
            detail(indent, fmt::format("placed here by its time: span {} was made by {} itself",
                                       span_hex(record.parent), visible(words_.name(record.caller))));
        }
        if (hop.place == HopPlace::orphan) {
            detail(indent, fmt::format("what led here is not known: no record of span {}", span_hex(record.parent)));
        }
    }

    void attempts(const Record& record, const std::string& indent) {
        if (record.attempts < 2) return;
        for (size_t i = 0; i < record.attempts_kept(); ++i) {
            const Attempt& attempt = record.attempt[i];
            const bool last = i + 1 == record.attempts_kept();
            if (last && record.attempts > i + 1) {
                detail(indent, fmt::format("... {} more attempts", record.attempts - i - 1));
            }
            const std::string_view outcome = words_.outcome_text(attempt.outcome);
            detail(indent, fmt::format("attempt {} at {}: {} after {}", last ? record.attempts : i + 1,
                                       visible(words_.name(attempt.instance)), outcome.empty() ? "ended" : outcome,
                                       short_duration(std::chrono::microseconds{attempt.duration_us})));
        }
    }

    void missing() {
        if (!tree_.complete()) {
            put("This tree is incomplete: some hops' parents are not among the records. Either a service "
                "made "
                "spans of its own, or the records were overwritten{}.\n",
                tree_.overwritten == 0 ? " (none were so far)" : "");
        }
        if (tree_.overwritten > 0) {
            put("{} older records are no longer kept; hops of a long trace may be among them.\n", tree_.overwritten);
        }
        if (tree_.other_traces > 0) {
            put("{} records of other traces begin with the same digits: give more of them.\n", tree_.other_traces);
        }
    }

    const TraceTree& tree_;
    const RecordWords& words_;
    Paint paint_;
    std::string out_;
    int64_t begin_ = 0;
};

void append_hop(std::string& out, const TraceTree& tree, size_t index, const RecordWords& words) {
    const Hop& hop = tree.hops[index];
    out += '{';
    append_json_members(out, hop.record, words);
    const base::Duration offset = since(tree.hops.front().record.start_ns, hop.record);
    fmt::format_to(std::back_inserter(out), R"(,"offset_ms":{:.3f},"place":"{}")",
                   static_cast<double>(offset.count()) / 1e6, place_key(hop.place));
    if (hop.record.cause != 0) {
        out += R"(,"why":)";
        append_json_string(out, words.cause_words(hop.record.cause));
    }
    out += R"(,"calls":[)";
    for (const size_t child : hop.children) {
        if (child != hop.children.front()) out += ',';
        append_hop(out, tree, child, words);
    }
    out += "]}";
}

}  // namespace

std::string print_trace(const TraceTree& tree, const RecordWords& words, bool colour) {
    if (tree.hops.empty()) {
        return tree.overwritten == 0 ? "No record of this trace: no request with it has ended yet.\n"
                                     : fmt::format(
                                           "No record of this trace. {} older records are no longer kept; it may have "
                                           "been among them.\n",
                                           tree.overwritten);
    }
    return Printer(tree, words, colour).print();
}

std::string trace_json(const TraceTree& tree, const RecordWords& words) {
    std::string out = fmt::format(R"({{"trace":"{}","complete":{},"overwritten":{},"other_traces":{},"hops":[)",
                                  to_hex(tree.trace), tree.complete(), tree.overwritten, tree.other_traces);
    for (const size_t root : tree.roots) {
        if (root != tree.roots.front()) out += ',';
        append_hop(out, tree, root, words);
    }
    out += "]}";
    return out;
}

}  // namespace tl::telemetry
