// Finds the route of a request: a tree of path segments for each host, literals before parameters before "*", compared
// from the left, so that the most specific path wins; among equal paths the route with more conditions (methods given,
// headers, query keys), then with more exact values among them. The exact host's routes are tried first, then those of
// "*.example.com" (never example.com itself), the longest first, then those for every host. Explicit priority beats all
// of that. A route for GET also serves HEAD, unless another of the same rank names HEAD; OPTIONS has to be named. Any
// line of a header and any pair of a query may meet a condition; query keys and values are compared decoded. Cost
// depends on the length of the path, not on the number of routes, and find() allocates nothing. Immutable; shared by
// cores.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/route.h"

namespace tl::proxy {

struct RouteMatch {
    const Route* route = nullptr;
    PathMatch path;
};

class RouteTable {
  public:
    RouteTable();
    ~RouteTable();
    RouteTable(RouteTable&&) noexcept;
    RouteTable& operator=(RouteTable&&) noexcept;

    // Two routes that match the same requests with the same right; found by conflicts() before a table is made (at most
    // 256 are told). The table itself then prefers the one given first.
    struct Conflict {
        size_t first = 0;  // indices into the given routes
        size_t second = 0;
    };
    [[nodiscard]] static std::vector<Conflict> conflicts(const std::vector<RouteRule>& rules);
    // Routes that can never match (`second`) because one earlier or stronger (`first`) takes all that they match. What
    // only several routes together take is not seen.
    [[nodiscard]] static std::vector<Conflict> shadowed(const std::vector<RouteRule>& rules);

    [[nodiscard]] static RouteTable make(std::vector<Route> routes);

    // `path` normalized; the host is head.authority, whose port is ignored. nullptr route: none matches. The match has
    // views into `path`.
    [[nodiscard]] RouteMatch find(const codec::RequestHead& head, std::string_view path) const;

    // For people: each route and why it does not match, nearest first, at most `most`.
    struct Verdict {
        const Route* route = nullptr;
        std::string why;
    };
    [[nodiscard]] std::vector<Verdict> explain(const codec::RequestHead& head, std::string_view path,
                                               size_t most) const;

    [[nodiscard]] const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

  private:
    struct Node;  // route_tree.h
    struct HostTree;
    struct Hosts;
    struct Search;

    void insert(const Route& route, size_t index);

    std::vector<std::unique_ptr<Route>> routes_;
    std::unique_ptr<Hosts> hosts_;  // null without routes
    bool priorities_ = false;       // some route has one: all matches have to be seen
};

}  // namespace tl::proxy
