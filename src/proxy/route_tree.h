// The paths of one host's routes as a tree of segments, and the names that lead to a tree. Both look a text up in a
// NameIndex: compared one by one while few, by a hash when many, so that the number of routes does not show. Built
// once with a table, immutable afterwards. Views into routes' patterns; the routes outlive it. Not for use outside of
// proxy/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/route_match.h"
#include "proxy/route_table.h"

namespace tl::proxy {

// Texts and the place of each, in order of arrival. Texts come from configuration, so nobody outside can choose keys
// that collide; a request can only ask.
class NameIndex {
  public:
    static constexpr uint32_t kNone = UINT32_MAX;

    [[nodiscard]] uint32_t find(std::string_view text) const;
    uint32_t add(std::string_view text);  // `text` is not in yet
    [[nodiscard]] size_t size() const { return names_.size(); }
    [[nodiscard]] bool empty() const { return names_.empty(); }

  private:
    static constexpr size_t kFew = 6;
    struct Slot {
        uint32_t tag = 0;  // upper half of the hash: spares looking at the text of most strangers
        uint32_t place = kNone;
    };
    void rehash();
    void put(uint32_t place);

    std::vector<std::string_view> names_;
    std::vector<Slot> slots_;  // empty while few, then a power of two, at most half full
};

struct RouteTable::Node {
    struct Candidate {
        RuleMatcher rule;
        const Route* route;
    };
    using Candidates = std::vector<Candidate>;  // the preferred one first

    NameIndex names;
    std::vector<std::unique_ptr<Node>> literals;  // by place in `names`
    std::unique_ptr<Node> param;
    Candidates here;  // routes that end here
    Candidates rest;  // routes that end in "/*" here
};

struct RouteTable::HostTree {
    std::string host;
    Node root;
};

struct RouteTable::Hosts {
    std::vector<std::unique_ptr<HostTree>> trees;
    NameIndex exact;
    NameIndex suffixes;                // "*.example.com" as "example.com"
    std::vector<HostTree*> by_exact;   // by place in `exact`
    std::vector<HostTree*> by_suffix;  // by place in `suffixes`
    HostTree* any = nullptr;

    HostTree& of(std::string_view host);  // in form; made when missing
    // Visits the trees of a request's host, the most specific first, until a visit says true.
    void visit(Search& search, std::string_view authority) const;

  private:
    [[nodiscard]] bool visit_named(Search& search, std::string_view host) const;
};

// One way through the tree, literals before parameters before "*", turning back where a branch has no route.
struct RouteTable::Search {
    const codec::RequestHead& head;
    std::string_view path;
    RouteMatch& best;
    PathMatch& at_hand;  // the parameters on the way to the node at hand; best.path itself if the first match is kept
    bool all;            // see every match and keep that of the highest priority

    // `at` is where the next segment's '/' stands, or the path's size. True when there is nothing better to look for.
    bool visit(const Node& node, size_t at);

  private:
    bool visit_segment(const Node& node, size_t at);
    bool take(const Node::Candidates& candidates, std::string_view rest);
};

}  // namespace tl::proxy
