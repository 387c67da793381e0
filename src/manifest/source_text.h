// What must be true of a manifest's text before a YAML parser may see it: its size, UTF-8, no control
// characters. Private to this room.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "manifest/diagnostics.h"

namespace tl::manifest {

// The first reason to refuse `text`, if there is one.
[[nodiscard]] std::optional<Diagnostic> refuse_text(std::string_view text, size_t most_bytes);

// A character in a scalar's value that could not stand in the text itself, from an escape such as "\0". A
// carriage return may come that way.
[[nodiscard]] bool has_control_character(std::string_view text);

// Byte columns (as the YAML parser counts) to character columns. Asked in rising order it is linear in the
// text.
class ColumnCounter {
  public:
    explicit ColumnCounter(std::string_view text) : text_(text) {}
    // Both 0-based, as is `offset`, the place's byte in the text.
    [[nodiscard]] Position position(size_t offset, size_t line, size_t byte_column);

  private:
    std::string_view text_;
    size_t line_start_ = SIZE_MAX;
    size_t bytes_ = 0;  // counted so far in that line
    size_t characters_ = 0;
};

}  // namespace tl::manifest
