#!/usr/bin/env python3
"""System calls a request, by name: ./dev bench syscalls.

strace counts them while wrk keeps 64 connections busy. It slows the programs down, so one turn of a loop serves more
requests than otherwise: calls that come once a turn (epoll_wait) are fewer here than in truth, the others are exact.
"""
import json
import re
import signal
import subprocess
import time

from kit import bench, load, measure
from kit.scenario import MATRIX


def count(row, scenario, seconds, cpu, folder):
    """Name -> calls a request."""
    out = folder / f"{row.name}.strace"
    command = [measure.find("strace"), "-f", "-c", "-U", "calls,errors,name", "-o", str(out), "-p", str(row.process.pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(0.5)  # until it is attached
    seen = load.run(scenario, row.port, seconds, cpu, folder)
    tracer.send_signal(signal.SIGINT)
    tracer.wait(10)
    calls = {}
    for line in out.read_text().splitlines():
        if match := re.match(r"\s*(\d+)\s+(\d+\s+)?([a-z]\w*)$", line):
            calls[match[3]] = int(match[1]) / max(1, seen.requests)
            if match[2]:
                calls[f"{match[3]}, failed"] = int(match[2]) / max(1, seen.requests)
    calls.pop("total", None)
    calls.pop("total, failed", None)
    return calls


def print_table(counted):
    names = sorted({name for calls in counted.values() for name in calls},
                   key=lambda name: -max(calls.get(name, 0) for calls in counted.values()))
    print(f"\n{'calls a request':<24}" + "".join(f"{row:>11}" for row in counted))
    for name in names:
        if max(calls.get(name, 0) for calls in counted.values()) >= 0.005:
            print(f"{name:<24}" + "".join(f"{calls.get(name, 0):>11.2f}" for calls in counted.values()))
    whole = [sum(cost for name, cost in calls.items() if "failed" not in name) for calls in counted.values()]
    print(f"{'together':<24}" + "".join(f"{one:>11.2f}" for one in whole))


def run():
    parser = bench.options_of("syscalls", __doc__.split("\n\n", maxsplit=1)[0], seconds=3, round_count=1)
    parser.add_argument("--row", default="64 connections", help="a row of ./dev bench matrix")
    options = parser.parse_args()
    if not measure.find("strace"):
        raise RuntimeError("strace is not installed; ./dev bench installs it")
    scenario = next((one for one in MATRIX if one.name == options.row), None)
    if scenario is None:
        raise RuntimeError(f"no such row; there are: {', '.join(one.name for one in MATRIX)}")
    bench.need_load()
    folder, cpus = measure.workdir(), measure.proxy_cpus()
    rows = [row for row in bench.start_rows(scenario, options, folder, cpus) if not row.absent]
    for row in rows:
        load.run(scenario, row.port, 1, cpus[0], folder)
    counted = {row.name: count(row, scenario, options.seconds, cpus[0], folder) for row in rows}
    if options.json:
        print(json.dumps(counted, indent=2))
    else:
        print_table(counted)
    return 0


if __name__ == "__main__":
    measure.main(run)
