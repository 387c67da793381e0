#include "supervisor/call_order.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tl::supervisor {

namespace {

// Tarjan's algorithm (1972) with a stack of its own: a chain of calls may be longer than the machine's.
class Components {
  public:
    explicit Components(const std::vector<std::vector<size_t>>& calls)
        : calls_(calls), index_(calls.size()), low_(calls.size()), open_(calls.size()), group_(calls.size()) {
        for (size_t node = 0; node < calls.size(); ++node) {
            if (index_[node] == 0) visit(node);
        }
    }
    // Numbered from 0 in the order in which they were completed: callees first.
    [[nodiscard]] size_t group(size_t node) const { return group_[node]; }
    [[nodiscard]] size_t count() const { return groups_; }

  private:
    struct Frame {
        size_t node;
        size_t next_call = 0;
    };

    void enter(size_t node) {
        index_[node] = low_[node] = ++counter_;
        open_[node] = true;
        pending_.push_back(node);
        frames_.push_back({node});
    }

    void visit(size_t root) {
        enter(root);
        while (!frames_.empty()) {
            Frame& frame = frames_.back();
            const size_t node = frame.node;
            if (frame.next_call < calls_[node].size()) {
                const size_t callee = calls_[node][frame.next_call++];
                if (index_[callee] == 0)
                    enter(callee);
                else if (open_[callee])
                    low_[node] = std::min(low_[node], index_[callee]);
                continue;
            }
            frames_.pop_back();
            if (!frames_.empty()) low_[frames_.back().node] = std::min(low_[frames_.back().node], low_[node]);
            if (low_[node] == index_[node]) close(node);
        }
    }

    void close(size_t root) {
        for (bool done = false; !done;) {
            const size_t node = pending_.back();
            pending_.pop_back();
            open_[node] = false;
            group_[node] = groups_;
            done = node == root;
        }
        ++groups_;
    }

    const std::vector<std::vector<size_t>>& calls_;
    std::vector<size_t> index_;
    std::vector<size_t> low_;
    std::vector<bool> open_;
    std::vector<size_t> group_;
    std::vector<size_t> pending_;
    std::vector<Frame> frames_;
    size_t counter_ = 0;
    size_t groups_ = 0;
};

std::vector<std::vector<size_t>> edges(const std::vector<ServiceSpec>& specs) {
    std::map<std::string_view, size_t> number;
    for (size_t i = 0; i < specs.size(); ++i) number.emplace(specs[i].name, i);
    std::vector<std::vector<size_t>> calls(specs.size());
    for (size_t i = 0; i < specs.size(); ++i) {
        for (const std::string& callee : specs[i].calls) {
            const auto known = number.find(callee);
            if (known != number.end() && known->second != i) calls[i].push_back(known->second);
        }
    }
    return calls;
}

std::string cycle_warning(std::vector<std::string> names) {
    const std::string last = std::move(names.back());
    names.pop_back();
    return fmt::format(
        "{} and {} call each other in a cycle: they are started together, without waiting for one another",
        base::join(names, ", "), last);
}

}  // namespace

bool CallOrder::same_cycle(const std::string& a, const std::string& b) const {
    const auto first = group.find(a);
    const auto second = group.find(b);
    return first != group.end() && second != group.end() && first->second == second->second;
}

CallOrder make_call_order(const std::vector<ServiceSpec>& specs) {
    const auto calls = edges(specs);
    const Components components{calls};
    std::vector<std::vector<size_t>> members(components.count());
    for (size_t i = 0; i < specs.size(); ++i) members[components.group(i)].push_back(i);

    CallOrder order;
    std::vector<size_t> heights(components.count(), 1);
    for (size_t group = 0; group < members.size(); ++group) {
        std::vector<std::string> names;
        for (const size_t node : members[group]) {
            names.push_back(specs[node].name);
            for (const size_t callee : calls[node]) {
                const size_t other = components.group(callee);
                if (other != group) heights[group] = std::max(heights[group], heights[other] + 1);
            }
        }
        for (const std::string& name : names) {
            order.group.emplace(name, group);
            order.height.emplace(name, heights[group]);
        }
        if (names.size() > 1) order.cycles.push_back({names, cycle_warning(names)});
    }
    return order;
}

}  // namespace tl::supervisor
