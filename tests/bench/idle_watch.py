"""What a cycle of the monitoring costs while all is well, with and without alerts: CPU, wall and memory.

`python -m tests.bench.idle_watch [CYCLES]`, a few minutes. The service has 40 series of samples and the requests of 60
routes of the last three days; each variant runs in a process of its own, whose site costs the same in both.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random

import psutil
from sqlalchemy import Connection, text

from flows.cycle import Cycles
from tasks.history.engine import writing
from tasks.history.opened import history_of
from tasks.settings import load_settings
from tasks.slo.windows import minute_of
from tests.bench.at_rest import Site
from tests.bench.two_years import MODULES, NOW, ROUTES, fill, sketches, traffic

DAYS, DISKS, WARM = 3, 14, 3
MINUTE = timedelta(minutes=1)
SKETCHES = sketches(5, Random(1))
SERVICE = """
[service]
name = "shop"
base_url = "{url}"
timezone = "Asia/Tokyo"
modules = [{modules}]
[health]
live = "/live"
ready = "/ready"
[resources]
[[logs.source]]
name = "app"
kind = "file"
paths = ["app.log"]
[mail]
to = [{{ address = "team@shop.example" }}]
[history]
url = "sqlite:///history.db"
"""
ALERTS = """
[alerts]
levels = { warning = ["mail"], emergency = ["mail"] }
off = ["resources.cpu"]  # the machine of the bench may be busy
"""


@dataclass(frozen=True)
class Cost:
    """Of each cycle, seconds; and what the process had at its end, bytes."""

    cpu: list[float]
    wall: list[float]
    memory: int


def main() -> None:
    """Both variants, one after the other."""
    cycles = int(sys.argv[1]) if len(sys.argv) > 1 else 72
    print("| | CPU ms, median | mean | worst | wall ms, median | mean | memory MiB |\n|--|--:|--:|--:|--:|--:|--:|")
    for name, alerts in (("without alerts", ""), ("with alerts", ALERTS)):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            cost = process.submit(measured, alerts, cycles).result()
        cpu, wall = ([1000 * seconds for seconds in of] for of in (cost.cpu, cost.wall))
        print(
            f"| {name} | {statistics.median(cpu):.0f} | {statistics.mean(cpu):.0f} | {max(cpu):.0f} "
            f"| {statistics.median(wall):.0f} | {statistics.mean(wall):.0f} | {cost.memory / 2**20:.0f} |",
            flush=True,
        )


def measured(alerts: str, cycles: int) -> Cost:
    """What so many cycles cost, after the first ones."""
    with tempfile.TemporaryDirectory(prefix="opsrounds-idle-") as name:
        folder, site = Path(name), Site()
        (folder / "app.log").touch()
        modules = ", ".join(f'"m{number}"' for number in range(MODULES))
        file = folder / "shop.toml"
        file.write_text(SERVICE.format(url=site.url, modules=modules) + alerts)
        settings = load_settings(file)
        history, end = history_of(settings), minute_of(NOW) + 1
        with writing(history) as connection:
            made(connection)
            grown(connection, end - DAYS * 24 * 60, end)
        cpu, wall = list[float](), list[float]()

        async def run() -> None:
            with Cycles("bench") as held:
                for number in range(1, WARM + cycles + 1):
                    with writing(history) as connection:
                        grown(connection, end + number - 1, end + number)
                    used, began = time.process_time(), time.perf_counter()
                    minute = await held.hold_one(settings, NOW + number * MINUTE)
                    cpu.append(time.process_time() - used)
                    wall.append(time.perf_counter() - began)
                    assert not minute.problems and "alert" not in minute.found, minute

        asyncio.run(run())
        memory = psutil.Process().memory_full_info().uss
        site.server.shutdown()
    return Cost(cpu[WARM:], wall[WARM:], memory)


def figures() -> list[tuple[str, str, float]]:
    """Name, subject and value of each series, within its limits."""
    found = [("probe.live", "service", 1.0), ("probe.ready", "service", 1.0), ("probe.ready.latency", "service", 9.0)]
    found += [(name, "host", 10.0) for name in ("cpu.used", "memory.used", "swap.used", "pressure.memory")]
    found += [(name, f"host/disk:/d{n}", 10.0) for name in ("disk.used", "inodes.used") for n in range(DISKS)]
    return found + [(name, f"c{n}", 10.0) for name in ("container.memory", "container.throttled") for n in range(2)]


def made(connection: Connection) -> None:
    """A service with its series."""
    service = text("INSERT INTO services (id, name, sequence, chained) VALUES (1, 'shop', 0, :c)")
    connection.execute(service, {"c": "0" * 64})
    fill(connection, "latency_bounds", [(1, 200.0, 500.0, 1000.0, None)])
    routes = ((n + 1, 1, f"m{n // ROUTES}", f"/m{n // ROUTES}/r{n % ROUTES}") for n in range(MODULES * ROUTES))
    fill(connection, "traffic_series", routes)
    fill(connection, "sample_series", ((n + 1, 1, name, at, "%", 0) for n, (name, at, _) in enumerate(figures())))


def grown(connection: Connection, first: int, end: int) -> None:
    """Samples and good requests of so many minutes."""
    for series in range(MODULES * ROUTES):
        rows = ((*row[:3], 0, *row[4:6], 5, *row[7:]) for row in traffic(series + 1, first, end, 1, SKETCHES, 5))
        fill(connection, "traffic_minutes", rows)
    for number, (_, _, value) in enumerate(figures()):
        fill(connection, "samples", ((number + 1, at, value) for at in range(first, end)))


if __name__ == "__main__":
    main()
