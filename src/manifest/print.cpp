// Quotes whatever some YAML reader might understand otherwise; that ours would not is no reason to be brief.
#include "manifest/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tl::manifest {

namespace {

constexpr size_t kNoteColumn = 40;
constexpr size_t kWidest = 90;

// Whether YAML reads the text back as this one scalar without quotes, in block and in flow style.
bool plain_is_safe(std::string_view text) {
    if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
    constexpr std::string_view kIndicators = "-?:,[]{}#&*!|>'\"%@`=~<";
    const bool negative = text.size() > 1 && text[0] == '-' && text[1] >= '0' && text[1] <= '9';
    if (kIndicators.contains(text.front()) && !negative) return false;
    if (text.find_first_of("\"'[]{},\\") != std::string_view::npos || text.back() == ':') return false;
    if (text.contains(": ") || text.contains(" #")) return false;
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

// Control characters other than these do not come from a manifest, but may from what others have written (YAML 1.2
// 5.7).
std::string double_quoted(std::string_view text) {
    std::string out = "\"";
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const auto byte = static_cast<uint8_t>(c);
        // U+0080 to U+009F in UTF-8
        const bool second = byte == 0xc2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xa0;
        const bool control = byte < 0x20 && c != '\n' && c != '\r' && c != '\t';
        if (second || control || byte == 0x7f) {
            out += fmt::format("\\x{:02x}", second ? static_cast<uint8_t>(text[++i]) : byte);
            continue;
        }
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default: out += c;
        }
    }
    return out + '"';
}

std::string scalar_text(const Node& node) {
    if (node.is_null()) return "null";
    return node.quoted || !plain_is_safe(node.text) ? double_quoted(node.text) : node.text;
}

// In brackets readers differ about colons and question marks within a word, yaml-cpp from itself too.
std::string flow_text(const Node& node) {
    const bool doubtful = node.is_scalar() && node.text.find_first_of(":?") != std::string::npos;
    return doubtful ? double_quoted(node.text) : scalar_text(node);
}

std::string key_text(const std::string& key) {
    return plain_is_safe(key) && reads_as_text(key) && !key.contains(':') ? key : double_quoted(key);
}

// The list on one line, or "" if it has to be written item by item.
std::string on_one_line(const Node& list) {
    std::string out = "[";
    for (const Node& item : list.items) {
        if (item.is_list() || item.is_map()) return {};
        if (out.size() > 1) out += ", ";
        out += flow_text(item);
    }
    return out.size() < kWidest ? out + ']' : std::string{};
}

// Writes block style, two spaces a level. Recursion is as deep as the tree, which the reader bounds.
class Printer {
  public:
    // `first_is_placed`: the cursor stands behind the dash of a list item, where the first key goes.
    void map(const Node& node, size_t indent, bool first_is_placed) {
        for (const Entry& entry : node.entries) {
            if (!first_is_placed) out_.append(indent, ' ');
            if (entry.value.is_null() && !entry.note.empty()) {
                // Nothing of a list item may hide behind its dash as a comment: the dash alone would be a
                // null.
                out_ += fmt::format("# {}: {}\n", entry.key, entry.note);
                if (first_is_placed) out_.append(indent, ' ');
                continue;
            }
            first_is_placed = false;
            value(key_text(entry.key) + ":", entry.value, entry.note, indent);
        }
    }

    void list(const Node& node, size_t indent) {
        for (const Node& item : node.items) {
            out_.append(indent, ' ');
            if (item.is_map() && has_values(item)) {
                out_ += "- ";
                map(item, indent + 2, true);
            } else {
                value("-", item, {}, indent);
            }
        }
    }

    // One key or dash with its value: on the same line if that fits, else below it.
    void value(const std::string& lead, const Node& node, const std::string& note, size_t indent) {
        if (node.is_map() && has_values(node)) {
            line(lead, note, indent);
            return map(node, indent + 2, false);
        }
        if (node.is_map() && !node.entries.empty()) {
            line(lead + " {}", note, indent);
            return map(node, indent + 2, false);
        }
        const std::string brief = node.is_list() ? on_one_line(node) : node.is_map() ? "{}" : scalar_text(node);
        if (!brief.empty()) return line(lead + ' ' + brief, note, indent);
        line(lead, note, indent);
        list(node, indent + 2);
    }

    std::string take() { return std::move(out_); }

  private:
    // Whether anything but comments would be printed; a map of comments alone must be written {}.
    static bool has_values(const Node& map) {
        return std::ranges::any_of(map.entries, [](const Entry& e) { return !e.value.is_null() || e.note.empty(); });
    }
    void line(const std::string& text, const std::string& note, size_t indent) {
        out_ += text;
        if (!note.empty()) {
            const size_t used = indent + text.size();
            out_.append(used + 2 < kNoteColumn ? kNoteColumn - used : 2, ' ');
            out_ += "# " + note;
        }
        out_ += '\n';
    }

    std::string out_;
};

}  // namespace

bool reads_as_text(std::string_view text) {
    constexpr std::array<std::string_view, 9> kWords{"true", "false", "yes", "no", "on", "off", "y", "n", "<<"};
    if (reads_as_null(text)) return false;
    if (std::ranges::any_of(kWords, [&](std::string_view word) { return base::iequals(word, text); })) return false;
    // Anything that begins like a number and holds only what numbers (or dates, or sexagesimals) are made of.
    const bool numeric_start = !text.empty() && (text.front() >= '0' && text.front() <= '9');
    const bool signed_start = !text.empty() && std::string_view{"+-."}.contains(text.front());
    return !(numeric_start || signed_start) ||
           text.find_first_not_of("0123456789+-.:_eExXoOabcdefABCDEFinfNaN") != std::string_view::npos;
}

bool reads_as_null(std::string_view text) { return text.empty() || text == "~" || base::iequals(text, "null"); }

std::string to_yaml(const Node& node) {
    Printer printer;
    if (node.is_map() && !node.entries.empty()) {
        printer.map(node, 0, false);
    } else if (node.is_list() && !node.items.empty()) {
        printer.list(node, 0);
    } else {
        return (node.is_list() ? "[]" : node.is_map() ? "{}" : scalar_text(node)) + std::string{"\n"};
    }
    return printer.take();
}

}  // namespace tl::manifest
