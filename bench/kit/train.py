"""The training run of './dev build pgo': an instrumented Trunkline under the loads of the matrix.

python3 -m kit.train BIN_DIR PROFILE. What a program has counted is written when it ends, so each is asked to end in
order; a run that left nothing behind is an error, for the build would silently be made without a profile.
"""
import os
import pathlib
import subprocess
import sys

from kit import backends, load, measure, rounds, peers
from kit.scenario import MATRIX

SECONDS = 2


def train(scenario, binary, folder, cpus):
    folder.mkdir()
    backend = backends.start(scenario, folder, cpus[0])
    row = rounds.start_row("trunkline", peers.start_trunkline,
                           peers.Site(scenario, folder, backend, cpus[1], {"trunkline": binary}))
    if row.absent:
        raise RuntimeError(row.absent)
    seen = load.run(scenario, row.port, SECONDS, cpus[0], folder)
    print(f"  {scenario.name}: {seen.requests} requests", flush=True)
    measure.stop(row.process, grace=30.0)
    measure.stop_all()
    return seen.requests


def main():
    binary, profile = pathlib.Path(sys.argv[1]).resolve() / "trunkline", pathlib.Path(sys.argv[2]).resolve()
    folder, cpus = measure.workdir(), measure.proxy_cpus()
    os.environ["LLVM_PROFILE_FILE"] = str(folder / "%p.profraw")
    for number, scenario in enumerate(MATRIX):
        train(scenario, binary, folder / str(number), cpus)
    raw = sorted(folder.glob("*.profraw"))
    if len(raw) < len(MATRIX):
        raise RuntimeError(f"{len(MATRIX)} runs left {len(raw)} profiles")
    subprocess.run([measure.find("llvm-profdata-19"), "merge", "-o", str(profile), *map(str, raw)], check=True)
    return 0


if __name__ == "__main__":
    measure.main(main)
