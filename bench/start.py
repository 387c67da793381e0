#!/usr/bin/env python3
"""From exec to the first answered request through the gateway: ./dev bench start.

The backend is up before; what is measured is Trunkline alone: reading the manifest, binding, the first
probe, the first request. Each round starts a fresh process in a fresh folder.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import time

from kit import backends, measure, peers
from kit.scenario import Scenario

PAUSE_SECONDS = 0.0005
DEADLINE_SECONDS = 10.0


def one_start(binary, folder, backend):
    """Milliseconds until the first 200."""
    port = measure.free_port()
    log = folder / "start.log"
    manifest = peers.trunkline_manifest(Scenario(), folder / "start", port, backend)
    began = time.monotonic()
    process = measure.start([binary, "up", "--manifest", manifest], log)
    while measure.get(port, 1.0) != 200:
        if process.poll() is not None or time.monotonic() - began > DEADLINE_SECONDS:
            words = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"trunkline did not answer (status {process.poll()}); it said:\n{words}")
        time.sleep(PAUSE_SECONDS)
    took = (time.monotonic() - began) * 1000
    measure.stop(process)
    shutil.rmtree(folder / "start")
    return took


def run():
    parser = argparse.ArgumentParser(prog="./dev bench start", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--bin-dir", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    binary = options.bin_dir.resolve() / "trunkline"
    if not binary.exists():
        raise RuntimeError(f"{binary.name} is not built; run ./dev build")
    folder = measure.workdir()
    backend = backends.start_nginx(folder)
    times = [one_start(binary, folder, backend) for _ in range(options.rounds)]
    figures = {"median_ms": statistics.median(times), "min_ms": min(times), "max_ms": max(times), "rounds": len(times)}
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        print(f"start to first answer: {figures['median_ms']:.1f} ms median of {len(times)} "
              f"({figures['min_ms']:.1f} to {figures['max_ms']:.1f})")
    return 0


if __name__ == "__main__":
    measure.main(run)
