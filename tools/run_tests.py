#!/usr/bin/env python3
"""Runs every test of the project and counts them: ./dev test.

Unit tests are the programs that CTest knows in a build tree (GoogleTest). The others are
tests/*/test_*.py and examples/*/test_*.py (unittest). Each program or file is a process of its own
with a deadline, under a guard that leaves no process behind. Two run at a time, except a file that
says "# serial" in its first ten lines, which runs alone; "# deadline: 300" there changes its deadline.

The last line is "N passed, N failed, N skipped". Exit code 1 on any failure, and when no test ran.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEADLINE_SECONDS = 120


@dataclass
class Target:
    """One process to run: a GoogleTest program or a Python file."""
    name: str
    command: list
    is_unit: bool
    serial: bool = False
    deadline: float = DEADLINE_SECONDS
    environment: dict = field(default_factory=dict)


@dataclass
class Outcome:
    target: Target
    seconds: float = 0
    passed: int = 0
    failures: list = field(default_factory=list)   # names
    skips: list = field(default_factory=list)      # (name, reason)
    output: str = ""

    def ran(self):
        return self.passed + len(self.failures) + len(self.skips)


def unit_targets(tree):
    """What CTest knows, so that a program left over from an older build is not run."""
    listing = subprocess.run(["ctest", "--test-dir", str(tree), "--show-only=json-v1"],
                             capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        sys.exit(f"run_tests: {tree} is not a build tree; run ./dev build first\n{listing.stderr}")
    found = []
    for test in json.loads(listing.stdout)["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        name = test["name"]
        found.append(Target(name if name.startswith("unit.") else f"unit.{name}", test.get("command", []), True,
                            deadline=float(properties.get("TIMEOUT", DEADLINE_SECONDS))))
    return found


def python_targets(root):
    found = []
    for path in sorted([*root.glob("tests/*/test_*.py"), *root.glob("examples/*/test_*.py")]):
        head = "\n".join(path.read_text(encoding="utf-8").splitlines()[:10])
        deadline = re.search(r"^# deadline: (\d+)", head, re.MULTILINE)
        found.append(Target(str(path.relative_to(root)), [], False,
                            serial=bool(re.search(r"^# serial\b", head, re.MULTILINE)),
                            deadline=float(deadline.group(1)) if deadline else DEADLINE_SECONDS))
    return found


def read_gtest(path, outcome, status):
    """Counts from GoogleTest's XML. A program that died wrote none: then its output is counted."""
    try:
        cases = ElementTree.parse(path).iter("testcase")
    except (OSError, ElementTree.ParseError):
        # Not GoogleTest, or it died: what it said it had finished counts, the death is one failure.
        outcome.passed = len(re.findall(r"^\[       OK \]", outcome.output, re.MULTILINE))
        if status != 0:
            started = re.findall(r"^\[ RUN      \] (\S+)", outcome.output, re.MULTILINE)
            outcome.failures.append(started[-1] if started else outcome.target.name)
        elif outcome.passed == 0:
            outcome.passed = 1
        return
    for case in cases:
        name = f"{case.get('classname')}.{case.get('name')}"
        if case.get("status") == "notrun":
            continue
        skipped = case.find("skipped")
        if case.find("failure") is not None:
            outcome.failures.append(name)
        elif skipped is not None or case.get("result") == "skipped":
            message = (skipped.get("message") or skipped.text or "") if skipped is not None else ""
            # GoogleTest puts "file:line" before the sentence.
            outcome.skips.append((name, message.strip().splitlines()[-1] if message.strip() else "no reason given"))
        else:
            outcome.passed += 1


def read_unittest(path, outcome):
    """Counts from the lines that test_child.py wrote as each case began and ended."""
    running = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        event = json.loads(line)
        if event["event"] == "start":
            running[event["name"]] = True
            continue
        running.pop(event["name"], None)
        if event["event"] == "passed":
            outcome.passed += 1
        elif event["event"] == "skipped":
            outcome.skips.append((event["name"], event["reason"]))
        else:
            outcome.failures.append(event["name"])
    outcome.failures += list(running)


def run(target, slow, filters, environment):
    """Runs one target to its end or its deadline."""
    outcome = Outcome(target)
    deadline = target.deadline * slow
    with tempfile.TemporaryDirectory(prefix="trunkline-test-") as scratch:
        results = pathlib.Path(scratch) / "results"
        leaks = pathlib.Path(scratch) / "leaks"
        command = target.command
        env = {**environment, "TRUNKLINE_TEST_DEADLINE": str(deadline)}
        if target.is_unit:
            env["GTEST_OUTPUT"] = f"xml:{results}"
            if filters:
                env["GTEST_FILTER"] = ":".join(f"*{f}*" for f in filters)
        else:
            command = [sys.executable, str(ROOT / "tools/test_child.py"), str(ROOT / target.name), str(results), *filters]
        guard = [sys.executable, str(ROOT / "tools/test_guard.py"), str(leaks), str(deadline), *command]
        started = time.monotonic()
        process = subprocess.run(guard, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        outcome.seconds = time.monotonic() - started
        outcome.output = process.stdout
        if target.is_unit:
            read_gtest(results, outcome, process.returncode)
        else:
            read_unittest(results, outcome)
        if leaks.exists():
            outcome.failures.append(f"{target.name} left processes behind")
            outcome.output += "\nThese processes were still there when the tests had ended:\n" + leaks.read_text()
    if process.returncode != 0 and not outcome.failures:
        outcome.failures.append(f"{target.name} ended with status {process.returncode}")
    return outcome


def line_of(outcome):
    counts = [f"{outcome.passed} passed"]
    if outcome.failures:
        counts.append(f"{len(outcome.failures)} FAILED")
    if outcome.skips:
        counts.append(f"{len(outcome.skips)} skipped")
    return f"{outcome.target.name:<44} {outcome.seconds:6.1f} s  {', '.join(counts)}"


def run_all(targets, options, filters, environment):
    """Runs the shared targets `options.jobs` at a time, then the serial ones. Prints as they end."""
    outcomes = []

    def done(outcome):
        if filters and outcome.ran() == 0:
            return
        outcomes.append(outcome)
        print(line_of(outcome), flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(run, t, options.slow, filters, environment) for t in targets if not t.serial]
        try:
            for future in concurrent.futures.as_completed(waiting):
                done(future.result())
        except KeyboardInterrupt:
            # Ctrl-C went to the guards too, which end what runs; what waits is dropped.
            pool.shutdown(cancel_futures=True)
            raise
    for target in targets:
        if target.serial:
            done(run(target, options.slow, filters, environment))
    return outcomes


def report(outcomes):
    for outcome in outcomes:
        if outcome.failures:
            print(f"\n=== {outcome.target.name} failed: its output ===\n{outcome.output.rstrip()}\n=== end ===")
    skips = [(o.target.name, name, reason) for o in outcomes for name, reason in o.skips]
    if skips:
        print("\nSkipped:")
        for target, name, reason in skips:
            print(f"  {target}: {name}: {reason}")
    failures = [(o.target.name, name) for o in outcomes for name in o.failures]
    if failures:
        print("\nFailed:")
        for target, name in failures:
            print(f"  {target}: {name}")
    passed = sum(o.passed for o in outcomes)
    if passed + len(failures) == 0:
        print("\nNo test ran.")
    print(f"\n{passed} passed, {len(failures)} failed, {len(skips)} skipped", flush=True)
    return 1 if failures or passed == 0 else 0


def select(targets, names):
    """Targets whose name contains a word, run whole; if there are none, the words choose cases."""
    chosen = [t for t in targets if any(n in t.name for n in names)]
    return (chosen, []) if chosen else (targets, names)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tree", type=pathlib.Path, help="build tree of the unit tests and of bin/trunkline")
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="where tests/ is looked for")
    parser.add_argument("--unit", action="append", default=[], help="only the unit tests of this room (repeat for more)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--slow", type=float, default=1, help="factor for every deadline (sanitizers)")
    parser.add_argument("names", nargs="*", help="only files, or else cases, that contain one of these")
    options = parser.parse_args()

    environment = dict(os.environ)
    targets = []
    if options.tree:
        tree = options.tree.resolve()
        environment |= {"TRUNKLINE_BIN": str(tree / "bin/trunkline"), "TRUNKLINE_BIN_DIR": str(tree / "bin")}
        targets += unit_targets(tree)
    environment.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    if options.unit:
        targets = [t for t in targets if t.name in [f"unit.{room}" for room in options.unit]]
    else:
        root = options.root.resolve()
        targets += [t for t in python_targets(root)]
        for target in targets:
            if not target.is_unit:
                target.name = os.path.relpath(root / target.name, ROOT)
    targets, filters = select(targets, options.names)
    try:
        return report(run_all(targets, options, filters, environment))
    except KeyboardInterrupt:
        print("\nInterrupted.")
        return 130


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
