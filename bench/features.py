#!/usr/bin/env python3
"""What breaker, retry, outlier ejection, trace, metrics and records cost together: ./dev bench features.

Two ways, as not all of them can be switched off. Breaker, retry and outlier ejection can, by the manifest: the same
binary with and without them, in interleaved rounds. Trace, metrics and records cannot: their instructions are counted
where they are, in their source files and functions, and told as a share of all instructions of a request.
CPU time of a feature is its share of instructions times Trunkline's own (user) time: the kernel does nothing for it
but copy the two header lines of a trace.
"""
import argparse
import json
import pathlib
import re

from kit import backends, instructions, measure, peers, rounds
from kit.scenario import Scenario

NONE = """      breaker: { enabled: false }
      outlier: { enabled: false }
      retry: { attempts: 1 }
"""
# What belongs to which feature: of the source file, or of the function.
FEATURES = {
    "breaker": (r"proxy/(breaker\.|sliding_counts)", r"Breaker::"),
    "retry": (r"proxy/retry", r"proxy::Retry"),
    "outlier": (r"proxy/(outlier\.|latency\.)", r"Outlier"),
    "trace": (r"telemetry/trace\.", r"proxy::begin_trace"),
    "metrics": (r"telemetry/(metrics|histogram)\.", r"Histogram::"),
    "records": (r"telemetry/record\.", r"Record::|RecordRing"),
}


def feature_of(chain):
    """The feature that an instruction belongs to, by any of the functions that were inlined around it."""
    for name, (files, functions) in FEATURES.items():
        if any(re.search(files, one.file) or re.search(functions, one.function) for one in chain):
            return name
    return None


def shares(costs):
    """Feature -> instructions a request."""
    found = dict.fromkeys(FEATURES, 0.0)
    for chain, cost in costs.items():
        name = feature_of(chain)
        if name:
            found[name] += cost
    return found


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench features", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--bin-dir", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def compare(options, binary, folder, cpus, say):
    """Interleaved rounds of all features and of what can be left out."""
    scenario = Scenario()
    folder.mkdir()
    backend = backends.start(scenario, folder, cpus[0])
    site = peers.Site(scenario, folder, backend, cpus[1], {"all": binary, "without": binary})
    rows = [rounds.start_row("all", lambda site: peers.start_trunkline(site, "all"), site),
            rounds.start_row("without", lambda site: peers.start_trunkline(site, "without", NONE), site)]
    for row in rows:
        if row.absent:
            raise RuntimeError(row.absent)
    rounds.run(rows, scenario, options, cpus[0], folder, say)
    measure.stop_all()
    return rows


def run():
    options = parse()
    say = (lambda *_, **__: None) if options.json else print
    binary = options.bin_dir.resolve() / "trunkline"
    folder, cpus = measure.workdir(), measure.proxy_cpus()
    with_all, without = compare(options, binary, folder / "rounds", cpus, say)
    costs = instructions.count(Scenario(), binary, folder / "all")
    bare = sum(instructions.count(Scenario(), binary, folder / "bare", NONE).values())
    total, found = sum(costs.values()), shares(costs)
    user, cpu = with_all.median("user_us"), with_all.median("cpu_us")
    together = sum(found.values())
    microseconds = user * together / total
    figures = {"cpu_us": cpu, "cpu_us_without_protection": without.median("cpu_us"), "instructions": total,
               "instructions_without_protection": bare, "features": found, "instructions_of_features": together,
               "cpu_us_of_features": microseconds, "share": microseconds / (cpu - microseconds)}
    if options.json:
        print(json.dumps(figures, indent=2))
        return 0
    print(f"\n{'':<10} {'instructions':>13} {'of all':>8} {'CPU us':>8}")
    for name, cost in found.items():
        print(f"{name:<10} {cost:13.0f} {cost / total:8.1%} {user * cost / total:8.3f}")
    print(f"{'together':<10} {together:13.0f} {together / total:8.1%} {microseconds:8.3f}   "
          f"{figures['share']:.1%} over a request without them\n\n"
          f"all: {cpu:.2f} us and {total:.0f} instructions a request; without breaker, retry and outlier ejection: "
          f"{without.median('cpu_us'):.2f} us and {bare:.0f}")
    return 0


if __name__ == "__main__":
    measure.main(run)
