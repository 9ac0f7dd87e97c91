"""What measuring costs a load test, and how exact the open-loop probe is.

Requests in a second of a test by opsrounds against bare Locust with the same file, in turn in one run; response times
of the probe against wrk and hey at the same rate. The server is a small one in a process of its own: `make bench`.
"""

import asyncio
import math
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tasks.load.generator.plan import Plan, locust_environment
from tasks.load.generator.probed import ask_to_end, read_probe, start_probe
from tasks.load.generator.trace import Window
from tasks.load.measure import measure_load
from tasks.processes import Child, free_port, run
from tests.load_target import load_service, profile

USERS, SECONDS, PAIRS = 8, 3, 16
RATE, PROBED_S, CONNECTIONS, TURNS = 200, 5, 4, 5
WRK_DONE = """
function done(summary, latency, requests)
  for _, share in ipairs({50, 95, 99}) do print(string.format("p%d %f", share, latency:percentile(share))) end
end
"""
FULL = """
from locust import FastHttpUser, constant, task
class Full(FastHttpUser):
    wait_time = constant(0)
    @task
    def item(self): self.client.get("/item", name="shop:/item")
"""
ALL_AT_ONCE = "limits = { max_per_second = 1000000 }\n"


class Server(asyncio.Protocol):
    """Answers every request with a few bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client."""
        self._line = transport

    def data_received(self, data: bytes) -> None:
        """One request or several."""
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * data.count(b"\r\n\r\n")
        self._line.write(answer)  # type: ignore[attr-defined]


async def serve(port: int) -> None:
    """For ever."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    await server.serve_forever()


@dataclass(frozen=True)
class Throughput:
    """Requests in a second, and requests for a second of CPU time of all processes that make and measure them."""

    per_second: float
    per_cpu_second: float


def bare(folder: Path, url: str) -> Throughput:
    """Locust by itself, counted by Locust."""
    (folder / "full.py").write_text(FULL)
    options = f"--headless -u {USERS} -r {USERS} -t {SECONDS + 1}s --only-summary --host {url} --json-file bare"
    argv = [sys.executable, "-m", "locust", "-f", "full.py", *options.split()]
    before = cpu_s()
    run(argv, deadline_s=SECONDS + 60, cwd=folder, env=locust_environment({}))
    text = (folder / "bare.json").read_text()
    requests = int(re.findall(r'"num_requests": (\d+)', text)[0])
    first, last = (
        float(re.findall(rf'"{key}": ([\d.]+)', text)[0]) for key in ("start_time", "last_request_timestamp")
    )
    return Throughput(requests / (last - first), requests / (cpu_s() - before))


def ours(folder: Path, url: str) -> Throughput:
    """The same by opsrounds, with its probe at the rate that is the default."""
    settings = load_service(folder, url, {"full.py": FULL}, ALL_AT_ONCE, rate=20)
    before = cpu_s()
    found = asyncio.run(
        measure_load(settings, profile((USERS, float(SECONDS))), production=False, at=datetime.now(UTC))
    )
    assert found.locust is not None, found.problem
    return Throughput(found.whole.per_second, found.locust.requests / (cpu_s() - before))


def cpu_s() -> float:
    """CPU time of children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


Percentiles = dict[str, float]


def probed(folder: Path, url: str) -> Percentiles:
    """p50, p95 and p99 of the probe in ms."""
    settings = load_service(folder, url, {"full.py": FULL}, ALL_AT_ONCE, rate=RATE)
    assert settings.load is not None
    load = settings.load
    with start_probe(Plan(load, profile((1, 1.0)), folder, (), None), {}) as probe:
        time.sleep(PROBED_S)
        ask_to_end(probe)
        probe.wait(10)
    now = time.time()
    found = read_probe(folder, [Window(now - PROBED_S + 1, now - 1)], 2.0)
    assert found is not None and found.sent == found.planned
    assert found.latency.p50_ms and found.latency.p95_ms and found.latency.p99_ms
    return {"p50": found.latency.p50_ms, "p95": found.latency.p95_ms, "p99": found.latency.p99_ms}


def wrk(folder: Path, url: str) -> Percentiles:
    """wrk has no rate: a script makes each of its connections wait."""
    script = folder / "rate.lua"
    script.write_text(f"function delay() return {round(1000 * CONNECTIONS / RATE)} end\n" + WRK_DONE)
    argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{PROBED_S}s", "-s", str(script), f"{url}/probe"]
    text = run(argv, deadline_s=PROBED_S + 30).stdout.decode()
    return {share: float(us) / 1000 for share, us in re.findall(r"^(p\d+) ([\d.]+)$", text, re.MULTILINE)}


def hey(_folder: Path, url: str) -> Percentiles:
    """hey at the same rate; it rounds to 0.1 ms."""
    argv = ["hey", "-z", f"{PROBED_S}s", "-c", str(CONNECTIONS), "-q", str(RATE // CONNECTIONS), f"{url}/probe"]
    text = run(argv, deadline_s=PROBED_S + 30).stdout.decode()
    return {f"p{share}": float(s) * 1000 for share, s in re.findall(r"(50|95|99)%+ in ([\d.]+) secs", text)}


TOOLS = {"probe": probed, "wrk": wrk, "hey": hey}


def throughput(folder: Path, url: str) -> None:
    """Print what measuring costs: many short pairs, each in the other order than the one before."""
    pairs: list[tuple[Throughput, Throughput]] = []
    for number in range(PAIRS):
        if number % 2:
            measured = ours(folder, url)
            pairs.append((bare(folder, url), measured))
        else:
            pairs.append((bare(folder, url), ours(folder, url)))
    for name, ratios in (
        ("requests/s", [b.per_second / a.per_second for a, b in pairs]),
        ("requests per CPU second", [b.per_cpu_second / a.per_cpu_second for a, b in pairs]),
    ):
        low, middle, high = statistics.quantiles(ratios, n=4)
        sys.stdout.write(
            f"{USERS} users, {PAIRS} pairs: {name} x {middle:.3f} of bare Locust's, quartiles {low:.3f} to {high:.3f}\n"
        )


def accuracy(folder: Path, url: str) -> None:
    """Print the medians of the percentiles of each tool, taken in turn."""
    tools = {name: tool for name, tool in TOOLS.items() if name == "probe" or shutil.which(name)}
    for name in TOOLS.keys() - tools.keys():
        sys.stdout.write(f"{name} is not installed: skipped\n")
    seen: dict[str, list[Percentiles]] = {name: [] for name in tools}
    for turn in range(TURNS):
        for name, tool in tools.items():
            own = folder / f"{name}-{turn}"
            own.mkdir()
            seen[name].append(tool(own, url))
    for name, found in seen.items():
        shown = " ".join(
            f"{share} {statistics.median(one.get(share, math.nan) for one in found):.3f}"
            for share in ("p50", "p95", "p99")
        )
        sys.stdout.write(f"{RATE} requests/s, median of {TURNS}: {name:5} {shown} ms\n")


def main() -> None:
    """Print the ratio of throughputs and the response times."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opsrounds-bench-")))
        argv = [sys.executable, "-m", "tests.bench.load", str(port)]
        stack.enter_context(Child(argv, log=folder / "server.log", cwd=Path.cwd()))
        while subprocess.run(["curl", "-s", "-o", "/dev/null", url], check=False).returncode:
            time.sleep(0.05)
        accuracy(folder, url)
        throughput(folder, url)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(serve(int(sys.argv[1])))
    else:
        main()
