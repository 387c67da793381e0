#include "proxy/route_table.h"

#include <algorithm>

#include "proxy/route_match.h"
#include "proxy/route_tree.h"

namespace tl::proxy {

RouteTable::RouteTable() = default;
RouteTable::~RouteTable() = default;
RouteTable::RouteTable(RouteTable&&) noexcept = default;
RouteTable& RouteTable::operator=(RouteTable&&) noexcept = default;

RouteTable RouteTable::make(std::vector<Route> routes) {
    RouteTable table;
    table.hosts_ = std::make_unique<Hosts>();
    table.routes_.reserve(routes.size());
    for (size_t i = 0; i < routes.size(); ++i) {
        table.routes_.push_back(std::make_unique<Route>(std::move(routes[i])));
        table.insert(*table.routes_.back(), i);
    }
    return table;
}

// Trees keep views into the patterns: the routes lie still, and a string in a vector that nobody changes does too.
void RouteTable::insert(const Route& route, size_t index) {
    priorities_ = priorities_ || route.rule.priority != 0;
    const PathPattern& pattern = route.rule.path;
    Node* node = &hosts_->of(host_in_form(route.rule.host)).root;
    for (const Segment& segment : pattern.segments()) {
        if (segment.kind == Segment::Kind::rest) break;
        if (segment.kind == Segment::Kind::param) {
            if (node->param == nullptr) node->param = std::make_unique<Node>();
            node = node->param.get();
            continue;
        }
        uint32_t place = node->names.find(segment.text);
        if (place == NameIndex::kNone) {
            place = node->names.add(segment.text);
            node->literals.push_back(std::make_unique<Node>());
        }
        node = node->literals[place].get();
    }
    Node::Candidates& candidates = pattern.has_rest() ? node->rest : node->here;
    Node::Candidate made{RuleMatcher{route.rule, index}, &route};
    const auto at =
        std::ranges::upper_bound(candidates, made, [](const auto& a, const auto& b) { return a.rule.before(b.rule); });
    candidates.insert(at, std::move(made));
}

RouteMatch RouteTable::find(const codec::RequestHead& head, std::string_view path) const {
    RouteMatch found;
    // "*" of OPTIONS and the authority of CONNECT are no paths.
    if (hosts_ == nullptr || !path.starts_with('/')) return found;
    if (!priorities_) {
        Search search{head, path, found, found.path, false};
        hosts_->visit(search, head.authority);
    } else {
        PathMatch scratch;
        Search search{head, path, found, scratch, true};
        hosts_->visit(search, head.authority);
    }
    return found;
}

}  // namespace tl::proxy
