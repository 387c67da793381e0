"""Interleaved rounds (A B C A B C ...), so that whatever else the machine does hits all rows alike; medians count."""
import dataclasses
import statistics
import time

from kit import load, measure, peers

WARM_UP_SECONDS = 1
PAUSE_SECONDS = 0.1


@dataclasses.dataclass
class Row:
    """One program in one scenario: its process and what each round measured, or why there is nothing."""
    name: str
    process: object = None
    port: int = 0
    absent: str = ""
    failed: bool = False  # absent, although it should not be
    rss_at_start: int = 0
    rss_after: int = 0
    rounds: list = dataclasses.field(default_factory=list)

    def median(self, key):
        return statistics.median(one[key] for one in self.rounds)

    def summary(self):
        if self.absent:
            return {"absent": self.absent}
        values = {key: self.median(key) for key in self.rounds[0]}
        totals = [one["cpu_us"] for one in self.rounds]
        return values | {"cpu_us_min": min(totals), "cpu_us_max": max(totals), "rounds": len(totals),
                         "errors": sum(one["errors"] for one in self.rounds),
                         "rss_at_start": self.rss_at_start, "rss_after": self.rss_after}


def start_row(name, starter, site):
    """Starts a program and waits until it answers. Without it the row says so: the others are worth having all the same."""
    try:
        process, port, log = starter(site)
        plain = site.scenario.client == "http1" and not site.scenario.tls
        measure.wait_ready(port, process, log, http1=plain, path=site.scenario.path)
    except RuntimeError as error:
        return Row(name, absent=str(error).rstrip(), failed=not isinstance(error, peers.Absent))
    return Row(name, process, port, rss_at_start=rss(process))


def rss(process):
    return sum(measure.rss_bytes(pid) for pid in measure.tree(process.pid))


def measure_once(row, scenario, seconds, cpu, folder):
    before = measure.cpu_seconds(row.process.pid)
    seen = load.run(scenario, row.port, seconds, cpu, folder)
    after = measure.cpu_seconds(row.process.pid)
    total, user, system = ((b - a) * 1e6 / max(1, seen.requests) for a, b in zip(before, after))
    # Ticks tell how the time divides, the scheduler's nanoseconds how much it is.
    share = user / (user + system) if user + system else 0.0
    return {"cpu_us": total, "user_us": total * share, "system_us": total * (1 - share),
            "requests_per_s": seen.requests / seen.seconds, "p50_us": seen.p50, "p99_us": seen.p99, "errors": seen.errors}


def run(rows, scenario, options, cpu, folder, say):
    """All rounds of all rows that are there."""
    run_pairs([(row, scenario) for row in rows if not row.absent], options, cpu, folder, say)


def run_pairs(pairs, options, cpu, folder, say):
    """All rounds of rows with a scenario of their own each."""
    present = [row for row, _ in pairs]
    for row, scenario in pairs:
        load.run(scenario, row.port, WARM_UP_SECONDS, cpu, folder)
    for number in range(options.rounds):
        for row, scenario in pairs:
            row.rounds.append(measure_once(row, scenario, options.seconds, cpu, folder))
            time.sleep(PAUSE_SECONDS)
        say(f"  round {number + 1}: " + ", ".join(f"{r.name} {r.rounds[-1]['cpu_us']:.2f}" for r in present), flush=True)
    for row in present:
        row.rss_after = rss(row.process)
