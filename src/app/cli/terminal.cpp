#include "app/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"

namespace tl::app {

namespace {

constexpr std::string_view kReset = "\x1b[0m";

std::string_view code_of(Tone tone) {
    switch (tone) {
        case Tone::plain: return "";
        case Tone::strong: return "\x1b[1m";
        case Tone::dim: return "\x1b[2m";
        case Tone::good: return "\x1b[32m";
        case Tone::warn: return "\x1b[33m";
        case Tone::bad: return "\x1b[31m";
        case Tone::accent: return "\x1b[36m";
    }
    return "";
}

// The length of the escape sequence at the front of `text` ("\x1b[...letter"), 0 if there is none.
size_t escape_length(std::string_view text) {
    if (!text.starts_with("\x1b[")) return 0;
    for (size_t i = 2; i < text.size(); ++i) {
        if (text[i] >= 0x40 && text[i] <= 0x7e) return i + 1;
    }
    return text.size();
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

Terminal Terminal::of_process() {
    Terminal terminal;
    terminal.interactive = ::isatty(STDOUT_FILENO) == 1;
    const char* no_colour = std::getenv("NO_COLOR");
    const char* kind = std::getenv("TERM");
    const bool wanted =
        (no_colour == nullptr || *no_colour == '\0') && (kind == nullptr || std::string_view{kind} != "dumb");
    terminal.colour = wanted && terminal.interactive;
    terminal.err_colour = wanted && ::isatty(STDERR_FILENO) == 1;
    return terminal;
}

void Terminal::choose(ColourChoice choice) {
    if (choice == ColourChoice::automatic) return;
    colour = err_colour = choice == ColourChoice::always;
}

void Terminal::print(std::string_view text) const {
    std::fwrite(text.data(), 1, text.size(), out);
    std::fflush(out);
}

void Terminal::complain(std::string_view sentence) const {
    std::string text = toned("trunkline:", Tone::bad, err_colour);
    text += ' ';
    text += sentence;
    text += '\n';
    std::fflush(out);
    std::fwrite(text.data(), 1, text.size(), err);
    std::fflush(err);
}

Terminal::Size Terminal::size() const {
    winsize window{};
    if (::ioctl(::fileno(out), TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
    return {window.ws_col, window.ws_row};
}

std::string toned(std::string_view text, Tone tone, bool colour) {
    if (!colour || tone == Tone::plain || text.empty()) return std::string{text};
    std::string out{code_of(tone)};
    out += text;
    out += kReset;
    return out;
}

size_t columns_of(std::string_view text) {
    size_t columns = 0;
    for (size_t i = 0; i < text.size();) {
        const size_t escape = escape_length(text.substr(i));
        if (escape > 0) {
            i += escape;
            continue;
        }
        if (!is_continuation(text[i])) ++columns;
        ++i;
    }
    return columns;
}

std::string cut_line(std::string_view line, size_t columns) {
    if (columns_of(line) <= columns) return std::string{line};
    std::string out;
    size_t used = 0;
    bool coloured = false;
    for (size_t i = 0; i < line.size();) {
        const size_t escape = escape_length(line.substr(i));
        if (escape > 0) {
            out += line.substr(i, escape);
            coloured = true;
            i += escape;
            continue;
        }
        if (!is_continuation(line[i]) && used++ == columns) break;
        out += line[i++];
    }
    if (coloured) out += kReset;
    return out;
}

std::string harmless(std::string_view text) {
    constexpr size_t kMost = 8192;
    std::string plain;
    for (size_t i = 0; i < text.size();) {
        const size_t escape = escape_length(text.substr(i));
        if (escape == 0) plain += text[i] == '\t' ? ' ' : text[i];
        i += std::max<size_t>(escape, 1);
    }
    return base::printable(plain, kMost);
}

std::string harmless_lines(std::string_view text) {
    std::string out;
    for (;;) {
        const size_t end = text.find('\n');
        out += harmless(text.substr(0, end));
        if (end == std::string_view::npos) return out;
        out += '\n';
        text.remove_prefix(end + 1);
    }
}

}  // namespace tl::app
