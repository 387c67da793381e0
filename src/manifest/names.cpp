// Look-ups by hash, suggestions by a bounded search: a manifest full of wrong names must not be slow to
// refuse.
#include "manifest/names.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tl::manifest {

bool Names::add(const Located<std::string>& name, Diagnostics& diagnostics) {
    const auto [known, is_new] = places_.emplace(name.value, name.at);
    if (is_new) {
        names_.push_back(name.value);
        return true;
    }
    diagnostics.error(name.at,
                      fmt::format("the {} \"{}\" is defined already on line {}, column {}", kind_, shown(name.value),
                                  known->second.line, known->second.column),
                      "give one of them another name");
    return false;
}

bool Names::check(const Located<std::string>& name, std::string_view what_refers, Diagnostics& diagnostics) const {
    if (contains(name.value)) return true;
    constexpr size_t kFewEnoughToList = 12;
    std::string hint = diagnostics.full() ? std::string{} : did_you_mean(name.value, names_);
    if (names_.empty()) {
        hint = fmt::format("the manifest defines no {}", kind_);
    } else if (hint.empty() && names_.size() <= kFewEnoughToList) {
        hint = fmt::format("there is {}", base::join(names_, ", "));
    }
    diagnostics.error(name.at, fmt::format("{} \"{}\", which is no {}", what_refers, shown(name.value), kind_),
                      std::move(hint));
    return false;
}

}  // namespace tl::manifest
