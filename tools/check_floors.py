#!/usr/bin/env python3
"""Fails on an include that the house forbids: check_floors.py [ROOT].

A room (a folder of src/) includes lower floors only, never a neighbour, and only rooms that its
tl_room(...) in CMakeLists.txt links; a library's headers only where tools/floors.txt allows them.
Each message gives file:line, what is forbidden, why, and what to do.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
# Folders of the C++ library and the compiler, never listed in floors.txt.
COMPILER_FOLDERS = {"experimental", "ext", "bits"}


class House:
    """The two tables of floors.txt."""

    def __init__(self, path):
        self.floors, self.libraries, self.problems = {}, {}, []
        section = ""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0].startswith("["):
                section = words[0]
            elif section == "[rooms]" and len(words) == 2 and words[1].isdigit():
                self.floors[words[0]] = int(words[1])
            elif section == "[libraries]" and len(words) >= 2:
                self.libraries[words[0]] = words[1:]
            else:
                self.problems.append(f"tools/floors.txt:{number}: cannot read '{line.strip()}'; a line is 'room floor' "
                                     "under [rooms] or 'header rooms...' under [libraries]")


def linked_rooms(root, house):
    """{room: (line, {rooms it links})} from tl_room(...) in CMakeLists.txt, and the problems there."""
    text = "\n".join(line.split("#")[0] for line in (root / "CMakeLists.txt").read_text(encoding="utf-8").splitlines())
    links, problems = {}, []
    for call in re.finditer(r"\btl_room\s*\(([^)]*)\)", text):
        line = text.count("\n", 0, call.start()) + 1
        words = call.group(1).split()
        room, lists, current = words[0], {"ROOMS": [], "LIBS": []}, None
        for word in words[1:]:
            if word in lists:
                current = word
            elif current:
                lists[current].append(word)
        links[room] = (line, set(lists["ROOMS"]))
        for other in [room, *lists["ROOMS"]]:
            if other not in house.floors:
                problems.append(f"CMakeLists.txt:{line}: room '{other}' is not in tools/floors.txt; give it a floor there")
        for other in lists["ROOMS"]:
            if other in house.floors and room in house.floors and house.floors[other] >= house.floors[room]:
                problems.append(f"CMakeLists.txt:{line}: {room} (floor {house.floors[room]}) may not link {other} "
                                f"(floor {house.floors[other]}): {reason(house, room, other)}")
    return links, problems


def reason(house, room, other):
    """Why `room` may not know `other`, and what to do."""
    if house.floors[other] == house.floors[room]:
        return ("they are neighbours, and a room knows lower floors only. Declare what you need as an interface on a "
                "lower floor and join the two in app/")
    return ("it is above, and a room knows lower floors only. Move what you need down, or let the upper room pass it in "
            "through an interface declared here")


def check_project_include(house, links, room, is_test, target):
    """The complaint about `#include "target"` in `room`, or None."""
    other = target.split("/")[0]
    if target.startswith(".") or "/" not in target:
        return f'"{target}" does not name its room; write it as "room/file.h"'
    if other not in house.floors:
        return f'"{target}": there is no room "{other}" in tools/floors.txt; a library is included with <>'
    if target.endswith("_testing.h") and not is_test:
        return f'"{target}" is for unit tests; what the product needs too belongs into a header of its own'
    if other == room:
        return None
    if house.floors[other] >= house.floors[room]:
        return (f'{room} (floor {house.floors[room]}) may not include "{target}" (floor {house.floors[other]}): '
                + reason(house, room, other))
    if room in links and other not in links[room][1]:
        return (f'{room} includes "{target}" but does not link {other}; add {other} to ROOMS of tl_room({room} ...) '
                f"in CMakeLists.txt:{links[room][0]}, or do without it")
    return None


def check_library_include(house, room, is_test, target):
    """The complaint about `#include <target>` in `room`, or None."""
    folder = target.split("/")[0] + "/" if "/" in target else None
    rooms = house.libraries.get(target) or (house.libraries.get(folder) if folder else None)
    if rooms is None:
        if folder is None or folder.rstrip("/") in COMPILER_FOLDERS:
            return None
        return (f"<{target}> is of a library that tools/floors.txt does not list; if the project needs it, list it there "
                "and say why in docs/dependencies.md")
    if rooms == ["*"] or room in rooms or (rooms == ["-"] and is_test):
        return None
    allowed = "unit tests (*_test.cpp, *_testing.h)" if rooms == ["-"] else ", ".join(rooms)
    return (f"<{target}> may be included only in {allowed}, so that the rest of the house does not depend on it; "
            "ask that room for what you need, or change tools/floors.txt and say why")


def check_sources(root, house, links):
    problems = []
    for folder in sorted(p for p in (root / "src").iterdir() if p.is_dir()):
        room = folder.name
        files = sorted(p for p in folder.rglob("*") if p.suffix in (".h", ".cpp"))
        if room not in house.floors:
            problems.append(f"src/{room}/: this room is not in tools/floors.txt; give it a floor there")
            continue
        if files and room not in links:
            problems.append(f"src/{room}/: CMakeLists.txt has no tl_room({room} ...), so it is not built; add it")
        for path in files:
            is_test = path.name.endswith(("_test.cpp", "_testing.h"))
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                complaint = (check_project_include(house, links, room, is_test, found[2]) if found[1] == '"'
                             else check_library_include(house, room, is_test, found[2]))
                if complaint:
                    problems.append(f"{path.relative_to(root)}:{number}: {complaint}")
    return problems


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    house = House(root / "tools/floors.txt")
    links, problems = linked_rooms(root, house)
    problems = house.problems + problems + check_sources(root, house, links)
    for problem in problems:
        print(problem)
    if problems:
        print(f"floors: {len(problems)} broken (docs/architecture.md explains the house)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
