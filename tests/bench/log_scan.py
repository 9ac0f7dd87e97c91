"""What reading logs costs: the scan against DuckDB, an idle minute of monitoring, and what a day takes in the history.

`make bench` runs it; `--oracle` counts five long logs twice instead, which takes some minutes.
"""

import argparse
import asyncio
import gzip
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.demo.faults import service_name
from deployments.demo.run import demo_service
from deployments.prefect_server import PrefectServer, client_settings
from deployments.run import flush_prefect
from flows.monitoring import monitoring
from tasks.history.engine import open_history
from tasks.history.migrate import require_current
from tasks.logs.count.batch import Batch, MinuteTraffic
from tasks.logs.count.sketch import sketch_index
from tasks.logs.store.counts import open_source, store_batch
from tasks.postgres.server import running_postgres
from tasks.settings import use_services
from tests.bench.logs import START, LogShape, write_log
from tests.bench.oracle import BOUNDS_MS, by_duckdb, by_scan, scan_batches, worst_quantile

LOG = LogShape(830_000, seed=1)
"""About 300 MB."""
ORACLE = tuple(
    LogShape(lines, seed) for seed, lines in enumerate((1_000_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000))
)
RUNS = 3
SERVICE = service_name(frozenset())
SERIES = [(f"module{module}", f"/api/route{route}") for module in range(6) for route in range(10)]
REQUESTS_A_MINUTE = 20
MINUTES_A_DAY = 1440
_DUCKDB = """
    SELECT module, date_trunc('minute', timestamp), count(*), count(*) FILTER (status >= 500),
        count(*) FILTER (duration <= 200), count(*) FILTER (duration <= 500), count(*) FILTER (duration <= 1000),
        approx_quantile(duration, 0.95)
    FROM read_json(?, format='newline_delimited', ignore_errors=true, columns={timestamp: 'TIMESTAMP',
        level: 'VARCHAR', module: 'VARCHAR', method: 'VARCHAR', url: 'VARCHAR', status: 'INTEGER',
        duration: 'DOUBLE', error: 'JSON'}) GROUP BY ALL
"""


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--oracle", action="store_true", help="count five long logs by the scan and by DuckDB")
    parser.add_argument("--child", choices=("scan", "duckdb", "monitoring"), help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child == "monitoring":
        _monitor()
        flush_prefect()
    elif arguments.child:
        _say(json.dumps(_measured(arguments.child, arguments.path)))
    elif arguments.oracle:
        compare_counts()
    else:
        time_scans()
        time_monitoring()
        weigh_history()


def compare_counts() -> None:
    """Print for each long log what was counted, and every difference."""
    _say("| lines | well-formed | module-minutes | equal | worst quantile |\n|--:|--:|--:|--|--:|")
    for shape in ORACLE:
        with tempfile.TemporaryDirectory(prefix="opsrounds-bench-") as folder:
            path = write_log(Path(folder) / "app.log", shape)
            ours, theirs = by_scan(path), by_duckdb(path)
        names = ("lines", "well_formed", "requests", "errors")
        unequal = [name for name in names if getattr(ours, name) != getattr(theirs, name)]
        _say(
            f"| {ours.lines:,} | {ours.well_formed:,} | {len(ours.requests):,} | {', '.join(unequal) or 'yes'} "
            f"| {worst_quantile(ours, theirs):.3%} |"
        )


def time_scans() -> None:
    """Print the cost of the scan and of DuckDB on one log, plain and packed, each in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="opsrounds-bench-") as folder:
        plain = write_log(Path(folder) / "app.log", LOG)
        packed = plain.with_suffix(".log.gz")
        with plain.open("rb") as source, gzip.open(packed, "wb", 6) as target:
            shutil.copyfileobj(source, target)
        gigabytes = plain.stat().st_size / 1e9
        _say(f"log of {gigabytes:.3f} GB, {LOG.lines:,} lines, 5 % malformed; medians of {RUNS}; GB are unpacked ones")
        _say("| | CPU-s/GB | wall s/GB | peak MB | above the start |\n|--|--:|--:|--:|--:|")
        runs: dict[tuple[str, Path], list[dict[str, float]]] = {}
        for _ in range(RUNS):  # in turn, so that a busy neighbour meets all of them
            for place in ((kind, path) for path in (plain, packed) for kind in ("scan", "duckdb")):
                runs.setdefault(place, []).append(_child(*place))
        for (kind, path), found in runs.items():
            cpu, wall, peak, start = (
                statistics.median(run[name] for run in found) for name in ("cpu_s", "wall_s", "peak_mb", "start_mb")
            )
            costs = f"{cpu / gigabytes:.2f} | {wall / gigabytes:.2f}"
            _say(f"| {kind} {path.suffix} | {costs} | {peak:.0f} | {peak - start:.0f} |")


def _child(kind: str, path: Path) -> dict[str, float]:
    argv = [sys.executable, "-m", "tests.bench.log_scan", "--child", kind, "--path", str(path)]
    found: dict[str, float] = json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=600).stdout)
    return found


def _measured(kind: str, path: Path) -> dict[str, float]:
    start_mb, cpu, wall = _peak_mb(), time.process_time(), time.perf_counter()
    if kind == "scan":
        for _ in scan_batches(path):
            pass
    else:
        import duckdb

        with duckdb.connect() as connection:
            connection.execute("SET threads = 2")
            connection.execute(_DUCKDB, [str(path)]).fetchall()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_s": cpu, "wall_s": wall, "peak_mb": _peak_mb(), "start_mb": start_mb}


def time_monitoring() -> None:
    """Print what a minute of monitoring costs with nothing new in the logs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opsrounds-bench-")))
        server = PrefectServer(folder / "prefect", auth=None, services=False)
        stack.enter_context(server.child)
        use_services(stack.enter_context(demo_service(folder / "demo", folder / "reports", frozenset())))
        server.wait_until_healthy()
        stack.enter_context(temporary_settings({PREFECT_API_URL: server.api_url}))
        stack.callback(flush_prefect)
        _monitor()  # reads what the demo has logged
        warm = [_cost_of_warm_run() for _ in range(5)]
        fresh = [_cost_of_fresh_run(server.api_url) for _ in range(RUNS)]
    for name, found in (("in a fresh process", fresh), ("warm", warm)):
        wall, cpu = (statistics.median(side) for side in zip(*found, strict=True))
        _say(f"idle monitoring run {name}, median of {len(found)}: {wall:.2f} s, {cpu:.2f} CPU-s")


def _monitor() -> None:
    state = asyncio.run(monitoring(SERVICE, return_state=True))
    if not state.is_completed():
        raise RuntimeError(f"the run was to be timed, and it is {state.name}: {state.message}")


def _cost_of_warm_run() -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    _monitor()
    return time.perf_counter() - wall, time.process_time() - cpu


def _cost_of_fresh_run(api_url: str) -> tuple[float, float]:
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    argv = [sys.executable, "-m", "tests.bench.log_scan", "--child", "monitoring"]
    subprocess.run(argv, check=True, env=os.environ | client_settings(api_url, None), timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - wall, cpu


def weigh_history() -> None:
    """Print by how much a day of one-minute ingests makes the history grow, on both databases."""
    with tempfile.TemporaryDirectory(prefix="opsrounds-bench-") as name:
        folder = Path(name)
        file = folder / "history.db"
        _weigh("SQLite", f"sqlite:///{file}", folder, lambda: file.stat().st_size)
        with running_postgres(folder / "postgres") as server:

            def size() -> int:
                with psycopg.connect(server.dsn, autocommit=True) as connection:
                    connection.execute("VACUUM")
                    [found] = connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
                    return int(found)

            _weigh("PostgreSQL", f"postgresql://postgres@{server.host}:{server.port}/postgres", folder, size)


def _weigh(name: str, url: str, folder: Path, size: object) -> None:
    assert callable(size)
    history = open_history(url, folder)
    try:
        require_current(history)
        state = open_source(history, SERVICE, "app", synthetic=True)
        draw, begin = random.Random(1), int(START.timestamp()) // 60
        before, wall = size(), time.perf_counter()
        for minute in range(begin, begin + MINUTES_A_DAY):
            batch = Batch(traffic={(*place, minute): _traffic(draw) for place in SERIES}, newest_minute=minute)
            state, _ = store_batch(history, state, batch, BOUNDS_MS, datetime.now(UTC))
        seconds = time.perf_counter() - wall
        if history.dialect.name == "sqlite":
            with history.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        grown = size() - before
    finally:
        history.dispose()
    rows = len(SERIES) * MINUTES_A_DAY
    _say(
        f"{name}: {grown / 1e6:.1f} MB a day for {len(SERIES)} routes, {grown / rows:.0f} bytes a row, "
        f"{1000 * seconds / MINUTES_A_DAY:.0f} ms a minute's commit"
    )


def _traffic(draw: random.Random) -> MinuteTraffic:
    latencies = [draw.lognormvariate(4.2, 1.1) for _ in range(REQUESTS_A_MINUTE)]
    traffic = MinuteTraffic(
        [sum(ms <= bound for ms in latencies) for bound in BOUNDS_MS], len(latencies), 0, len(latencies)
    )
    for ms in latencies:
        traffic.bins[sketch_index(ms)] = traffic.bins.get(sketch_index(ms), 0) + 1
    return traffic


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
