// Pieces of text that the access log and `why` share: a record as JSON members, a duration, a status in its
// colour. Only for this room's writers.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "telemetry/record.h"

namespace tl::telemetry {

// "time":...,"trace":... without the braces, so that a caller may add members of its own.
void append_json_members(std::string& out, const Record& record, const RecordWords& words);

// "0.42ms", "12.3ms", "1.23s", "75s": three digits that matter.
[[nodiscard]] std::string short_duration(base::Duration duration);

// "200", or "---" when nothing was sent.
[[nodiscard]] std::string status_text(uint16_t status);

// The same; "tcp" for a connection.
[[nodiscard]] std::string status_text(const Record& record);

// "31 bytes in, 512 out, client_closed" of a connection; "" of a request.
[[nodiscard]] std::string traffic_words(const Record& record);

// The words of the flags that a person wants to see: "upgraded, panic".
[[nodiscard]] std::string flag_words(const Record& record);

// Colour of a terminal, or "" when `on` is false.
struct Paint {
    bool on = false;

    [[nodiscard]] std::string_view dim() const { return on ? "\033[2m" : ""; }
    [[nodiscard]] std::string_view red() const { return on ? "\033[31m" : ""; }
    [[nodiscard]] std::string_view bold() const { return on ? "\033[1m" : ""; }
    [[nodiscard]] std::string_view status(uint16_t status) const;
    [[nodiscard]] std::string_view end() const { return on ? "\033[0m" : ""; }
};

}  // namespace tl::telemetry
