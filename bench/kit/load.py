"""The load: wrk for HTTP/1.1, h2load for HTTP/2. One thread, closed loop, keep-alive."""
import dataclasses
import os
import re
import subprocess

from kit import measure
from kit.backends import GRPC_MESSAGE

UNITS = {"us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000}


@dataclasses.dataclass
class Load:
    """What one run of the load saw; times in microseconds."""
    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int


def run(scenario, port, seconds, cpu, folder):
    if scenario.client == "http2":
        return run_h2load(scenario, port, seconds, cpu, folder)
    return run_wrk(scenario, port, seconds, cpu, folder)


def output_of(command, cpu):
    ended = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                           preexec_fn=None if cpu is None else lambda: os.sched_setaffinity(0, {cpu}))
    if ended.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {ended.stderr or ended.stdout}")
    return ended.stdout


def request_words(scenario, folder):
    words = [word for line in scenario.headers for word in ("-H", line)]
    if scenario.post:
        script = folder / "post.lua"
        script.write_text(f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [==[{scenario.post}]==]\n')
        words += ["-s", script]
    return words


def run_wrk(scenario, port, seconds, cpu, folder):
    text = output_of([measure.find("wrk"), "-t1", f"-c{scenario.connections}", f"-d{seconds}s", "--latency",
                      *request_words(scenario, folder), f"{scenario.scheme}://127.0.0.1:{port}{scenario.path}"], cpu)
    done = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", text)
    if not done:
        raise RuntimeError(f"wrk said: {text}")
    errors = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout|Non-2xx or 3xx responses:) (\d+)", text))

    def latency(share):
        found = re.search(rf"{share}%\s+([\d.]+)(us|ms|s|m)", text)
        return float(found[1]) * UNITS[found[2]]

    return Load(int(done[1]), float(done[2]) * UNITS[done[3]] / 1e6, latency(50), latency(99), errors)


def run_h2load(scenario, port, seconds, cpu, folder):
    log = folder / "h2load.log"
    log.unlink(missing_ok=True)
    path = "/call" if scenario.grpc else scenario.path
    command = [measure.find("h2load"), "-t1", f"-c{scenario.connections}", f"-m{scenario.streams}", f"-D{seconds}",
               f"--log-file={log}"]
    if scenario.grpc:
        message = folder / "message"
        message.write_bytes(GRPC_MESSAGE)
        command += [f"--data={message}", "--header=content-type: application/grpc", "--header=te: trailers"]
    text = output_of([*command, f"{scenario.scheme}://127.0.0.1:{port}{path}"], cpu)
    done = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    good = re.search(r"status codes: (\d+) 2xx", text)
    if not done or not good:
        raise RuntimeError(f"h2load said: {text}")
    # Start, status, microseconds: a line a request. h2load has no percentiles of its own.
    times = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines()) or [0]
    errors = sum(int(number) for number in done.groups()[1:]) + max(0, int(done[1]) - int(good[1]))
    return Load(int(good[1]), float(seconds), times[len(times) // 2], times[len(times) * 99 // 100], errors)
