"""Two years of a service with 60 routes, tidied every day: size of the history, time of checklists and of pruning.

`python -m tests.bench.two_years [UNPRUNED_DAYS [YEARS]]`, some minutes; with 0 nothing that was never pruned is made.
What housekeeping leaves is made at once: minutes of 46 days, hours of 400, days and rounds of all the time.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import Connection, text

from flows.checklist import run_section
from reports.compose import RoundFacts, compose_report
from reports.report import Report, to_data
from tasks.canonical import canonical
from tasks.capacity.section import CAPACITY
from tasks.check_result import msg
from tasks.history.chain import verify_chains
from tasks.history.engine import History, reading, writing
from tasks.history.opened import history_of
from tasks.history.outbox import OutboxMessage
from tasks.history.runs import NewRun, RunKey, RunPlace, record_run
from tasks.history.size import read_size
from tasks.housekeeping.tidy import Tidying
from tasks.logs.count.sketch import Sketch
from tasks.logs.section import LOGS
from tasks.performance.section import PERFORMANCE
from tasks.periods import day_period, month_before, week_before
from tasks.postgres.server import running_postgres
from tasks.resources.section import RESOURCE_USAGE
from tasks.round import Round, System
from tasks.section import Section
from tasks.settings import Settings, load_settings
from tasks.slo.section import SLO
from tasks.slo.windows import minute_of

MODULES, ROUTES, SERIES, ERRORS = 6, 10, 40, 300
TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
"""Nine in the morning."""
DAY = timedelta(days=1)
KEYED = ("services", "latency_bounds", "traffic_series", "sample_series", "log_sources", "log_modules", "error_groups")
SECTIONS: dict[str, tuple[System, ...]] = {
    "daily-checklist": (LOGS, RESOURCE_USAGE),
    "weekly-checklist": (PERFORMANCE,),
    "slo-report": (SLO,),
    "monthly-checklist": (SLO, CAPACITY),
}
SERVICE = """
[service]
name = "shop"
base_url = "http://127.0.0.1:9"
timezone = "Asia/Tokyo"
modules = [{modules}]
[health]
ready = "/ready"
[[logs.source]]
name = "app"
kind = "file"
paths = ["app.log"]
[history]
url = "{url}"
"""


def settings_of(folder: Path, url: str) -> Settings:
    """A service with an empty log: what it had is in the history."""
    folder.mkdir(parents=True)
    modules = ", ".join(f'"m{n}"' for n in range(MODULES))
    (folder / "app.log").touch()
    (folder / "service.toml").write_text(SERVICE.format(modules=modules, url=url), encoding="utf-8")
    return load_settings(folder / "service.toml")


def sketches(requests: int, chance: random.Random) -> list[bytes]:
    """Packed latencies of so many requests."""
    return [Sketch.of(chance.lognormvariate(4, 0.6) for _ in range(requests)).pack() for _ in range(200)]


def fill(connection: Connection, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """Store rows as fast as the database takes them."""
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "postgresql":
        with raw.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    first = next(iterator := iter(rows), None)
    if first is not None:
        marks = ", ".join("?" * len(first))
        raw.execute(f"INSERT INTO {table} VALUES ({marks})", first)
        raw.executemany(f"INSERT INTO {table} VALUES ({marks})", iterator)


def traffic(series: int, first: int, end: int, step: int, packed: list[bytes], most: int) -> Iterator[tuple[Any, ...]]:
    """Requests of a route by minute or hour, in the order of the columns."""
    for at in range(first, end, step):
        pick = (at // step * 7 + series * 13) % 200
        valid, bad = most, int(pick == 0)
        row = (series, at, valid, bad, valid, 1, valid - pick % 3, valid, valid, None, packed[pick])
        yield (
            row
            if step == 1
            else (series, at, 1, valid, bad, valid, valid, valid - 9, valid, valid, None, 2**60 - 1, packed[pick])
        )


def made(settings: Settings, minutes_days: int, years: float) -> History:
    """The history of so many days by minute, older ones by hour, and the rounds of all the time."""
    history, chance = history_of(settings), random.Random(1)
    begin = day_period((NOW - minutes_days * DAY).astimezone(TOKYO).date(), TOKYO).start
    first, end = minute_of(begin), minute_of(NOW)
    hours = min(first, minute_of(NOW - 400 * DAY))
    small, large = sketches(5, chance), sketches(300, chance)
    with writing(history) as connection:
        connection.execute(
            text("INSERT INTO services (id, name, sequence, chained) VALUES (1, 'shop', 0, :c)"), {"c": "0" * 64}
        )
        fill(connection, "latency_bounds", [(1, 200.0, 500.0, 1000.0, None)])
        fill(
            connection,
            "traffic_series",
            [(n + 1, 1, f"m{n // ROUTES}", f"/m{n // ROUTES}/r{n % ROUTES}") for n in range(MODULES * ROUTES)],
        )
        names = ["probe.ready", "cpu.used", "memory.used", *(f"disk.used{n}" for n in range(SERIES - 3))]
        fill(connection, "sample_series", [(n + 1, 1, name, "host", "%", 0) for n, name in enumerate(names)])
        for series in range(1, MODULES * ROUTES + 1):
            fill(connection, "traffic_minutes", traffic(series, first, end, 1, small, 5))
            fill(connection, "traffic_hours", traffic(series, hours, first, 60, large, 300))
        for series in range(1, SERIES + 1):
            fill(
                connection,
                "samples",
                ((series, at, 1.0 if series == 1 else float(at % 97)) for at in range(first, end)),
            )
            fill(
                connection,
                "sample_hours",
                ((series, at, 60, 2880.0, 0.0, 96.0, 48.0) for at in range(hours, first, 60)),
            )
            days = range(end // 1440 - round(365 * years), end // 1440)
            fill(connection, "sample_days", ((series, day, 1440, 48.0, 90.0, 96.0, 48.0) for day in days))
        logs(connection, hours // 60, end // 60)
        if connection.dialect.name == "postgresql":
            for table in KEYED:
                top = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
                connection.execute(text(top))
    history.dispose()  # SQLite's log of one such transaction is as large as the database
    return history


def logs(connection: Connection, first: int, end: int) -> None:
    """Lines by hour, and errors that come now and then; every third was resolved."""
    fill(connection, "log_sources", [(1, 1, "app", False, 1, end * 60 - 1, b"")])
    zeros = (0,) * 5
    fill(
        connection,
        "log_hours",
        (
            (1, h, 18000, 18000, 0, 0, 0, 0, 18000, 18000, *zeros[:1], 18000, *zeros[:4], 0, 0, 90, 0)
            for h in range(first, end)
        ),
    )
    fill(connection, "log_modules", [(n + 1, 1, f"m{n}") for n in range(MODULES)])
    for module in range(1, MODULES + 1):
        fill(connection, "module_hours", ((module, h, 3000, 3, 5, 1, 0) for h in range(first, end)))
    at, exemplar = (
        datetime.fromtimestamp(first * 3600, UTC),
        canonical({"message": "m", "stack": "s" * 400, "level": "error", "request": "GET /", "request_id": "r"}),
    )
    states = ["open" if n % 3 else "resolved" for n in range(ERRORS)]
    groups = (
        (
            n + 1,
            1,
            f"{n:032x}",
            f"m{n % MODULES}",
            "TypeError",
            f"message {n}",
            f"app.py:{n}",
            exemplar,
            at,
            NOW,
            "1",
            "1",
            state,
            NOW if state == "resolved" else None,
            "2",
            "",
        )
        for n, state in enumerate(states)
    )
    fill(connection, "error_groups", groups)
    for group in range(1, ERRORS + 1):
        fill(connection, "error_hours", ((group, h, 2, 0) for h in range(first + group, end, 24)))


def looked(settings: Settings, history: History, flow: str) -> list[Section]:
    """What a checklist reads and judges."""
    today = NOW.astimezone(TOKYO).date()
    period = {"daily-checklist": day_period(today, TOKYO), "monthly-checklist": month_before(today, TOKYO)}.get(
        flow, week_before(today, TOKYO)
    )
    run = Round(RunKey("shop", flow, period.key, "hand"), settings, history, NOW, NOW + DAY, None, False, lambda: NOW)

    async def look() -> list[Section]:
        return [await run_section(run, system) for system in SECTIONS[flow]]

    return asyncio.run(look())


def rounds(history: History, settings: Settings, years: float) -> int:
    """Record the rounds of all the time, each with the results of today's; gives the bytes of a day's report."""
    texts = {}
    for flow in SECTIONS:
        facts = RoundFacts(
            service="shop",
            environment="production",
            timezone="Asia/Tokyo",
            owner=None,
            flow=flow,
            title=msg("Daily checklist"),
            period="2026-01-01",
            trigger="hand",
            started_at=NOW,
            finished_at=NOW,
            lines=(),
            notes=(),
        )
        texts[flow] = compose_report(facts, tuple(looked(settings, history, flow)), 1, None)
    for back in range(round(365 * years), 0, -1):
        at = NOW - back * DAY
        day = at.astimezone(TOKYO).date()
        due = [
            "daily-checklist",
            *(["weekly-checklist", "slo-report"] if day.weekday() == 0 else []),
            *(["monthly-checklist"] if day.day == 1 else []),
        ]
        for flow in due:
            record_run(
                history,
                RunKey("shop", flow, day.isoformat(), "hand"),
                partial(a_round, texts[flow], day.isoformat(), at),
            )
    with writing(history) as connection:
        connection.execute(text("UPDATE outbox SET state = 'sent', finished_at = created_at"))
    return len(canonical(to_data(texts["daily-checklist"])))


def a_round(like: Report, period: str, at: datetime, place: RunPlace) -> NewRun:
    """A round as it was that day, mailed to three people."""
    data = to_data(replace(like, period=period, revision=place.revision, finished_at=at))
    results: Any = data["results"]
    messages = [
        OutboxMessage("report", f"{like.flow}/{period}/{n}", "mail", f"p{n}@shop.example", "ja", {"flow": like.flow})
        for n in range(3)
    ]
    return NewRun(like.verdict.value, at, canonical(data), results, messages)


def tidied(settings: Settings, history: History, now: datetime) -> str:
    """Tidy without a pause, and say what that took; the days are kept first, a transaction a day."""
    tidying = Tidying(history, settings, now)
    steps, cpu, at = tidying.steps(), time.process_time(), time.perf_counter()
    days = [next(steps), next(steps)]
    kept, transactions, longest = time.perf_counter() - at, 0, 0.0
    began = at = time.perf_counter()
    while next(steps, None) is not None:
        transactions, longest, at = transactions + 1, max(longest, time.perf_counter() - at), time.perf_counter()
    assert not tidying.problems, tidying.problems
    wall, used = time.perf_counter() - began, time.process_time() - cpu
    rows = ", ".join(f"{number:,} {what}" for what, number in tidying.removed.items())
    return (
        f"{sum(days)} days kept in {kept:.1f} s, then {wall:.1f} s ({used:.1f} CPU-s in all), {transactions} "
        f"transactions, the longest {longest:.2f} s; {rows or 'nothing'}"
    )


def megabytes(history: History) -> str:
    total, unused, _ = read_size(history)
    return f"{total / 1e6:.0f} MB" + (f" ({unused / 1e6:.0f} of them free)" if unused else "")


def report(settings: Settings, years: float, unpruned: Settings | None, unpruned_days: int) -> None:
    """Print the figures of one kind of database."""
    began = time.perf_counter()
    history = made(settings, 46, years)
    print(f"\n{history.dialect.name}: made in {time.perf_counter() - began:.0f} s", flush=True)
    size = rounds(history, settings, years)
    with reading(history) as connection:
        [verdict] = verify_chains(connection)
    assert not verdict.problems
    print(f"  {verdict.length} rounds, a daily report has {size / 1e3:.0f} kB; size {megabytes(history)}", flush=True)
    for flow in SECTIONS:
        took = []
        for _ in range(2):
            began = time.perf_counter()
            looked(settings, history, flow)
            took.append(time.perf_counter() - began)
        print(f"  {flow}: read and judged in {took[1]:.2f} s (first {took[0]:.2f} s)", flush=True)
    print(f"  housekeeping of a day: {tidied(settings, history, NOW)}; size {megabytes(history)}", flush=True)
    print(f"  and again: {tidied(settings, history, NOW)}", flush=True)
    with reading(history) as connection:
        assert not verify_chains(connection)[0].problems
    history.dispose()
    if unpruned is not None:
        began = time.perf_counter()
        history = made(unpruned, unpruned_days, years)
        print(
            f"  {unpruned_days} days never tidied: made in {time.perf_counter() - began:.0f} s, {megabytes(history)}",
            flush=True,
        )
        print(f"  the first housekeeping: {tidied(unpruned, history, NOW)}; size {megabytes(history)}", flush=True)
        history.dispose()


def main() -> None:
    """Both databases, one after the other."""
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 180
    years = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        kept, never = (
            settings_of(folder / "kept", "sqlite:///opsrounds.db"),
            settings_of(folder / "never", "sqlite:///opsrounds.db"),
        )
        report(kept, years, never if days else None, days)
        with running_postgres(folder / "server") as server:
            databases = []
            for name in ("kept", "never"):
                with psycopg.connect(server.dsn, autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {name}".encode())
                databases.append(settings_of(folder / "postgresql" / name, server.address(name)))
            report(databases[0], years, databases[1] if days else None, days)


if __name__ == "__main__":
    main()
