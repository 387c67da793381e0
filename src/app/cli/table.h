// A table of text: columns as wide as their widest cell, two spaces apart, no lines. For people; programs use --json.
#pragma once

#include <string>
#include <vector>

#include "app/cli/terminal.h"

namespace tl::app {

struct Cell {
    std::string text;
    Tone tone = Tone::plain;
};

struct Column {
    std::string title;
    bool right = false;  // numbers stand to the right
};

class Table {
  public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    // As many cells as columns, or fewer: the rest is empty. Cells are made harmless.
    void add(std::vector<Cell> cells);
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    // Each line ended, no spaces at a line's end. A column in which every cell is empty is left out. Each line starts
    // with `indent` spaces.
    [[nodiscard]] std::string print(bool colour, size_t indent = 0) const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace tl::app
