#!/usr/bin/env python3
"""Runs the fuzz targets one after the other: ./dev fuzz [TARGET] [SECONDS].

A target is an executable fuzz_NAME. Its seeds are tests/fuzz/corpus/NAME/, its dictionary
tests/fuzz/NAME.dict if there is one. What it learns stays in build/fuzz/corpus/NAME/, a finding in
build/fuzz/findings/ as NAME-crash-... : run the target with that file as its argument to see it again.
"""
import argparse
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def fuzz(program, seconds):
    name = program.name.removeprefix("fuzz_")
    work = ROOT / "build/fuzz/corpus" / name
    findings = ROOT / "build/fuzz/findings"
    work.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    command = [str(program), f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=2048", "-print_final_stats=1",
               f"-artifact_prefix={findings}/{name}-"]
    dictionary = ROOT / f"tests/fuzz/{name}.dict"
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    command.append(str(work))
    seeds = ROOT / "tests/fuzz/corpus" / name
    if seeds.is_dir():
        command.append(str(seeds))
    ended = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                           stderr=subprocess.STDOUT, errors="replace", check=False)
    executed = next((line.split()[-1] for line in ended.stdout.splitlines()
                     if line.startswith("stat::number_of_executed_units")), "?")
    if ended.returncode == 0:
        print(f"{name:<24} {seconds:5d} s  {executed:>12} runs  no finding", flush=True)
        return True
    print(f"{name:<24} FINDING\n{ended.stdout[-6000:]}", flush=True)
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin-dir", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("name", nargs="?")
    options = parser.parse_args()
    programs = sorted(p for p in (ROOT / options.bin_dir).glob("fuzz_*") if os.access(p, os.X_OK) and p.is_file())
    chosen = [p for p in programs if options.name in (None, p.name.removeprefix("fuzz_"))]
    if not chosen:
        known = ", ".join(p.name.removeprefix("fuzz_") for p in programs)
        print(f"run_fuzz: there is no fuzz target '{options.name}'; there are: {known}" if programs else
              "run_fuzz: no fuzz target is built (tests/fuzz/CMakeLists.txt adds executables called fuzz_NAME)")
        return 1
    return 0 if all([fuzz(program, options.seconds) for program in chosen]) else 1


if __name__ == "__main__":
    sys.exit(main())
