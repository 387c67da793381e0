#!/usr/bin/env python3
"""CPU per proxied request, side by side: ./dev bench proxy.

One nginx backend answers 64 bytes (--body); nginx, HAProxy, Envoy, a raw byte relay (the floor) and Trunkline stand
in front of it in turn, each with one thread. wrk keeps 64 connections busy. Rounds are interleaved
(A B C D A B C D ...), so that whatever else the machine does hits all rows alike; the median counts.
CPU is the proxy's own, all its threads and workers, divided by the requests that were answered. ./dev bench matrix does
the same over many scenarios.
"""
import dataclasses
import json

from kit import bench, measure, peers, rounds
from kit.scenario import BODY, Scenario


def parse():
    parser = bench.options_of("proxy", __doc__.split("\n\n", maxsplit=1)[0], seconds=4, round_count=5)
    parser.add_argument("--unix", action="store_true", help="add a row of Trunkline with the service on a Unix socket")
    parser.add_argument("--accelerate", action="store_true",
                        help="add rows of Trunkline with one side or both joined in the kernel")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--body", type=int, default=BODY, help="bytes of an answer")
    return parser.parse_args()


def add_unix(rows, scenario, options, folder, cpu):
    programs = bench.programs_of(options)
    site = peers.Site(scenario, folder, f"unix:{folder}/backend.sock", cpu, {"unix": programs["trunkline"]})
    rows.append(rounds.start_row("unix", lambda site: peers.start_trunkline(site, "unix"), site))


JOINED = {"joined-service": ["service"], "joined-client": ["client"], "joined": ["client", "service"]}


def joined_starters():
    return {name: (lambda site, name=name, sides=sides: peers.start_joined(site, name, sides))
            for name, sides in JOINED.items()}


def run():
    options = parse()
    say = (lambda *_, **__: None) if options.json else print
    cpus = measure.proxy_cpus()
    bench.say_cpus(cpus, say)
    bench.need_load()
    folder = measure.workdir()
    scenario = dataclasses.replace(Scenario(), connections=options.connections, body=options.body)
    rows = bench.start_rows(scenario, options, folder, cpus, joined_starters() if options.accelerate else {})
    if options.unix:
        add_unix(rows, scenario, options, folder, cpus[1])
    say(f"{scenario.connections} connections, {scenario.body}-byte answers; "
        f"{options.rounds} rounds of {options.seconds} s for each of: " + ", ".join(r.name for r in rows if not r.absent))
    rounds.run(rows, scenario, options, cpus[0], folder, say)
    if options.json:
        print(json.dumps({row.name: row.summary() for row in rows}, indent=2))
    else:
        bench.print_table(rows)
        for row in rows:
            if row.name == "trunkline" and not row.absent:
                print(f"\ntrunkline's resident memory: {row.rss_at_start / 2**20:.1f} MB after start, "
                      f"{row.rss_after / 2**20:.1f} MB after the load")
    return 0 if bench.went_well(rows) else 1


if __name__ == "__main__":
    measure.main(run)
