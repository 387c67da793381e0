"""What `proxy` and `matrix` have in common: options, the rows of a scenario, the table of one scenario."""
import argparse
import pathlib

from kit import backends, envoy, measure, peers, rounds

BINARIES = pathlib.Path("build")
PEERS = {"nginx": peers.start_nginx, "haproxy": peers.start_haproxy, "envoy": envoy.start, "relay": peers.start_relay,
         "trunkline": peers.start_trunkline}


def options_of(name, about, seconds, round_count):
    parser = argparse.ArgumentParser(prog=f"./dev bench {name}", description=about)
    parser.add_argument("--bin-dir", type=pathlib.Path, default=BINARIES / "release/bin")
    parser.add_argument("--rounds", type=int, default=round_count)
    parser.add_argument("--seconds", type=int, default=seconds, help="of load for each row in each round")
    parser.add_argument("--only", action="append", help="measure this program only (repeat for more)")
    parser.add_argument("--preset", action="append", default=[], help="add a row of Trunkline as built by this preset")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=BINARY", help="add a row of another Trunkline")
    parser.add_argument("--envoy", metavar="BINARY", help="Envoy's program, where it is not in the PATH")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of a table")
    return parser


def programs_of(options):
    """Row -> program, of those that are not looked for in the PATH."""
    folder = options.bin_dir.resolve()
    programs = {"relay": folder / "bench_relay", "trunkline": folder / "trunkline"}
    if options.envoy:
        programs["envoy"] = options.envoy
    for preset in options.preset:
        programs[preset] = (BINARIES / preset / "bin/trunkline").resolve()
    for word in options.also:
        name, _, binary = word.partition("=")
        programs[name] = pathlib.Path(binary).resolve()
    return programs


def start_rows(scenario, options, folder, cpus, starters=None):
    """The backend and the programs of a scenario; `starters` are more of them."""
    load_cpu, proxy_cpu = cpus
    backend = backends.start(scenario, folder, load_cpu)
    programs = programs_of(options)
    site = peers.Site(scenario, folder, backend, proxy_cpu, programs)
    rows = []
    more = {name: (lambda site, name=name: peers.start_trunkline(site, name)) for name in programs if name not in PEERS}
    more |= starters or {}
    for name, starter in (PEERS | more).items():
        if not options.only or name in options.only or name in more:
            rows.append(rounds.start_row(name, starter, site))
    return rows


def measure_scenario(scenario, options, folder, cpus, say):
    """Starts everything, measures, ends everything; the rows."""
    folder.mkdir()
    rows = start_rows(scenario, options, folder, cpus)
    try:
        rounds.run(rows, scenario, options, cpus[0], folder, say)
    finally:
        measure.stop_all()
    return rows


def need_load():
    for name in ("nginx", "wrk", "h2load"):
        if not measure.find(name):
            raise RuntimeError(f"{name} is not installed; ./dev bench installs it")


def say_cpus(cpus, say):
    say(f"load and backend on CPU {cpus[0]}, proxy on CPU {cpus[1]}" if cpus[0] is not None else
        "one CPU only: load, backend and proxy share it")


def print_table(rows):
    base = {row.name: row.median("cpu_us") for row in rows if not row.absent}
    print(f"\n{'':<14} {'CPU us/req':>10} {'user':>6} {'system':>7} {'of nginx':>9} {'of relay':>9} {'spread':>15} "
          f"{'req/s':>8} {'p50 us':>7} {'p99 us':>7} {'RSS':>8}")
    for row in rows:
        if row.absent:
            print(f"{row.name:<14} {row.absent}")
            continue
        s = row.summary()
        ratios = " ".join(f"{s['cpu_us'] / base[one]:9.2f}" if one in base else f"{'-':>9}" for one in ("nginx", "relay"))
        spread = f"{s['cpu_us_min']:.2f}-{s['cpu_us_max']:.2f}"
        print(f"{row.name:<14} {s['cpu_us']:10.2f} {s['user_us']:6.2f} {s['system_us']:7.2f} {ratios} {spread:>15} "
              f"{s['requests_per_s']:8.0f} {s['p50_us']:7.0f} {s['p99_us']:7.0f} {s['rss_after'] / 2**20:5.1f} MB"
              + (f"  {s['errors']:.0f} ERRORS" if s["errors"] else ""))


def went_well(rows):
    return not any(row.failed or any(one["errors"] for one in row.rounds) for row in rows)
