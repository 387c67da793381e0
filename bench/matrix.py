#!/usr/bin/env python3
"""The same comparison over connections, bodies, TLS, HTTP/2, gRPC and routes: ./dev bench matrix.

Each row is one scenario of kit/scenario.py with a backend and programs of its own, measured in interleaved rounds as
by './dev bench proxy'. Every row is printed, the lost ones too: a ratio above 1.00 says that the other one is cheaper.
"""
import json

from kit import bench, measure
from kit.scenario import MATRIX


def parse():
    parser = bench.options_of("matrix", __doc__.split("\n\n", maxsplit=1)[0], seconds=2, round_count=3)
    parser.add_argument("--rows", help="only scenarios whose name contains one of these words (comma between)")
    return parser.parse_args()


def chosen(options):
    words = options.rows.lower().split(",") if options.rows else [""]
    found = [one for one in MATRIX if any(word in one.name.lower() for word in words)]
    if not found:
        raise RuntimeError(f"no such row; there are: {', '.join(one.name for one in MATRIX)}")
    return found


def cell(row):
    return "-" if row.absent else f"{row.median('cpu_us'):.2f}"


def ratio(row, other):
    return "-" if row.absent or other.absent else f"{row.median('cpu_us') / other.median('cpu_us'):.2f}"


def lost(rows):
    """The peers that need less CPU for this, by the medians."""
    ours = rows["trunkline"]
    if ours.absent:
        return []
    return [name for name in ("nginx", "haproxy", "envoy") if name in rows and not rows[name].absent
            and rows[name].median("cpu_us") < ours.median("cpu_us")]


def print_matrix(results):
    names = list(next(iter(results.values())))
    others = [name for name in names if name != "trunkline"]
    print(f"\nCPU microseconds a request, then Trunkline's share of each, then p99 in microseconds\n{'':<22}"
          + "".join(f"{name:>10}" for name in names) + "  |" + "".join(f"{'of ' + name:>12}" for name in others)
          + "  | p99" + "".join(f"{name:>10}" for name in names))
    for title, rows in results.items():
        behind = lost(rows)
        print(f"{title:<22}" + "".join(f"{cell(rows[name]):>10}" for name in names) + "  |"
              + "".join(f"{ratio(rows['trunkline'], rows[name]):>12}" for name in others) + "  |    "
              + "".join(f"{'-' if rows[name].absent else format(rows[name].median('p99_us'), '.0f'):>10}" for name in names)
              + (f"  behind {', '.join(behind)}" if behind else ""))


def run():
    options = parse()
    say = (lambda *_, **__: None) if options.json else print
    cpus = measure.proxy_cpus()
    bench.say_cpus(cpus, say)
    bench.need_load()
    folder = measure.workdir()
    results, well = {}, True
    for number, scenario in enumerate(chosen(options)):
        say(f"\n== {scenario.name}")
        rows = bench.measure_scenario(scenario, options, folder / str(number), cpus, say)
        if not options.json:
            bench.print_table(rows)
        results[scenario.name] = {row.name: row for row in rows}
        well = well and bench.went_well(rows)
    if options.json:
        print(json.dumps({title: {name: row.summary() for name, row in rows.items()} for title, rows in results.items()},
                         indent=2))
    else:
        print_matrix(results)
    return 0 if well else 1


if __name__ == "__main__":
    measure.main(run)
