// Where output goes, and whether it may be coloured. A value: made once in main, or by a test with files of its own.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace tl::app {

enum class Tone : unsigned char { plain, strong, dim, good, warn, bad, accent };

enum class ColourChoice : unsigned char { automatic, always, never };

struct Terminal {
    std::FILE* out = stdout;
    std::FILE* err = stderr;
    bool interactive = false;  // out is a terminal: it can be redrawn
    bool colour = false;       // of out
    bool err_colour = false;

    // Of this process. NO_COLOR (any value) and TERM=dumb turn colours off.
    [[nodiscard]] static Terminal of_process();
    void choose(ColourChoice choice);

    void print(std::string_view text) const;         // as it is, to out; flushed
    void complain(std::string_view sentence) const;  // "trunkline: sentence" to err

    struct Size {
        size_t columns = 80;
        size_t rows = 24;
    };
    [[nodiscard]] Size size() const;
};

// `text` in a tone; as it is without `colour`.
[[nodiscard]] std::string toned(std::string_view text, Tone tone, bool colour);
// Columns that a text takes: code points, without escape sequences.
[[nodiscard]] size_t columns_of(std::string_view text);
// The line cut to `columns`, its colours ended.
[[nodiscard]] std::string cut_line(std::string_view line, size_t columns);
// Text from outside on one line: escape sequences (colours of its own) dropped, control bytes shown as \xNN, tabs as
// spaces. Nothing of it is obeyed by the terminal.
[[nodiscard]] std::string harmless(std::string_view text);
// The same for text of several lines.
[[nodiscard]] std::string harmless_lines(std::string_view text);

}  // namespace tl::app
