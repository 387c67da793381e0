#include "app/cli/table.h"

#include <algorithm>

namespace tl::app {

namespace {

constexpr size_t kGap = 2;

void append_cell(std::string& line, const Cell& cell, size_t width, bool right, bool colour) {
    const size_t taken = columns_of(cell.text);
    const std::string space(width > taken ? width - taken : 0, ' ');
    if (right) line += space;
    line += toned(cell.text, cell.tone, colour);
    if (!right) line += space;
}

void end_line(std::string& text) {
    while (text.ends_with(' ')) text.pop_back();
    text += '\n';
}

}  // namespace

void Table::add(std::vector<Cell> cells) {
    cells.resize(columns_.size());
    for (Cell& cell : cells) cell.text = harmless(cell.text);
    rows_.push_back(std::move(cells));
}

std::string Table::print(bool colour, size_t indent) const {
    std::vector<size_t> widths(columns_.size(), 0);
    for (const auto& row : rows_) {
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i].text));
    }
    for (size_t i = 0; i < columns_.size(); ++i) {
        if (widths[i] > 0) widths[i] = std::max(widths[i], columns_of(columns_[i].title));
    }
    std::string text;
    const auto append_row = [&](auto&& cell_of) {
        text.append(indent, ' ');
        for (size_t i = 0; i < columns_.size(); ++i) {
            if (widths[i] == 0) continue;
            append_cell(text, cell_of(i), widths[i], columns_[i].right, colour);
            text.append(kGap, ' ');
        }
        end_line(text);
    };
    append_row([&](size_t i) { return Cell{columns_[i].title, Tone::dim}; });
    for (const auto& row : rows_) append_row([&](size_t i) { return row[i]; });
    return text;
}

}  // namespace tl::app
