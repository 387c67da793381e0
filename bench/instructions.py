#!/usr/bin/env python3
"""Instructions a request, by source file and function: ./dev bench instructions.

Counted by callgrind while wrk asks for 64 bytes over 64 connections, so another load on the machine does not change
them. --also NAME=BINARY counts another build beside it: the figure to look at before and after a change.
"""
import argparse
import collections
import json
import pathlib

from kit import instructions, measure
from kit.scenario import MATRIX


def place(frame):
    """The source file below src/, or where else the code comes from."""
    return frame.file.rpartition("/src/")[2] if "/src/" in frame.file else pathlib.Path(frame.file).name


def by(costs, key):
    """key(chain) -> instructions."""
    found = collections.Counter()
    for chain, cost in costs.items():
        found[key(chain)] += cost
    return found


def by_file(costs):
    """Code of the C++ library that was inlined counts for the file of ours that it was inlined into."""
    return by(costs, lambda chain: place(next((one for one in chain if "/src/" in one.file), chain[0])))


def print_one(name, costs, most):
    print(f"\n{name}: {sum(costs.values()):.0f} instructions a request, by file")
    for where, cost in by_file(costs).most_common(most):
        print(f"  {cost:7.0f}  {where}")
    print("by function, with what was inlined into it:")
    for function, cost in by(costs, lambda chain: f"{chain[-1].function.split('(')[0]} ({place(chain[-1])})").most_common(most):
        print(f"  {cost:7.0f}  {function[:120]}")


def run():
    parser = argparse.ArgumentParser(prog="./dev bench instructions", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--bin-dir", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--also", action="append", default=[], metavar="NAME=BINARY")
    parser.add_argument("--row", default="64 connections", help="a row of ./dev bench matrix")
    parser.add_argument("--most", type=int, default=25, help="lines of each list")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    scenario = next((one for one in MATRIX if one.name == options.row), None)
    if scenario is None:
        raise RuntimeError(f"no such row; there are: {', '.join(one.name for one in MATRIX)}")
    folder = measure.workdir()
    binaries = {"trunkline": options.bin_dir.resolve() / "trunkline"}
    binaries |= {name: pathlib.Path(path).resolve() for name, _, path in (word.partition("=") for word in options.also)}
    counted = {name: instructions.count(scenario, binary, folder / name) for name, binary in binaries.items()}
    if options.json:
        print(json.dumps({name: {"total": sum(costs.values()), "files": by_file(costs)} for name, costs in counted.items()},
                         indent=2))
        return 0
    for name, costs in counted.items():
        print_one(name, costs, options.most)
    return 0


if __name__ == "__main__":
    measure.main(run)
