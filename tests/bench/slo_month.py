"""How long a month's SLO review takes when a year of history lies behind it, against that month alone.

`python -m tests.bench.slo_month [DAYS]`: 6 modules of 10 routes by minute. Makes about 2.5 GB for a year.
"""

import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.check_result import CheckResult, Status, msg
from tasks.history.opened import history_of
from tasks.logs.count.sketch import Sketch
from tasks.settings import Settings, load_settings
from tasks.slo.judge.review import judge_review
from tasks.slo.look import objectives_of, read_slis
from tasks.slo.review import review_of, span_of, windows_of
from tasks.slo.windows import minute_of

MODULES, ROUTES, RUNS = 6, 10, 3
END = datetime(2026, 11, 1, tzinfo=UTC)
SKETCH = Sketch({180: 2, 190: 3}).pack()
SERVICE = '[service]\nname = "shop"\nbase_url = "http://shop.example"\n[health]\nlive = "/live"\n'
LOG = '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["none.log"]\n'


def made(folder: Path, days: int) -> Settings:
    """A service with so many days of history before the end of October."""
    folder.mkdir()
    modules = ", ".join(f'"m{n}"' for n in range(MODULES))
    file = folder / "service.toml"
    file.write_text(SERVICE.replace("\n[health]", f"\nmodules = [{modules}]\n[health]") + LOG, encoding="utf-8")
    settings = load_settings(file)
    history_of(settings).dispose()
    with closing(sqlite3.connect(folder / "opsrounds.db")) as database:
        database.execute("INSERT INTO services (id, name, sequence, chained) VALUES (1, 'shop', 0, ?)", ("0" * 64,))
        database.execute("INSERT INTO latency_bounds VALUES (1, 200, 500, 1000, NULL)")
        places = [(n + 1, 1, f"m{n // ROUTES}", f"/m{n // ROUTES}/r{n % ROUTES}") for n in range(MODULES * ROUTES)]
        database.executemany("INSERT INTO traffic_series VALUES (?, ?, ?, ?)", places)
        database.execute("INSERT INTO sample_series VALUES (1, 1, 'probe.live', 'service', '', 0)")
        first, end = minute_of(END - timedelta(days=days)), minute_of(END)
        for series in range(1, MODULES * ROUTES + 1):
            database.executemany(
                "INSERT INTO traffic_minutes VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, NULL, ?)", rows(series, first, end)
            )
        database.executemany("INSERT INTO samples VALUES (1, ?, 1.0)", ((minute,) for minute in range(first, end)))
        database.commit()
    return settings


def rows(series: int, first: int, end: int) -> Iterator[tuple[object, ...]]:
    """A few requests a minute; one of some thousand fails, one of fifty is slow."""
    for minute in range(first, end):
        valid = 3 + (minute * 7 + series) % 5
        slow = int((minute + series) % 10 == 0)
        yield series, minute, valid, int((minute + series) % 1500 == 0), valid, valid - slow, valid, valid, SKETCH


def reviewed(settings: Settings) -> tuple[CheckResult, ...]:
    """October's review."""
    history, objectives = history_of(settings), objectives_of(settings)
    windows = windows_of(objectives, settings.slo, END, settings.zone)
    span = span_of(windows, settings.slo, END, END)
    data = asyncio.run(read_slis(history, settings, objectives, span, span[1]))
    review = review_of(objectives, windows, settings.slo, data, END, settings.zone)
    results = judge_review(review, settings.slo, "production", msg("the service file"), END)
    history.dispose()
    return results


def median_s(settings: Settings) -> float:
    """The median of some reviews after one that warms the caches, in seconds."""
    took = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        results = reviewed(settings)
        took.append(time.perf_counter() - started)
    assert results[0].status is Status.PASS, results[0]
    print(f"  {results[0].reason.text.format(**results[0].reason.params)}; {[round(s, 2) for s in took]} s")
    return statistics.median(took[1:])


def main() -> None:
    """Print both times and their ratio."""
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 365
    with tempfile.TemporaryDirectory() as place:
        month = median_s(made(Path(place) / "month", 35))
        started = time.perf_counter()
        year = made(Path(place) / "year", days)
        size = (Path(place) / "year" / "opsrounds.db").stat().st_size
        print(f"made {days} days in {time.perf_counter() - started:.0f} s, {size / 1e9:.2f} GB")
        long = median_s(year)
    print(f"month alone {month:.2f} s, behind it {days} days {long:.2f} s: ratio {long / month:.2f}")


if __name__ == "__main__":
    main()
