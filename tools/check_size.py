#!/usr/bin/env python3
"""Fails on a file over 700 lines or a function over 70: check_size.py [ROOT] [--all] [--report].

Looks at src/; with --all also at bench/, tests/, tools/ and examples/, Python included. Files over
400 lines are a warning there. A table made by a program is exempt with a line near its top:
"size-exempt: REASON". --report prints medians and 90th percentiles.

Functions of C++ are found by their braces, not by a compiler: what is in doubt is not counted. A row
of a table, a line that is one "{...}," and nothing else, is data and does not count as a function's line.
"""
import argparse
import ast
import pathlib
import re
import statistics
import sys

FILE_LIMIT, FILE_WARN, FUNCTION_LIMIT = 700, 400, 70
SKIPPED_FOLDERS = {"build", "node_modules", "__pycache__", ".git"}
CPP, PYTHON, OTHER = {".h", ".cpp"}, {".py"}, {".js", ".mjs", ".ts", ".css", ".sh"}

TOKEN = re.compile(r"""
    //(?:\\\n|[^\n])*            | /\*.*?\*/                       # comments
  | R"([^()\\\s]{0,16})\(.*?\)\1"                                  # raw strings
  | "(?:\\.|[^"\\\n])*"          | '(?:\\.|[^'\\\n])+'             # strings, characters
  | [A-Za-z_]\w*                 | \d(?:['\w.]|(?<=[eEpP])[+-])*   # names, numbers (1'000)
  | ::|->|&&                     | \S                              # the rest, one by one
""", re.VERBOSE | re.DOTALL)
TABLE_ROW = re.compile(r"\s*\{.*\},?\s*(//.*)?$")
AFTER_PARAMETERS = {"const", "noexcept", "override", "final", "mutable", "volatile", "try", "&", "&&", ")"}


def without_preprocessor(text):
    """The text with directives blanked, and of every #if only the first branch, so that braces match."""
    kept, skipping, directive = [], [], False
    for line in text.split("\n"):
        word = re.match(r"\s*#\s*(\w+)", line)
        if directive or word:
            if word and not directive:
                if word[1] in ("if", "ifdef", "ifndef"):
                    skipping.append(False)
                elif word[1] in ("else", "elif") and skipping:
                    skipping[-1] = True
                elif word[1] == "endif" and skipping:
                    skipping.pop()
            directive = line.endswith("\\")
            kept.append("")
        else:
            kept.append("" if any(skipping) else line)
    return "\n".join(kept)


def tokens_of(text):
    """[(token, line)] without comments; a string is one token."""
    line, position, found = 1, 0, []
    for match in TOKEN.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        if not match[0].startswith(("//", "/*")):
            found.append((match[0], line))
    return found


def kind_of(header):
    """What the brace after these tokens opens: scope (namespace, class), function, member or value.

    "member" is a brace in a constructor's list or an argument, after which the header goes on.
    """
    depth, flat = 0, []
    for token in header:
        if token in "([":
            depth += 1
        if depth == 0 or (depth == 1 and token in "(["):
            flat.append(token)
        if token in ")]":
            depth -= 1
            if depth == 0:
                flat.append(token)
    if depth != 0:
        return "member"  # inside parentheses: a default argument
    if not flat:
        return "value"
    if "namespace" in flat or flat[0] == "extern":
        return "scope"
    if "(" not in flat:
        return "scope" if {"class", "struct", "union"} & set(flat) else "value"
    if "operator" not in flat and "=" in flat:
        return "value"
    end = len(flat) - 1 - flat[::-1].index(")")
    if "class" in flat[:1] or "struct" in flat[:1] or "union" in flat[:1]:
        return "scope"
    first_end = flat.index(")")
    if ":" in flat[first_end:]:
        return "function" if flat[-1] in (")", "}", "try") else "member"
    tail = flat[end:]
    if "->" in flat or "requires" in flat or all(token in AFTER_PARAMETERS for token in tail):
        return "function"
    return "value"


def name_of(words):
    """The name before the first bracket; a test's own name."""
    at = words.index("(") if "(" in words else 0
    if at and words[at - 1].startswith("TEST") and ")" in words:
        return " ".join(words[at + 1:words.index(")")]).replace(" , ", ".")
    return words[at - 1] if at else "?"


def cpp_functions(text):
    """[(name, first line, lines)] of the functions in namespaces and classes, bodies included."""
    functions, header, stack, inner = [], [], [], 0
    lines = text.split("\n")
    for token, line in tokens_of(without_preprocessor(text)):
        if inner:  # inside a body or a value: only its end matters
            inner += (token == "{") - (token == "}")
            if inner == 0:
                kind, first, name = stack.pop()
                if kind == "function":
                    rows = sum(1 for row in lines[first - 1:line] if TABLE_ROW.match(row))
                    functions.append((name, first, line - first + 1 - rows))
                    header = []
                elif kind == "member":
                    header.append(("}", line))
                else:
                    header = [("=", line)]  # what follows a value, up to ';', is part of it
        elif token == "{":
            words = [t for t, _ in header]
            kind = kind_of(words)
            if kind == "scope":
                stack.append((kind, line, ""))
                header = []
            else:
                stack.append((kind, header[0][1] if header else line, name_of(words)))
                inner = 1
        elif token == "}":
            if stack:
                stack.pop()
            header = []
        elif token == ";":
            header = []
        elif token == ":" and len(header) == 1 and header[0][0] in ("public", "private", "protected"):
            header = []
        else:
            header.append((token, line))
    return functions


def python_functions(text):
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return []
    return [(node.name, node.lineno, node.end_lineno - node.lineno + 1) for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def files_of(root, everything):
    folders = ["src", "bench", "tests", "tools", "examples"] if everything else ["src"]
    kinds = CPP | PYTHON | OTHER if everything else CPP
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in kinds and path.is_file() and not SKIPPED_FOLDERS & set(path.relative_to(root).parts):
                yield path


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def report(files, functions):
    for what, values in (("files", files), ("functions", functions)):
        if values:
            print(f"{what}: {len(values)}, median {statistics.median(values):.0f} lines, "
                  f"p90 {percentile(values, 0.9)}, longest {max(values)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    root = options.root.resolve()
    problems, warnings, sizes, lengths = [], [], [], []
    for path in files_of(root, options.all):
        text, name = path.read_text(encoding="utf-8", errors="replace"), path.relative_to(root)
        lines = text.count("\n")
        if "size-exempt:" in "\n".join(text.split("\n")[:20]):
            continue
        sizes.append(lines)
        if lines > FILE_LIMIT:
            problems.append(f"{name}:1: {lines} lines; the limit is {FILE_LIMIT}. A long file is a room that wants a wall")
        elif lines > FILE_WARN:
            warnings.append(f"{name}:1: warning: {lines} lines; {FILE_WARN} is where a file should be split")
        functions = (cpp_functions(text) if path.suffix in CPP else
                     python_functions(text) if path.suffix in PYTHON else [])
        lengths += [length for _, _, length in functions]
        problems += [f"{name}:{first}: function '{function}' has {length} lines; the limit is {FUNCTION_LIMIT}"
                     for function, first, length in functions if length > FUNCTION_LIMIT]
    for line in [*warnings, *problems]:
        print(line)
    if options.report:
        report(sizes, lengths)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
