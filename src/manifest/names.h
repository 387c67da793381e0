// The names that a manifest defines of one kind of thing, for checking those that refer to them. Made after
// parsing, used while cross-checking, thrown away.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "manifest/diagnostics.h"
#include "manifest/value.h"

namespace tl::manifest {

class Names {
  public:
    // What the names are names of, as it reads after "no": "service".
    explicit Names(std::string kind) : kind_(std::move(kind)) {}

    // False, and an error that points at both, if the name is taken: "the service "orders" is defined already
    // ...".
    bool add(const Located<std::string>& name, Diagnostics& diagnostics);
    [[nodiscard]] bool contains(std::string_view name) const { return places_.contains(std::string{name}); }
    [[nodiscard]] const std::vector<std::string>& all() const { return names_; }

    // False, and an error with the nearest name, if nothing is called so. `what_refers` begins the sentence:
    // "this route goes to" gives: this route goes to "ordres", which is no service; did you mean "orders"?
    bool check(const Located<std::string>& name, std::string_view what_refers, Diagnostics& diagnostics) const;

  private:
    std::string kind_;
    std::vector<std::string> names_;  // in order of definition
    std::unordered_map<std::string, Position> places_;
};

}  // namespace tl::manifest
