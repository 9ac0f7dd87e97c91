"""The same log counted twice: by the scan, and by DuckDB in SQL that shares no line of code with it."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from pathlib import Path

import duckdb

from tasks.logs.count.batch import Batch, Lines
from tasks.logs.count.scan import Plan, Scan
from tasks.logs.count.sketch import RELATIVE_ERROR, Sketch
from tasks.logs.lines.clock import Clock
from tasks.logs.lines.places import Places
from tasks.logs.settings import Source
from tasks.logs.sources.files import LogFile, identify, pieces
from tests.bench.logs import START

SOURCE = Source(name="app", kind="file", paths=("app.log",))
BOUNDS_MS = (200.0, 500.0, 1000.0)
QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)
_ROUNDING = 1e-9
_LINES = """
    CREATE TABLE lines AS SELECT *, epoch_ms(timestamp) // 60000 AS minute FROM read_json(?, format='newline_delimited',
        ignore_errors=true, maximum_object_size=4194304, columns={timestamp: 'TIMESTAMP', level: 'VARCHAR',
        module: 'VARCHAR', status: 'INTEGER', duration: 'DOUBLE', error: 'JSON'})
"""
_REQUESTS = """
    SELECT module, minute, count(*), count(*) FILTER (status >= 500), count(*) FILTER (duration <= 200),
        count(*) FILTER (duration <= 500), count(*) FILTER (duration <= 1000)
    FROM lines WHERE status IS NOT NULL GROUP BY ALL
"""
_ERRORS = """
    SELECT module, count(*) FROM lines
    WHERE timestamp IS NOT NULL AND (level = 'error' OR status >= 500 OR error::VARCHAR <> 'null') GROUP BY ALL
"""
# The nearest rank, written out: what DuckDB's own quantile_disc takes is not said in its manual.
_QUANTILE = """
    WITH ranked AS (SELECT module, {minute} AS during, duration, count(*) OVER (PARTITION BY module, during) AS n,
        row_number() OVER (PARTITION BY module, during ORDER BY duration) AS rank FROM lines WHERE duration IS NOT NULL)
    SELECT module, during, min(duration) FILTER (rank >= ceil(? * n)) FROM ranked GROUP BY ALL
"""

Place = tuple[str, int]


@dataclass
class Counted:
    """A log's counts; `requests` are all, bad, and within 200, 500 and 1000 ms, by module and minute.

    Quantiles are by module, minute (0: of the whole log) and q.
    """

    lines: int = 0
    well_formed: int = 0
    requests: dict[Place, tuple[int, ...]] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    quantiles_ms: dict[tuple[str, int, float], float] = field(default_factory=dict)


def by_duckdb(path: Path) -> Counted:
    """Count with DuckDB; a line that it cannot read becomes a row without a time."""
    counted = Counted()
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.execute(_LINES, [str(path)])
        [(counted.lines, counted.well_formed)] = connection.execute(
            "SELECT count(*), count(timestamp) FROM lines"
        ).fetchall()
        for module, minute, *counts in connection.execute(_REQUESTS).fetchall():
            counted.requests[module, minute] = tuple(counts)
        counted.errors = dict(connection.execute(_ERRORS).fetchall())
        for minute_sql, q in [*(("0", q) for q in QUANTILES), ("minute", 0.95)]:
            for module, minute, value in connection.execute(_QUANTILE.format(minute=minute_sql), [q]).fetchall():
                counted.quantiles_ms[module, minute, q] = value
    return counted


def by_scan(path: Path) -> Counted:
    """Count with the scan, as an ingest does."""
    lines = Lines()
    requests: defaultdict[Place, list[int]] = defaultdict(lambda: [0] * 5)
    sketches: defaultdict[Place, list[Sketch]] = defaultdict(list)
    errors: Counter[str] = Counter()
    for batch in scan_batches(path):
        lines.add(batch.total)
        for (module, _, minute), traffic in batch.traffic.items():
            found = (traffic.valid, traffic.bad, *traffic.within)
            requests[module, minute] = [a + b for a, b in zip(requests[module, minute], found, strict=True)]
            for at in (0, minute):
                sketches[module, at].append(Sketch(traffic.bins))
        for (module, _), activity in batch.activity.items():
            errors[module] += activity.errors
    assert lines.lines == lines.parsed + lines.malformed + lines.ignored
    quantiles = {}
    for (module, minute), parts in sketches.items():
        merged = Sketch.merged(parts)
        for q in QUANTILES if minute == 0 else (0.95,):
            quantiles[module, minute, q] = merged.quantile(q) or 0.0
    return Counted(lines.lines, lines.parsed, {place: tuple(c) for place, c in requests.items()}, +errors, quantiles)


def scan_batches(path: Path, source: Source = SOURCE) -> Iterator[Batch]:
    """A log file's batches, of 64 MB or fewer, as an ingest stores them."""
    scan = Scan(plan_of(source), START, Clock.at(START + timedelta(days=2)))
    file = LogFile(path, path.stat())
    mark = identify(file, [], set())
    assert mark is not None
    stored = 0
    for piece in pieces(file, mark, settled=True):
        scan.feed(piece.lines)
        if piece.mark.complete or scan.is_full or piece.mark.position - stored >= 64 * 1024 * 1024:
            stored = piece.mark.position
            yield scan.take()


def plan_of(source: Source) -> Plan:
    """A plan without patterns."""
    return Plan(source, Places([]), BOUNDS_MS, UTC)


def differences(path: Path) -> list[str]:
    """In what the two counts differ, beyond the sketch's 1 %."""
    ours, theirs = by_scan(path), by_duckdb(path)
    found = [
        f"{name}: {getattr(ours, name)} and {getattr(theirs, name)}"
        for name in ("lines", "well_formed", "requests", "errors")
        if getattr(ours, name) != getattr(theirs, name)
    ]
    if ours.quantiles_ms.keys() != theirs.quantiles_ms.keys():
        found.append("quantiles of other modules or minutes")
    worst = worst_quantile(ours, theirs)
    if worst > RELATIVE_ERROR + _ROUNDING:
        found.append(f"a quantile is {worst:.2%} off")
    return found


def worst_quantile(ours: Counted, theirs: Counted) -> float:
    """The largest relative difference of a quantile."""
    exact = theirs.quantiles_ms
    return max(abs(value - exact[key]) / exact[key] for key, value in ours.quantiles_ms.items() if key in exact)
