// Building the tree of a trace.
#include "telemetry/why.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

namespace tl::telemetry {

namespace {

constexpr size_t kMostHops = 1024;  // more are not shown: a page for people

using Index = std::optional<size_t>;

bool starts_within(const Record& inner, const Record& outer) {
    return inner.start_ns >= outer.start_ns &&
           inner.start_ns <= outer.start_ns + static_cast<int64_t>(outer.duration_ns);
}

// The latest hop that called this one's caller and was still going on when this one began.
Index enclosing_hop(const std::vector<Hop>& hops, size_t self) {
    const Record& record = hops[self].record;
    if (record.caller == kNoName) return std::nullopt;
    for (size_t i = self; i-- > 0;) {
        const Record& above = hops[i].record;
        if (above.service == record.caller && starts_within(record, above)) return i;
    }
    return std::nullopt;
}

struct Link {
    Index above;
    HopPlace place = HopPlace::root;
};

using Spans = std::unordered_map<SpanId, size_t>;

Link link_of(const std::vector<Hop>& hops, size_t self, const Spans& spans) {
    const Record& record = hops[self].record;
    if (record.parent == 0) return {std::nullopt, HopPlace::root};
    if (const auto found = spans.find(record.parent); found != spans.end() && found->second != self) {
        return {found->second, HopPlace::child};
    }
    if (record.door == Door::gateway) return {std::nullopt, HopPlace::continued};
    if (const Index above = enclosing_hop(hops, self)) return {above, HopPlace::child_by_time};
    return {std::nullopt, HopPlace::orphan};
}

// Ids come from outside too, so a circle is possible. It is cut at its first hop, or no root would lead to
// it.
void cut_circles(std::vector<Link>& links) {
    for (size_t self = 0; self < links.size(); ++self) {
        Index at = links[self].above;
        for (size_t steps = 0; at && *at != self && steps < links.size(); ++steps) at = links[*at].above;
        if (at && *at == self) links[self] = {std::nullopt, HopPlace::orphan};
    }
}

std::vector<Hop> hops_of(std::span<const Record> records, TraceId trace, Spans& spans) {
    std::vector<Hop> hops;
    for (const Record& record : records) {
        if (record.trace == trace) hops.push_back({.record = record});
    }
    std::ranges::sort(hops, {}, [](const Hop& hop) { return std::pair{hop.record.start_ns, hop.record.span}; });
    std::erase_if(hops, [&](const Hop& hop) { return !spans.emplace(hop.record.span, 0).second; });
    if (hops.size() > kMostHops) hops.resize(kMostHops);
    spans.clear();
    for (size_t i = 0; i < hops.size(); ++i) spans.emplace(hops[i].record.span, i);
    return hops;
}

}  // namespace

bool TraceTree::complete() const {
    return std::ranges::none_of(hops, [](const Hop& hop) { return hop.place == HopPlace::orphan; });
}

TraceTree build_trace(std::span<const Record> records, uint64_t overwritten) {
    TraceTree tree;
    tree.overwritten = overwritten;
    if (records.empty()) return tree;
    const auto latest = std::ranges::max_element(records, {}, &Record::start_ns);
    tree.trace = latest->trace;
    for (const Record& record : records) tree.other_traces += record.trace == tree.trace ? 0 : 1;

    Spans spans;
    tree.hops = hops_of(records, tree.trace, spans);
    std::vector<Link> links;
    for (size_t i = 0; i < tree.hops.size(); ++i) links.push_back(link_of(tree.hops, i, spans));
    cut_circles(links);
    for (size_t i = 0; i < tree.hops.size(); ++i) {
        tree.hops[i].place = links[i].place;
        auto& siblings = links[i].above ? tree.hops[*links[i].above].children : tree.roots;
        siblings.push_back(i);
    }
    return tree;
}

}  // namespace tl::telemetry
