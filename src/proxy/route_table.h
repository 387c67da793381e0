// Finds the route of a request: a tree of path segments for each host, literals before parameters before "*", so that
// the most specific path wins; among equal paths the route with more conditions; explicit priority beats both. Cost
// depends on the length of the path, not on the number of routes. Immutable; shared by cores.
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

    // Two routes that match the same requests with the same right; found by conflicts() before a table is made.
    struct Conflict {
        size_t first = 0;   // indices into the given routes
        size_t second = 0;
    };
    [[nodiscard]] static std::vector<Conflict> conflicts(const std::vector<RouteRule>& rules);
    // Routes that can never match because an earlier or stronger one takes all that they match.
    [[nodiscard]] static std::vector<Conflict> shadowed(const std::vector<RouteRule>& rules);

    [[nodiscard]] static RouteTable make(std::vector<Route> routes);

    // `path` normalized, `host` as in Host (a port is ignored). nullptr route: none matches.
    [[nodiscard]] RouteMatch find(const codec::RequestHead& head, std::string_view path) const;

    // For people: each route and why it does not match, nearest first, at most `most`.
    struct Verdict {
        const Route* route = nullptr;
        std::string why;
    };
    [[nodiscard]] std::vector<Verdict> explain(const codec::RequestHead& head, std::string_view path, size_t most) const;

    [[nodiscard]] const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

  private:
    struct Node;      // route_tree.h
    struct HostTree;
    struct Hosts;
    struct Search;

    void insert(const Route& route, size_t index);

    std::vector<std::unique_ptr<Route>> routes_;
    std::unique_ptr<Hosts> hosts_;  // null without routes
    bool priorities_ = false;       // some route has one: all matches have to be seen
};

}  // namespace tl::proxy
