// What an import could not say in a manifest, or says in another way: one remark each, with the place in the file that
// was read and what to do instead. Collected while a file is translated, printed at the end in three forms. Bounded.
// Remarks name things (plugins, keys, consumers) and never quote a value that may be a secret; keep it so.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/node.h"

namespace tl::app {

enum class RemarkKind : uint8_t {
    missing,  // not in the manifest at all
    differs,  // in the manifest, but it does not do quite the same
    closed,   // what protected it could not be translated, so nobody may use it
    to_do,    // in the manifest; something has to be done by hand before it works
};

struct Remark {
    manifest::Position at;
    RemarkKind kind = RemarkKind::missing;
    std::string what;
    std::string instead;  // what to do, or empty

    auto operator<=>(const Remark&) const = default;
};

class Report {
  public:
    static constexpr size_t kKept = 1000;     // further remarks are counted
    static constexpr size_t kComments = 200;  // of these, as comments of the manifest

    explicit Report(std::string file) : file_(std::move(file)) {}

    void missing(manifest::Position at, std::string what, std::string instead = {});
    void differs(manifest::Position at, std::string what, std::string instead = {});
    void closed(manifest::Position at, std::string what, std::string instead = {});
    void to_do(manifest::Position at, std::string what, std::string instead = {});

    [[nodiscard]] const std::string& file() const { return file_; }
    [[nodiscard]] size_t size() const { return all_.size() + lost_; }
    // FILE:LINE:COLUMN: KIND: WHAT; INSTEAD    By place, each ended by \n.
    [[nodiscard]] std::string to_text() const;
    // The same as lines of a manifest that are comments.
    [[nodiscard]] std::string to_comments() const;
    // [{"line", "column", "kind", "what", "instead"}]
    [[nodiscard]] nlohmann::ordered_json to_json() const;

  private:
    void add(Remark remark);
    [[nodiscard]] std::string line_of(const Remark& remark) const;

    std::string file_;
    std::set<Remark> all_;  // the same thing said twice counts once
    size_t lost_ = 0;
};

// "not translated", "differs", "closed", "to do".
[[nodiscard]] std::string_view to_string(RemarkKind kind);

}  // namespace tl::app
