"""The highest minute of each day by module, on both databases."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from tasks.logs.count.batch import Batch, MinuteTraffic
from tasks.logs.store.counts import SourceState, open_source, store_batch
from tasks.samples.facts import DayFigures
from tasks.samples.store.days import read_days
from tasks.samples.store.peaks import PEAK, roll_up_peaks

TOKYO = ZoneInfo("Asia/Tokyo")
DAY = timedelta(days=1)
BEGIN = datetime(2026, 10, 1, tzinfo=TOKYO)


def put(
    history: Engine, requests: dict[tuple[str, str, datetime], int], state: SourceState | None = None
) -> SourceState:
    traffic = {
        (module, route, int(at.timestamp()) // 60): MinuteTraffic([0], valid=valid, bad=0, timed=0, bins={})
        for (module, route, at), valid in requests.items()
    }
    state = state or open_source(history, "shop", "app", synthetic=False)
    return store_batch(history, state, Batch(traffic=traffic), (200.0,), datetime.now(UTC))[0]


def peaks(history: Engine) -> dict[str, tuple[DayFigures, ...]]:
    found = read_days(history, "shop", date(2026, 9, 1), date(2026, 12, 1))
    assert {series.name for series in found} <= {PEAK}
    return {series.subject: series.days for series in found}


def test_the_highest_minute_of_a_day_is_its_peak(history: Engine) -> None:
    noon, later = BEGIN + timedelta(hours=12), BEGIN + timedelta(hours=13)
    put(
        history,
        {
            ("users", "/a", noon): 120,
            ("users", "/b", noon): 60,
            ("users", "/a", later): 30,
            ("shopping", "/c", later): 240,
            ("users", "/a", BEGIN - timedelta(minutes=1)): 6000,
            ("users", "/a", BEGIN + DAY): 600,
        },
    )
    assert roll_up_peaks(history, "shop", TOKYO, BEGIN + DAY) == 2
    found = {subject: days[-1] for subject, days in peaks(history).items()}
    assert found["module:users"] == DayFigures(date(2026, 10, 1), 2, 1.75, 3.0, 3.0, 0.5)
    assert found["module:shopping"].high == 4.0
    assert found["service"] == DayFigures(date(2026, 10, 1), 2, 3.75, 4.5, 4.5, 4.5)


def test_days_go_on_and_late_lines_correct_the_last_ones(history: Engine) -> None:
    assert roll_up_peaks(history, "shop", TOKYO, BEGIN) == 0
    state = put(history, {("users", "/a", BEGIN + n * DAY): 60 * (n + 1) for n in range(6)})
    assert roll_up_peaks(history, "shop", TOKYO, BEGIN + 5 * DAY) == 5
    put(history, {("users", "/a", BEGIN + 4 * DAY + timedelta(hours=1)): 6000}, state)
    assert roll_up_peaks(history, "shop", TOKYO, BEGIN + 6 * DAY) == 4
    for subject in ("module:users", "service"):
        assert [d.high for d in peaks(history)[subject]] == [1, 2, 3, 4, 100, 6]
