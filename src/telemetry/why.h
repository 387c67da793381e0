// What happened to one request: the records of a trace, gathered from all cores, as a tree of hops. Plain
// functions on the control core. A tree may be incomplete (a service made spans of its own, a ring was
// overwritten): then it says so.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "telemetry/record.h"

namespace tl::telemetry {

// How a hop found its place.
enum class HopPlace : uint8_t {
    root,           // it began the trace
    continued,      // its parent is the client's own span
    child,          // its parent is a hop of this tree
    child_by_time,  // its parent is unknown; it was made by the service of the hop above, during that hop
    orphan,         // its parent is unknown and no hop fits
};

struct Hop {
    Record record;
    HopPlace place = HopPlace::root;
    std::vector<size_t> children;  // indexes into TraceTree::hops, by start
};

struct TraceTree {
    TraceId trace;
    std::vector<Hop> hops;      // by start
    std::vector<size_t> roots;  // indexes, by start
    uint64_t overwritten = 0;   // records that the rings no longer have, of any trace
    size_t other_traces = 0;    // records left out because a short prefix met several traces

    [[nodiscard]] bool complete() const;  // every hop's parent is known
};

// `records` in any order; doubled spans are dropped. All belong to the trace of the latest one, others are
// counted.
[[nodiscard]] TraceTree build_trace(std::span<const Record> records, uint64_t overwritten = 0);

// For people; ends with what is missing, if anything is.
[[nodiscard]] std::string print_trace(const TraceTree& tree, const RecordWords& words, bool colour);
// One JSON object: trace, complete, hops (nested by `calls`).
[[nodiscard]] std::string trace_json(const TraceTree& tree, const RecordWords& words);

}  // namespace tl::telemetry
