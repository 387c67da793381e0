// Every mistake of one manifest, collected: reading never stops at the first. One object goes through
// parsing, schema and cross-checks; whoever asked for the manifest prints it at the end, in one of three
// forms. Bounded: a manifest with more mistakes than anybody reads is cut, and the rest is counted. Not for
// what goes wrong at run time: that is base::Error.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/node.h"

namespace tl::manifest {

enum class Severity : uint8_t { error, warning };

struct Diagnostic {
    Severity severity = Severity::error;
    Position at;          // unknown: of the file as a whole
    std::string message;  // what is wrong, without a full stop: unknown key "tiemout" in a route
    std::string hint;     // how to put it right, or empty: did you mean "timeout"?
    std::string kind;     // for programs that sort by it, or empty: shadowed_route
};

class Diagnostics {
  public:
    static constexpr size_t kShown = 100;  // lines that a person gets to see
    static constexpr size_t kKept = 1000;  // kept to choose those from; further ones are only counted

    // `text` is the manifest itself, for the source lines under a message; may be empty.
    explicit Diagnostics(std::string file = "manifest", std::string text = {})
        : file_(std::move(file)), text_(std::move(text)) {}

    void error(Position at, std::string message, std::string hint = {});
    void warning(Position at, std::string message, std::string hint = {});
    void add(Diagnostic diagnostic);

    [[nodiscard]] bool empty() const { return all_.empty(); }
    [[nodiscard]] bool has_errors() const { return errors_ > 0; }
    [[nodiscard]] size_t errors() const { return errors_; }
    [[nodiscard]] size_t warnings() const { return warnings_; }
    // So many that another one will not be shown: no need to work out a good hint.
    [[nodiscard]] bool full() const { return all_.size() >= kKept; }
    [[nodiscard]] const std::string& file() const { return file_; }
    [[nodiscard]] const std::string& text() const { return text_; }

    // By position, then in the order of finding; the same thing said twice of one place (aliases) once.
    [[nodiscard]] std::vector<Diagnostic> sorted() const;

    // file:line:column: error: message; hint    One a line, each ended by \n, at most kShown of them.
    [[nodiscard]] std::string to_text() const;
    // The same with colours, and under each the source line and a caret.
    [[nodiscard]] std::string to_terminal(bool colour) const;
    // {"file", "errors", "warnings", "diagnostics": [{"severity", "line", "column", "message", "hint", "kind"}],
    // "more"}
    [[nodiscard]] nlohmann::ordered_json to_json() const;

  private:
    std::string file_;
    std::string text_;
    std::vector<Diagnostic> all_;
    size_t errors_ = 0;
    size_t warnings_ = 0;
};

// The hint 'did you mean "x"?' with the candidate that a person most likely meant, or "" when none is near.
[[nodiscard]] std::string did_you_mean(std::string_view written, const std::vector<std::string>& candidates);

}  // namespace tl::manifest
