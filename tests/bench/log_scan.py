"""What reading logs costs: the scan against DuckDB, a backlog, a minute, and what a day takes in the history.

`make bench` runs it; `--equal` counts ten logs in other ways instead, and `--oracle` five long ones, which takes some
minutes.
"""

import argparse
import gzip
import hashlib
import json
import pickle
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from deployments.demo.faults import service_name
from tasks.history.engine import open_history
from tasks.history.migrate import require_current
from tasks.logs.backlog.piece import PieceOrder, scan_piece
from tasks.logs.count.batch import Batch, MinuteTraffic
from tasks.logs.count.memory import Memory
from tasks.logs.count.scan import Scan
from tasks.logs.count.sketch import sketch_index
from tasks.logs.ingest import read_log
from tasks.logs.lines.clock import Clock
from tasks.logs.settings import Fields, Source
from tasks.logs.sources.files import end_of_batch, identity, open_log
from tasks.logs.store.counts import open_source, store_batch
from tasks.postgres.server import running_postgres
from tests.bench.logs import START, LogShape, combined_lines, log_lines, nginx_lines, write_lines, write_log
from tests.bench.mutate import mutated
from tests.bench.oracle import (
    BOUNDS_MS,
    SOURCE,
    by_duckdb,
    by_scan,
    differences,
    plan_of,
    scan_batches,
    worst_quantile,
)
from tests.bench.peer import SAME, SMALL, ask
from tests.tasks.logs.conftest import Service
from tests.tasks.logs.count.reference import Reference

LOG = LogShape(830_000, seed=1)
"""About 300 MB."""
ORACLE = tuple(
    LogShape(lines, seed) for seed, lines in enumerate((1_000_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000))
)
RUNS = 3
KINDS = ("scan", "DuckDB, small question", "DuckDB, same question")
BACKLOG = LogShape(1_500_000, seed=2)
"""About 545 MB."""
MINUTE_LINES, MINUTES = 600, 20
NGINX = Source(
    name="nginx",
    kind="file",
    paths=("app.log",),
    fields=Fields(timestamp="time_iso8601", module="host", url="uri", duration="request_time"),
    duration_unit="s",
)
COMBINED = Source(name="combined", kind="file", paths=("app.log",), format="combined")
EQUAL: dict[str, tuple[Source, LogShape, Callable[[LogShape], Iterator[bytes]]]] = {
    "usual": (SOURCE, LogShape(50_000, 1), log_lines),
    "rare": (SOURCE, LogShape(50_000, 2, gap_ms=2000), log_lines),
    "malformed": (SOURCE, LogShape(50_000, 3, malformed_share=0.5), log_lines),
    "errors": (SOURCE, LogShape(30_000, 4, error_share=0.2), log_lines),
    "spotless": (SOURCE, LogShape(50_000, 5, malformed_share=0.0, error_share=0.0), log_lines),
    "packed": (SOURCE, LogShape(50_000, 6), log_lines),
    "many addresses": (SOURCE, LogShape(50_000, 7, many_addresses=True), log_lines),
    "nginx": (NGINX, LogShape(30_000, 8), nginx_lines),
    "combined": (COMBINED, LogShape(30_000, 9), combined_lines),
    "half mutated": (SOURCE, LogShape(50_000, 10), lambda shape: mutated(log_lines(shape), 0.5, 1)),
}
SERVICE = service_name(frozenset())
SERIES = [(f"module{module}", f"/api/route{route}") for module in range(6) for route in range(10)]
REQUESTS_A_MINUTE = 20
MINUTES_A_DAY = 1440


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--oracle", action="store_true", help="count five long logs by the scan and by DuckDB")
    parser.add_argument("--equal", action="store_true", help="count ten logs by the scan, line by line, and by DuckDB")
    parser.add_argument("--scan", action="store_true", help="only the scan beside DuckDB")
    parser.add_argument("--backlog", action="store_true", help="only a backlog on one process and on two")
    parser.add_argument("--child", choices=(*KINDS, "worker", "backlog"), help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child == "backlog":
        _say(json.dumps(_read_backlog(arguments.path, arguments.processes)))
    elif arguments.child:
        _say(json.dumps(_measured(arguments.child, arguments.path)))
    elif arguments.oracle:
        compare_counts()
    elif arguments.equal:
        compare_ways()
    else:
        if not arguments.backlog:
            time_scans()
        if not arguments.scan:
            time_backlog()
        if not (arguments.scan or arguments.backlog):
            time_minute()
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


def compare_ways() -> None:
    """Print for ten logs whether the scan counts what a plain pass counts line by line, and what DuckDB counts."""
    _say("| log | lines | as line by line | as DuckDB |\n|--|--:|--|--|")
    for name, (source, shape, lines) in EQUAL.items():
        with tempfile.TemporaryDirectory(prefix="opsrounds-bench-") as folder:
            path = write_lines(Path(folder) / "app.log", lines(shape))
            if name == "packed":
                path = _packed(path)
            found, same = 0, True
            plain = Reference(plan_of(source), START, Clock.at(START + timedelta(days=2)))
            with gzip.open(path) if name == "packed" else path.open("rb") as file:
                raw = file.read().split(b"\n")[:-1]
            at = 0
            for batch in scan_batches(path, source):
                number = batch.total.lines
                same, at, found = same and plain.counts(raw[at : at + number]) == batch, at + number, found + number
            theirs = (", ".join(differences(path)) or "yes") if source is SOURCE and lines is log_lines else "–"
        _say(f"| {name} | {found:,} | {'yes' if same and found == len(raw) else 'NO'} | {theirs} |")


def time_scans() -> None:
    """Print the cost of the scan and of DuckDB's answers, each in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="opsrounds-bench-") as folder:
        plain = write_log(Path(folder) / "app.log", LOG)
        logs = {"plain": plain, "gzip": _packed(plain)}
        logs["many addresses"] = write_log(Path(folder) / "many.log", replace(LOG, many_addresses=True))
        _say(f"logs of {LOG.lines:,} lines, {plain.stat().st_size / 1e9:.3f} GB, 5 % malformed; medians of {RUNS}")
        _say("| log | | CPU-s/GB | wall s/GB | peak MB | above the start |\n|--|--|--:|--:|--:|--:|")
        runs: dict[tuple[str, str], list[dict[str, float]]] = {}
        for _ in range(RUNS):  # in turn, so that a busy neighbour meets all of them
            for place in ((kind, log) for log in logs for kind in KINDS):
                runs.setdefault(place, []).append(_child(place[0], logs[place[1]]))
        for (kind, log), found in runs.items():
            gigabytes = logs["plain" if log == "gzip" else log].stat().st_size / 1e9  # as it is unpacked
            cpu, wall, peak, start = _medians(found)
            costs = f"{cpu / gigabytes:.2f} | {wall / gigabytes:.2f}"
            _say(f"| {log} | {kind} | {costs} | {peak:.0f} | {peak - start:.0f} |")


def _packed(plain: Path) -> Path:
    packed = plain.with_suffix(".log.gz")
    with plain.open("rb") as source, gzip.open(packed, "wb", 6) as target:
        shutil.copyfileobj(source, target)
    return packed


def _medians(found: list[dict[str, float]]) -> list[float]:
    return [statistics.median(run[name] for run in found) for name in ("cpu_s", "wall_s", "peak_mb", "start_mb")]


def _child(kind: str, path: Path, processes: int = 1) -> dict[str, float]:
    argv = [sys.executable, "-m", "tests.bench.log_scan", "--child", kind, "--path", str(path)]
    argv += ["--processes", str(processes)]
    found: dict[str, float] = json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=600).stdout)
    return found


def _measured(kind: str, path: Path) -> dict[str, float]:
    start_mb, cpu, wall = _peak_mb(), time.process_time(), time.perf_counter()
    if kind == "worker":
        _scan_pieces(path)
    elif kind == "scan":
        for _ in scan_batches(path):
            pass
    else:
        ask(SMALL if kind == "DuckDB, small question" else SAME, path)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_s": cpu, "wall_s": wall, "peak_mb": _peak_mb(), "start_mb": start_mb}


def _scan_pieces(path: Path) -> None:
    """What a worker does with a log, its answers thrown away."""
    with open_log(path) as log:
        start: int | None = 0
        while start is not None:
            end = end_of_batch(log, 0, start, 64 * 1024 * 1024)
            order = PieceOrder(
                *(str(path), *identity(log), log.size, start, end),
                settled=True,
                plan=plan_of(SOURCE),
                clock=Clock.at(START + timedelta(days=2)),
                memory=Memory(0),
                commit_bytes=64 * 1024 * 1024,
            )
            assert pickle.dumps(scan_piece(order))
            start = end


def time_backlog() -> None:
    """Print what it takes to read a backlog into a history on one process and on two, as one log and as packed ones."""
    with tempfile.TemporaryDirectory(prefix="opsrounds-bench-") as name:
        folder = Path(name)
        whole = write_log(folder / "whole" / "app.log", BACKLOG)
        for part in range(4):
            shape = replace(BACKLOG, lines=BACKLOG.lines // 4, seed=part)
            start = START + timedelta(milliseconds=part * shape.lines * shape.gap_ms)
            plain = write_lines(folder / "packed" / f"app.log.{part}", log_lines(shape, start))
            _packed(plain).rename(plain.with_name(f"{plain.name}.gz"))
            plain.unlink()
        _say(f"backlog of {BACKLOG.lines:,} lines, {whole.stat().st_size / 1e9:.3f} GB; medians of {RUNS}")
        worker = _child("worker", whole)
        _say(f"a worker: {worker['peak_mb']:.0f} MB, {worker['peak_mb'] - worker['start_mb']:.0f} above the start")
        _say(
            "| backlog | processes | wall s | CPU s | peak MB | above the start | counts |\n|--|--:|--:|--:|--:|--:|--|"
        )
        for backlog in ("whole", "packed"):
            runs: dict[int, list[dict[str, Any]]] = {1: [], 2: []}
            for _ in range(RUNS):
                for processes, found in runs.items():
                    found.append(_child("backlog", folder / backlog, processes))
            counts = {run["counts"] for found in runs.values() for run in found}
            for processes, found in runs.items():
                cpu, wall, peak, start = _medians(found)
                equal = "equal" if len(counts) == 1 else "NOT EQUAL"
                _say(
                    f"| {backlog} | {processes} | {wall:.2f} | {cpu:.2f} | {peak:.0f} | {peak - start:.0f} | {equal} |"
                )


def _read_backlog(folder: Path, processes: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="opsrounds-bench-") as name:
        history = open_history("sqlite:///history.db", Path(name))
        require_current(history)
        service = Service(Path(name), history, now=START + timedelta(days=1))
        service.backlog_bytes = 0 if processes > 1 else 1 << 62
        for file in folder.iterdir():
            (service.logs / file.name).symlink_to(file)
        assert service.settings
        before, start_mb, cpu, wall = _of_children(), _peak_mb(), time.process_time(), time.perf_counter()
        assert service.read().problems == ()
        cpu, wall, peak_mb = time.process_time() - cpu, time.perf_counter() - wall, _peak_mb()
        counts = hashlib.sha256(repr(service.counts()).encode()).hexdigest()
        history.dispose()
    return {
        "cpu_s": cpu + _of_children() - before,
        "wall_s": wall,
        "peak_mb": peak_mb,
        "start_mb": start_mb,
        "counts": counts,
    }


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def time_minute() -> None:
    """Print what it takes to read a minute's new lines into a history, and to find that there are none."""
    with tempfile.TemporaryDirectory(prefix="opsrounds-bench-") as name:
        history = open_history("sqlite:///history.db", Path(name))
        require_current(history)
        service = Service(Path(name), history, now=START + timedelta(days=1))
        lines = list(log_lines(LogShape(MINUTE_LINES * (MINUTES + 1), 1, gap_ms=60_000 / MINUTE_LINES)))
        took: dict[str, list[float]] = {"new": [], "none": []}
        for minute in range(MINUTES):
            with (service.logs / "app.log").open("ab") as log:
                log.writelines(line + b"\n" for line in lines[minute * MINUTE_LINES : (minute + 1) * MINUTE_LINES])
            for kind, found in took.items():
                cpu = time.process_time()
                taken = read_log(history, service.settings, service.settings.logs.source[0], service.now, 60.0)
                found.append(time.process_time() - cpu)
                assert (taken.lines > 0) == (kind == "new")
        scan = Scan(plan_of(SOURCE), START, Clock.at(START + timedelta(days=2)))
        scan.feed(lines[:MINUTE_LINES])
        scan.take()
        cpu = time.process_time()
        for minute in range(1, MINUTES + 1):
            scan = Scan(plan_of(SOURCE), START, Clock.at(START + timedelta(days=2)))
            scan.feed(lines[minute * MINUTE_LINES : (minute + 1) * MINUTE_LINES])
            scan.take()
        each_ms = 1000 * (time.process_time() - cpu) / MINUTES
        history.dispose()
    new, none = (1000 * statistics.median(found) for found in took.values())
    _say(f"a minute's {MINUTE_LINES} lines: {each_ms:.1f} CPU-ms to scan, {new:.1f} with the history; none: {none:.1f}")


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
