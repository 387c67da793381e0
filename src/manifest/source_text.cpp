// The YAML parser guesses encodings, treats byte 4 as the end of the file and lets bad UTF-8 through. It
// never gets to see such text: what passes here is UTF-8 that can be printed on a terminal.
#include "manifest/source_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"

namespace tl::manifest {

namespace {

constexpr bool continues_character(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

struct Character {
    uint32_t code = 0;
    size_t bytes = 0;  // 0: not UTF-8
};

// One character off the front (RFC 3629: shortest form, no surrogates, at most U+10FFFF).
Character decode(std::string_view text) {
    const auto lead = static_cast<uint8_t>(text.front());
    if (lead < 0x80) return {lead, 1};
    const size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
    if (bytes == 0 || lead > 0xf4 || text.size() < bytes) return {};
    uint32_t code = lead & (0xffU >> (bytes + 1));
    for (size_t i = 1; i < bytes; ++i) {
        if (!continues_character(text[i])) return {};
        code = code << 6 | (static_cast<uint8_t>(text[i]) & 0x3fU);
    }
    const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (overlong || surrogate || code > 0x10ffff) return {};
    return {code, bytes};
}

// Not printable by YAML 1.2, section 5.1; NEL (0x85) is allowed there.
constexpr bool forbidden(uint32_t code) {
    if (code == '\t' || code == '\n' || code == 0x85) return false;
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xfeff || code == 0xfffe || code == 0xffff;
}

std::string complaint(uint32_t code) {
    if (code == '\r') return "a carriage return without a line feed";
    return fmt::format("the control character U+{:04X}", code);
}

}  // namespace

std::optional<Diagnostic> refuse_text(std::string_view text, size_t most_bytes) {
    if (text.size() > most_bytes) {
        return Diagnostic{.message = fmt::format("the file is larger than {}", base::format_size(most_bytes)),
                          .hint = "a manifest is written by people; keep data elsewhere"};
    }
    Position at{1, 1};
    for (size_t i = 0; i < text.size();) {
        const Character next = decode(text.substr(i));
        if (next.bytes == 0) {
            return Diagnostic{.at = at,
                              .message = fmt::format("the byte 0x{:02X} is not UTF-8", static_cast<uint8_t>(text[i])),
                              .hint = "save the file as UTF-8"};
        }
        const bool line_end = next.code == '\r' && text.substr(i + 1).starts_with('\n');
        if (forbidden(next.code) && !line_end) {
            return Diagnostic{.at = at, .message = complaint(next.code) + " is not allowed", .hint = "remove it"};
        }
        at = next.code == '\n' ? Position{at.line + 1, 1} : Position{at.line, at.column + 1};
        i += next.bytes;
    }
    return std::nullopt;
}

bool has_control_character(std::string_view text) {
    while (!text.empty()) {
        const Character next = decode(text);
        if (next.bytes == 0 || (forbidden(next.code) && next.code != '\r')) return true;
        text.remove_prefix(next.bytes);
    }
    return false;
}

Position ColumnCounter::position(size_t offset, size_t line, size_t byte_column) {
    // Within a line, go on from the last place asked for: a manifest may be one line of a megabyte.
    const size_t start = offset - std::min(offset, byte_column);
    if (start != line_start_ || byte_column < bytes_) {
        line_start_ = start;
        bytes_ = characters_ = 0;
    }
    for (; bytes_ < byte_column && start + bytes_ < text_.size(); ++bytes_) {
        characters_ += continues_character(text_[start + bytes_]) ? 0 : 1;
    }
    return {static_cast<uint32_t>(line + 1), static_cast<uint32_t>(characters_ + 1)};
}

}  // namespace tl::manifest
