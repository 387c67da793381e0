// Outside text made fit for where it is shown: JSON strings, label values of the Prometheus format, a
// terminal. The first two always give valid UTF-8: each byte that is not part of a valid sequence becomes
// U+FFFD.
#pragma once

#include <string>
#include <string_view>

namespace tl::telemetry {

// With its quotes (RFC 8259, section 7).
void append_json_string(std::string& out, std::string_view text);
// With its quotes: backslash, quote and newline escaped (text format 0.0.4).
void append_label_value(std::string& out, std::string_view text);
// Visible ASCII as it is, all else as \xNN: no terminal is moved by it.
void append_visible(std::string& out, std::string_view text);

// Bytes of the valid UTF-8 sequence that `text` begins with, 0 when it begins with none (RFC 3629).
[[nodiscard]] size_t utf8_sequence(std::string_view text);

}  // namespace tl::telemetry
