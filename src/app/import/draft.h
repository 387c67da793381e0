// A manifest while an import writes it: a tree (manifest/node.h) whose nodes keep the place in the foreign file that
// they come from, so that whatever `check` says about the result can be told of that place. Plain values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/import/report.h"
#include "manifest/node.h"

namespace tl::app {

// Text that stays a text whoever reads it.
[[nodiscard]] manifest::Node text_node(std::string text, manifest::Position at = {});
// A number, a time, a word of the manifest: as it stands.
[[nodiscard]] manifest::Node word_node(std::string word, manifest::Position at = {});
[[nodiscard]] manifest::Node list_node(const std::vector<std::string>& texts, manifest::Position at = {});
[[nodiscard]] manifest::Node map_node(manifest::Position at = {});
// Puts `value` under `key`, in the place of what was there.
void put(manifest::Node& map, std::string_view key, manifest::Node value, std::string note = {});
// The map under `key`, made if there is none. Valid until something is added to `map`.
[[nodiscard]] manifest::Node& child(manifest::Node& map, std::string_view key, manifest::Position at = {});
void erase(manifest::Node& map, std::string_view key);

class Draft {
  public:
    static constexpr std::string_view kContext = "imported";
    static constexpr size_t kMostRoutes = 5000;
    static constexpr size_t kMostServices = 4096;
    // A scope that no caller has: see close().
    static constexpr std::string_view kClosed = "closed-by-import";

    explicit Draft(std::string_view system);

    [[nodiscard]] manifest::Node& gateway() { return child(root_, "gateway"); }
    [[nodiscard]] manifest::Node& services();
    // Routes beyond kMostRoutes and services beyond kMostServices are refused: false, "".
    [[nodiscard]] bool add_route(manifest::Node route);
    [[nodiscard]] manifest::Node* service(std::string_view name);
    // Adds it under a name like `wanted` that nothing else has: lower-case letters, digits and "-".
    [[nodiscard]] std::string add_service(std::string_view wanted, manifest::Node service);
    [[nodiscard]] size_t route_count() const;
    [[nodiscard]] size_t service_count() const;

    [[nodiscard]] manifest::Node& root() { return root_; }
    // Closed places hold whatever stands nearer: a route's own `allow` must not open what its service has closed.
    void keep_closed();
    // `gateway.routes` comes last, as people write it.
    [[nodiscard]] std::string to_yaml();

  private:
    manifest::Node root_;
    std::map<std::string, size_t, std::less<>> labels_;  // to how often each was wanted
};

// Whether nobody passes them.
[[nodiscard]] bool is_closed(const manifest::Node& policies);
// Nobody passes these policies any more, until somebody who knows better removes the line.
void close(manifest::Node& policies);
// A name as the manifest takes it: "Orders API" to "orders-api"; "service" if nothing is left.
[[nodiscard]] std::string label_of(std::string_view text);
// "10.0.0.1:80" or "[::1]:80".
[[nodiscard]] std::string authority_of(std::string_view host, unsigned port);

}  // namespace tl::app
