#!/usr/bin/env python3
"""Runs clang-tidy over sources, those left out that were clean before and have not changed: tidy.py TREE FILE...

TREE is a build tree with compile_commands.json. A clean file leaves an empty file behind in build/tidy, named by a hash
of all that decides: the tool's version, .clang-tidy, the command, the source and every header of the project that it
reaches. Headers of the system count through the tool's version and the list of packages. A file with findings leaves
nothing, so it is looked at again. `--jobs N` at a time (default: one a processor). Exit code 1 on any finding.
"""
import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.MULTILINE)


@functools.cache
def project_includes(path, folders):
    """The headers of the project that a file names."""
    names = INCLUDE.findall(path.read_text(encoding="utf-8"))
    found = (folder / name for name in names for folder in (path.parent, *folders))
    return frozenset(header.resolve() for header in found if header.is_file() and header.resolve().is_relative_to(ROOT))


def reached(source, folders):
    """The source and all headers of the project that it includes, directly or not."""
    seen, waiting = set(), {source}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        waiting |= project_includes(path, folders) - seen
    return sorted(seen)


@functools.cache
def content(path):
    return hashlib.sha256(path.read_bytes()).digest()


def key_of(source, command, tool):
    folders = tuple(pathlib.Path(folder) for folder in re.findall(r"-I\s*(\S+)", command))
    # The same in every checkout: what a file is called, not where it lies.
    digest = hashlib.sha256(b"\0".join([tool, command.replace(str(ROOT), "").encode(), content(ROOT / ".clang-tidy")]))
    for path in reached(source, folders):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + content(path))
    return digest.hexdigest()


def look_at(source, tree):
    """What clang-tidy says of it; nothing when it is clean. Its standard error only counts what it left out."""
    ended = subprocess.run([TIDY, "-p", str(tree), "--quiet", str(source)], capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        return ""
    return ended.stdout or ended.stderr or f"{source}: {TIDY} ended with status {ended.returncode}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("tree", type=pathlib.Path)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    options = parser.parse_args()

    commands = {pathlib.Path(entry["file"]).resolve(): entry["command"]
                for entry in json.loads((options.tree / "compile_commands.json").read_text(encoding="utf-8"))}
    tool = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    tool += (ROOT / "tools/apt-packages.txt").read_bytes()
    store = ROOT / "build/tidy"
    store.mkdir(parents=True, exist_ok=True)

    keys = {source: key_of(source, commands.get(source, ""), tool) for source in (f.resolve() for f in options.files)}
    changed = [source for source, key in keys.items() if not (store / key).exists()]
    print(f"clang-tidy: {len(changed)} of {len(keys)} files; the others were clean and are as they were", file=sys.stderr)
    def examine(source):
        said = look_at(source, options.tree)
        if not said:
            (store / keys[source]).touch()
        return said

    clean = True
    with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
        for said in pool.map(examine, changed):
            clean = clean and not said
            print(said, end="", flush=True)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
