"""Instructions of Trunkline's own code a request, counted by callgrind: the same on a loaded machine as on a quiet one.

The kernel's part is not in it. Debian's valgrind cannot read the line tables of clang 19, so a stripped copy is run and
counted by address; llvm-symbolizer then tells for each address the chain of functions that were inlined there.
"""
import collections
import dataclasses
import json
import pathlib
import re
import subprocess
import time

from kit import backends, load, measure, peers, rounds

REQUESTS_SECONDS = 3


@dataclasses.dataclass(frozen=True)
class Frame:
    """Where an instruction comes from."""
    file: str
    function: str


def parse(text):
    """(object, address within it) -> instructions; the form is in callgrind's manual, "Callgrind Format Specification"."""
    objects, costs = {}, collections.Counter()
    where, skip = "?", False
    for line in text.splitlines():
        if match := re.match(r"(c?)ob=\((\d+)\)(?: (.*))?", line):
            if match[3]:
                objects[match[2]] = match[3]
            if not match[1]:  # else: who is called
                where = objects.get(match[2], "?")
        elif line.startswith("calls="):
            skip = True  # the next line is what the callee cost
        elif line.startswith("0x"):
            address, _, cost = line.split()
            if not skip:
                costs[where, int(address, 16)] += int(cost)
            skip = False
    return costs


def symbolize(binary, addresses):
    """Address -> chain of frames, the innermost first."""
    command = [measure.find("llvm-symbolizer-19"), f"--obj={binary}", "--output-style=JSON", "--inlines"]
    ended = subprocess.run(command, input="\n".join(hex(one) for one in addresses), capture_output=True, text=True, check=True)
    chains = {}
    for line in ended.stdout.splitlines():
        found = json.loads(line)
        chains[int(found["Address"], 16)] = tuple(
            Frame(symbol["FileName"], symbol["FunctionName"]) for symbol in found.get("Symbol", []))
    return chains


def control(*words):
    subprocess.run([measure.find("callgrind_control"), *map(str, words)], check=True, capture_output=True)


def start(scenario, binary, folder, extra, cpus):
    """(row, stripped program): Trunkline under callgrind, which does not count yet."""
    stripped, wrapper = folder / "trunkline-stripped", folder / "under-callgrind"
    subprocess.run([measure.find("objcopy"), "--strip-debug", str(binary), str(stripped)], check=True)
    wrapper.write_text(f"#!/bin/sh\nexec valgrind --tool=callgrind --instr-atstart=no --dump-instr=yes "
                       f"--compress-pos=no --callgrind-out-file={folder}/callgrind.out {stripped} \"$@\"\n")
    wrapper.chmod(0o755)
    site = peers.Site(scenario, folder, backends.start(scenario, folder, cpus[0]), cpus[1], {"trunkline": wrapper})
    row = rounds.start_row("trunkline", lambda site: peers.start_trunkline(site, extra=extra), site)
    if row.absent:
        raise RuntimeError(row.absent)
    return row, stripped


def count(scenario, binary, folder, extra=""):
    """Chain of frames -> instructions a request, after a warm-up. Code of libraries is one frame, the library."""
    for name in ("valgrind", "callgrind_control", "llvm-symbolizer-19"):
        if not measure.find(name):
            raise RuntimeError(f"{name} is not installed; ./dev bench installs it")
    folder.mkdir()
    cpus = measure.proxy_cpus()
    row, stripped = start(scenario, binary, folder, extra, cpus)
    load.run(scenario, row.port, 1, cpus[0], folder)
    control("-i", "on", row.process.pid)
    seen = load.run(scenario, row.port, REQUESTS_SECONDS, cpus[0], folder)
    control("-i", "off", row.process.pid)
    control("-d", row.process.pid)
    time.sleep(0.5)
    costs = collections.Counter()
    for part in folder.glob("callgrind.out*"):
        costs.update(parse(part.read_text()))
    measure.stop_all()
    own = {address: cost for (where, address), cost in costs.items() if where == str(stripped)}
    chains = symbolize(binary, own)
    counted = collections.Counter()
    for address, cost in own.items():
        counted[chains.get(address) or (Frame("?", "?"),)] += cost
    for (where, _), cost in costs.items():
        if where != str(stripped):
            counted[(Frame(pathlib.Path(where).name, "?"),)] += cost
    return {chain: cost / max(1, seen.requests) for chain, cost in counted.items()}
