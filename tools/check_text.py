#!/usr/bin/env python3
"""Fails on text that does not belong into a public project: check_text.py [ROOT].

In every file: paths of somebody's machine. In src/: notes of unfinished work. A line that needs
such a text (this check's own tests) says "check-text: allow" and why.
"""
import pathlib
import re
import subprocess
import sys

MACHINE_PATH = re.compile(r"(?<![\w.*~-])/(?:work/(?!\*)|root/|home/[a-z_][\w-]*/)")
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
ALLOWED = "check-text: allow"


def files_of(root):
    """What git knows or would add; every file where there is no git."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-coz", "--exclude-standard"],
                            capture_output=True, check=False)
    if listed.returncode == 0:
        return sorted({root / name for name in listed.stdout.decode().split("\0") if name})
    return sorted(p for p in root.rglob("*") if ".git" not in p.parts)


def check(path, name):
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError):
        return []  # not text, or deleted and not yet committed
    problems = []
    for number, line in enumerate(text.split("\n"), 1):
        if ALLOWED in line:
            continue
        if found := MACHINE_PATH.search(line):
            problems.append(f"{name}:{number}: '{found[0]}' is a path of one machine; write it relative to the project")
        if str(name).startswith("src/") and (found := UNFINISHED.search(line)):
            problems.append(f"{name}:{number}: '{found[0]}': finish it, or open an issue and describe the limit in words")
    return problems


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    problems = [problem for path in files_of(root) if path.is_file() for problem in check(path, path.relative_to(root))]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
