// Collecting is cheap and bounded; order, colours and source lines are worked out only when somebody looks.
#include "manifest/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace tl::manifest {

namespace {

constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kRed = "\033[1;31m";
constexpr std::string_view kYellow = "\033[1;33m";
constexpr std::string_view kCyan = "\033[36m";
constexpr std::string_view kPlain = "\033[0m";

std::string_view word(Severity severity) { return severity == Severity::error ? "error" : "warning"; }

std::string place(const std::string& file, Position at) {
    return at.known() ? fmt::format("{}:{}:{}", file, at.line, at.column) : file;
}

std::string sentence(const Diagnostic& diagnostic) {
    return diagnostic.hint.empty() ? diagnostic.message : diagnostic.message + "; " + diagnostic.hint;
}

// The line of that number, without its end; empty if the text has no such line.
std::string_view line_of(std::string_view text, uint32_t number) {
    for (uint32_t line = 1; line < number; ++line) {
        const size_t end = text.find('\n');
        if (end == std::string_view::npos) return {};
        text.remove_prefix(end + 1);
    }
    std::string_view line = text.substr(0, text.find('\n'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

constexpr bool continues_character(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

// The part of `line` that fits a terminal around `column`, and how many characters come before the caret in
// it.
struct Excerpt {
    std::string text;
    size_t before = 0;
};

Excerpt excerpt_at(std::string_view line, size_t column) {
    constexpr size_t kWidth = 100;
    constexpr size_t kLead = 60;
    const size_t first = column > kLead ? column - kLead : 0;  // characters left out in front
    Excerpt out;
    size_t character = 0;
    for (const char c : line) {
        if (!continues_character(c)) ++character;
        if (character <= first) continue;
        if (character > first + kWidth) break;
        const bool control = static_cast<uint8_t>(c) < 0x20 || c == 0x7f;
        out.text += control ? ' ' : c;
    }
    out.before = column - 1 - first;
    return out;
}

// The line a diagnostic points at, and a caret under its column, with the line's number in front of both.
std::string source_lines(std::string_view text, Position at, bool colour) {
    const std::string_view line = line_of(text, at.line);
    if (line.empty()) return {};
    const Excerpt excerpt = excerpt_at(line, at.column);
    const std::string number = std::to_string(at.line);
    return fmt::format("  {} | {}\n  {} | {}{}^{}\n", number, excerpt.text, std::string(number.size(), ' '),
                       std::string(excerpt.before, ' '), colour ? kRed : "", colour ? kPlain : "");
}

std::string and_more(size_t more) { return more == 0 ? std::string{} : fmt::format("and {} more\n", more); }

}  // namespace

void Diagnostics::error(Position at, std::string message, std::string hint) {
    add({Severity::error, at, std::move(message), std::move(hint)});
}

void Diagnostics::warning(Position at, std::string message, std::string hint) {
    add({Severity::warning, at, std::move(message), std::move(hint)});
}

void Diagnostics::add(Diagnostic diagnostic) {
    // Aliases make one mistake appear as often as they are used; it is one place in the file all the same.
    const auto said = [&](const Diagnostic& other) {
        return other.at == diagnostic.at && other.severity == diagnostic.severity &&
               other.message == diagnostic.message;
    };
    if (diagnostic.at.known() && std::ranges::any_of(all_, said)) return;
    ++(diagnostic.severity == Severity::error ? errors_ : warnings_);
    if (!full()) all_.push_back(std::move(diagnostic));
}

std::vector<Diagnostic> Diagnostics::sorted() const {
    // The index keeps what was found first in front among those of one place.
    std::vector<std::pair<Position, size_t>> order;
    for (size_t i = 0; i < all_.size(); ++i) order.emplace_back(all_[i].at, i);
    std::ranges::sort(order);
    std::vector<Diagnostic> sorted;
    for (const auto& [at, index] : order) sorted.push_back(all_[index]);
    return sorted;
}

std::string Diagnostics::to_text() const {
    std::string out;
    const std::vector<Diagnostic> all = sorted();
    const size_t shown = std::min(all.size(), kShown);
    for (size_t i = 0; i < shown; ++i) {
        out += fmt::format("{}: {}: {}\n", place(file_, all[i].at), word(all[i].severity), sentence(all[i]));
    }
    return out + and_more(errors_ + warnings_ - shown);
}

std::string Diagnostics::to_terminal(bool colour) const {
    const auto paint = [colour](std::string_view with, std::string_view text) {
        return colour ? fmt::format("{}{}{}", with, text, kPlain) : std::string{text};
    };
    std::string out;
    const std::vector<Diagnostic> all = sorted();
    const size_t shown = std::min(all.size(), kShown);
    for (size_t i = 0; i < shown; ++i) {
        const Diagnostic& one = all[i];
        const std::string_view loud = one.severity == Severity::error ? kRed : kYellow;
        out += fmt::format("{}: {}: {}\n", paint(kBold, place(file_, one.at)), paint(loud, word(one.severity)),
                           paint(kBold, one.message));
        if (one.at.known()) out += source_lines(text_, one.at, colour);
        if (!one.hint.empty()) out += fmt::format("  {} {}\n", paint(kCyan, "hint:"), one.hint);
    }
    return out + and_more(errors_ + warnings_ - shown);
}

nlohmann::ordered_json Diagnostics::to_json() const {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    const std::vector<Diagnostic> all = sorted();
    const size_t shown = std::min(all.size(), kShown);
    for (size_t i = 0; i < shown; ++i) {
        nlohmann::ordered_json one{{"severity", word(all[i].severity)}, {"message", all[i].message}};
        if (all[i].at.known()) {
            one["line"] = all[i].at.line;
            one["column"] = all[i].at.column;
        }
        if (!all[i].hint.empty()) one["hint"] = all[i].hint;
        if (!all[i].kind.empty()) one["kind"] = all[i].kind;
        list.push_back(std::move(one));
    }
    return {{"file", file_},
            {"errors", errors_},
            {"warnings", warnings_},
            {"diagnostics", std::move(list)},
            {"more", errors_ + warnings_ - shown}};
}

std::string did_you_mean(std::string_view written, const std::vector<std::string>& candidates) {
    // The search is linear in the names and quadratic in their length: past this many it would be felt.
    constexpr size_t kMostCandidates = 2000;
    if (candidates.size() > kMostCandidates) return {};
    const std::string_view name = base::nearest(written, candidates);
    return name.empty() ? std::string{} : fmt::format("did you mean \"{}\"?", name);
}

}  // namespace tl::manifest
