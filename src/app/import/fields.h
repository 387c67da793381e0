// One map of a foreign file while it is translated. It remembers which keys were asked for, so that finish() can report
// all others: nothing is dropped in silence. Points into the document and the report, which live longer.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/import/report.h"

namespace tl::app {

class Fields {
  public:
    // `what` is how remarks name it: service "orders". A node that is no map is one without keys.
    Fields(const manifest::Node& node, std::string what, Report& report);

    [[nodiscard]] const std::string& what() const { return what_; }
    [[nodiscard]] manifest::Position at() const { return node_->at; }
    // Of the value of `key`, else of the map.
    [[nodiscard]] manifest::Position at(std::string_view key) const;

    // The value, or nullptr where there is none or null. Counts as translated.
    [[nodiscard]] const manifest::Node* take(std::string_view key);
    [[nodiscard]] bool has(std::string_view key) const;
    // Scalars; another kind of value is reported and counts as none.
    [[nodiscard]] std::string text(std::string_view key, std::string_view otherwise = {});
    [[nodiscard]] std::optional<double> number(std::string_view key);
    [[nodiscard]] bool flag(std::string_view key, bool otherwise);
    // A list of scalars, or one scalar; at most kMostItems of them.
    [[nodiscard]] std::vector<std::string> list(std::string_view key);
    // The maps of a list.
    [[nodiscard]] std::vector<const manifest::Node*> maps(std::string_view key);

    // Keys that mean nothing for a manifest.
    void ignore(std::initializer_list<std::string_view> keys);
    // Reports that this key is not translated, if it says anything.
    void tell(std::string_view key, std::string instead);
    // Reports whatever was not asked for and says something.
    void finish();

    static constexpr size_t kMostItems = 20'000;

  private:
    const manifest::Node* node_;
    std::string what_;
    Report* report_;
    std::set<std::string, std::less<>> seen_;
};

// null, "", [], {} and false say nothing: tools that write such files spell out what is not used.
[[nodiscard]] bool says_nothing(const manifest::Node& node);
// 12.5 of "12.5"; nothing for anything but a finite number.
[[nodiscard]] std::optional<double> number_of(const manifest::Node& node);
// "12" or "0.5".
[[nodiscard]] std::string number_text(double number);
// A time of the manifest: 5400 is "1h30m".
[[nodiscard]] std::string seconds_text(double seconds);
// A method as the manifest has it: "get" to "GET".
[[nodiscard]] std::string method_of(std::string_view text);
// Whether what has this name is likely a secret, such as Authorization or api_key.
[[nodiscard]] bool names_a_secret(std::string_view name);

}  // namespace tl::app
