"""The demo's past: a day is always the same, a later start only adds, and the ordinary ingest counts every line."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from deployments.demo.past.events import QUIET, Events, deploys, outages
from deployments.demo.past.figures import LIVE, Sizes, made_up_figures
from deployments.demo.past.history import WEEKS, Line, Shape, day_lines, write_history
from tasks.check_result import Status
from tasks.history.opened import history_of
from tasks.logs.ingest import read_log
from tasks.logs.judge.errors import judge_errors
from tasks.logs.judge.modules import judge_refused_requests, judge_silent_modules
from tasks.logs.limits import LogLimits
from tasks.logs.store.review import read_review
from tasks.records.facts import DeployOutcome
from tasks.settings import Settings, load_settings

ZONE = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 25, 4, 5, 27, tzinfo=UTC)  # 13:05 in Tokyo
SMALL = Shape(days=9, requests_per_day=1200)
SIZES = Sizes("host/disk:/", "host/disk:/uploads", 40.0, 250_000_000_000, "database", 9_000_000)
LIMITS = LogLimits()


def text_of(file: Path) -> str:
    content = file.read_bytes()
    return (gzip.decompress(content) if file.suffix == ".gz" else content).decode()


def contents(folder: Path) -> dict[str, str]:
    """Each day's log, packed or not."""
    return {file.name[:10]: text_of(file) for file in sorted(folder.iterdir())}


def states(folder: Path) -> dict[str, tuple[int, int]]:
    return {file.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in folder.iterdir()}


@pytest.fixture(scope="module")
def weeks() -> list[list[Line]]:
    """The days that the demo makes on its first start."""
    today = NOW.astimezone(ZONE).date()
    return [day_lines(WEEKS, today - timedelta(days=back), ZONE) for back in range(WEEKS.days, -1, -1)]


def test_a_day_depends_on_its_date_and_the_seed_alone() -> None:
    day = date(2026, 11, 24)
    assert day_lines(SMALL, day, ZONE) == day_lines(SMALL, day, ZONE)
    assert day_lines(SMALL, day, ZONE) != day_lines(Shape(9, 1200, seed=8), day, ZONE)
    assert day_lines(SMALL, day, ZONE) != day_lines(SMALL, day + timedelta(days=1), ZONE)


def test_two_first_starts_make_the_same_files_and_a_second_start_touches_none(tmp_path: Path) -> None:
    added = write_history(tmp_path / "a", SMALL, ZONE, NOW)
    assert write_history(tmp_path / "b", SMALL, ZONE, NOW) == added
    made = contents(tmp_path / "a")
    assert made == contents(tmp_path / "b") and len(made) == SMALL.days + 1
    assert sum(text.count("\n") for text in made.values()) == added
    before = states(tmp_path / "a")
    assert write_history(tmp_path / "a", SMALL, ZONE, NOW + timedelta(seconds=20)) == 0
    assert states(tmp_path / "a") == before
    assert {file.suffix for file in (tmp_path / "a").iterdir() if file.name[:10] != "2026-11-25"} == {".gz"}


def test_today_grows_by_whole_minutes_and_is_the_same_however_often_it_was_brought_up_to_now(tmp_path: Path) -> None:
    often, once = tmp_path / "often", tmp_path / "once"
    size = 0
    for minutes in (0, 1, 7, 200):
        now = NOW + timedelta(minutes=minutes)
        before = contents(often).get("2026-11-25", "") if often.exists() else ""
        write_history(often, SMALL, ZONE, now)
        after = contents(often)["2026-11-25"]
        assert after.startswith(before) and len(after) > size - 1
        size = len(after)
        last = json.loads(after.splitlines()[-1])["timestamp"]
        assert datetime.fromisoformat(last) < now.replace(second=0)
    write_history(once, SMALL, ZONE, NOW + timedelta(minutes=200))
    assert contents(often) == contents(once)


def test_a_day_that_is_over_is_completed_and_packed_and_missed_days_are_made(tmp_path: Path) -> None:
    write_history(tmp_path, SMALL, ZONE, NOW)
    part = contents(tmp_path)["2026-11-25"]
    kept = {name: state for name, state in states(tmp_path).items() if name != "2026-11-25.log"}
    write_history(tmp_path, SMALL, ZONE, NOW + timedelta(days=3))
    made = contents(tmp_path)
    assert not (tmp_path / "2026-11-25.log").exists()
    assert made["2026-11-25"].startswith(part)
    whole = [line.text for line in day_lines(SMALL, date(2026, 11, 25), ZONE)]
    assert made["2026-11-25"].splitlines() == whole
    assert {"2026-11-26", "2026-11-27", "2026-11-28"} < set(made)
    assert kept.items() <= states(tmp_path).items()
    write_history(tmp_path, SMALL, ZONE, NOW + timedelta(days=80))
    assert "2026-11-25" not in contents(tmp_path)  # no longer kept


def test_a_start_just_after_midnight_leaves_an_empty_day_out(tmp_path: Path) -> None:
    midnight = datetime(2026, 11, 25, tzinfo=ZONE)
    write_history(tmp_path, SMALL, ZONE, midnight + timedelta(seconds=30))
    assert len(contents(tmp_path)) == SMALL.days and "2026-11-25" not in contents(tmp_path)


def test_a_kill_between_packing_and_cleaning_up_is_mended(tmp_path: Path) -> None:
    write_history(tmp_path, SMALL, ZONE, NOW)
    left = tmp_path / "2026-11-24.log"
    left.write_text(contents(tmp_path)["2026-11-24"][:5000])
    assert write_history(tmp_path, SMALL, ZONE, NOW) == 0
    assert not left.exists()


def test_a_silent_module_ends_three_hours_ago_and_what_was_written_stays(tmp_path: Path) -> None:
    write_history(tmp_path, SMALL, ZONE, NOW, silent={"shopping"})
    first = contents(tmp_path)["2026-11-25"]
    assert 3 * 60 <= (NOW - newest(first, "shopping")).total_seconds() / 60 < 4 * 60
    assert NOW - newest(first, "users") < timedelta(hours=1)
    later = NOW + timedelta(hours=5)
    write_history(tmp_path, SMALL, ZONE, later, silent={"shopping"})
    second = contents(tmp_path)["2026-11-25"]
    assert second.startswith(first)
    assert 3 * 60 <= (later - newest(second, "shopping")).total_seconds() / 60 < 4 * 60
    lost = {moment for moment in moments(second, "shopping") if NOW - timedelta(hours=3) <= moment < NOW}
    assert not lost


def moments(text: str, module: str) -> list[datetime]:
    wanted = f'"module": "{module}"'
    return [datetime.fromisoformat(json.loads(line)["timestamp"]) for line in text.splitlines() if wanted in line]


def newest(text: str, module: str) -> datetime:
    return max(moments(text, module))


@pytest.mark.deep  # `make demo` rests on the same weeks
def test_lines_are_the_services_own_format(weeks: list[list[Line]]) -> None:
    always = {"timestamp", "level", "service", "environment", "message", "module", "requestId", "error"}
    for line in weeks[10]:
        if line.torn:
            with pytest.raises(ValueError):
                json.loads(line.text)
            continue
        data = json.loads(line.text)
        assert set(data) - always in (set(), {"method", "url", "status", "duration"})
        assert (data["level"] == "error") is (data["error"] is not None)
        if data["error"]:
            assert set(data["error"]) == {"name", "message", "stack"} and "Traceback" in data["error"]["stack"]


@pytest.mark.deep  # `make demo` rests on the same weeks
def test_the_weeks_are_within_their_bounds(weeks: list[list[Line]]) -> None:
    lines = [line for day in weeks for line in day]
    assert sum(len(line.text) + 1 for line in lines) < 180_000_000
    assert 300_000 < len(lines) < 500_000
    torn = sum(line.torn for line in lines)
    assert 0 < torn < len(lines) * 0.002
    by_hour = Counter(line.at_ms // 3_600_000 for line in lines if line.module == "shopping")
    assert min(by_hour.values()) >= 10  # or the silence of its module could not be detected at night


@pytest.mark.deep  # `make demo` rests on the same weeks
def test_in_no_24_hours_is_a_modules_error_share_above_the_guides(weeks: list[list[Line]]) -> None:
    hours: dict[str, Counter[int]] = {}
    bad: dict[str, Counter[int]] = {}
    for line in (line for day in weeks for line in day if not line.torn):
        if '"status": ' in line.text:
            hours.setdefault(line.module, Counter())[line.at_ms // 3_600_000] += 1
            bad.setdefault(line.module, Counter())[line.at_ms // 3_600_000] += '"status": 500' in line.text
    assert sum(count.total() for count in bad.values()) > 10
    for module, requests in hours.items():
        for first in range(min(requests), max(requests) - 23):
            span = range(first, first + 25)  # a period is read at whole hours
            assert sum(bad[module][h] for h in span) < 0.001 * sum(requests[h] for h in span), (module, first)


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Engine, Path]]:
    """Weeks with fewer requests, taken in as a round does."""
    folder = tmp_path_factory.mktemp("past")
    write_history(folder / "history", Shape(requests_per_day=1500), ZONE, NOW)
    (folder / "service.toml").write_text(
        '[service]\nname = "kondate"\nbase_url = "http://127.0.0.1:1"\ntimezone = "Asia/Tokyo"\n'
        '[[logs.source]]\nname = "history"\nkind = "file"\npaths = ["history/*.log*"]\nsynthetic = true\n'
        "[logs]\nkeep_days = 75\n"
    )
    settings = load_settings(folder / "service.toml")
    history = history_of(settings)
    read_log(history, settings, settings.logs.source[0], NOW, 300.0)
    yield settings, history, folder
    history.dispose()


@pytest.mark.deep  # `make demo` rests on the same weeks
def test_every_line_is_counted_once(taken_in: tuple[Settings, Engine, Path]) -> None:
    settings, history, folder = taken_in
    made = sum(text.count("\n") for text in contents(folder / "history").values())
    review = read_review(history, "kondate", ["history"], NOW - timedelta(days=70), NOW)
    counts = review.sources[0].counts
    assert counts.lines == made == counts.parsed + counts.malformed + counts.ignored
    assert (counts.ignored, counts.undated, counts.drifted) == (0, 0, 0)
    assert 0 < counts.malformed < 0.002 * made
    assert review.sources[0].synthetic and not review.personal
    assert read_log(history, settings, settings.logs.source[0], NOW, 300.0).lines == 0


@pytest.mark.deep  # `make demo` rests on the same weeks
def test_nothing_of_the_weeks_is_a_finding_whenever_a_round_runs(taken_in: tuple[Settings, Engine, Path]) -> None:
    _, history, _ = taken_in
    for hours_ago in range(0, 24 * 6, 7):
        at = NOW - timedelta(hours=hours_ago)
        review = read_review(history, "kondate", ["history"], at - timedelta(hours=24), at)
        results = [
            *judge_errors(review, LIMITS, at),
            *judge_silent_modules(review, ("ingredients", "shopping", "users"), LIMITS, at),
            judge_refused_requests(review, LIMITS, at),
        ]
        assert {r.status for r in results} <= {Status.PASS, Status.SKIPPED}, at


@pytest.mark.deep
def test_a_day_that_was_packed_meanwhile_is_read_on_and_not_again(tmp_path: Path) -> None:
    write_history(tmp_path / "history", SMALL, ZONE, NOW)
    (tmp_path / "service.toml").write_text(
        '[service]\nname = "kondate"\nbase_url = "http://127.0.0.1:1"\n'
        '[[logs.source]]\nname = "history"\nkind = "file"\npaths = ["history/*.log*"]\n'
    )
    settings = load_settings(tmp_path / "service.toml")
    history = history_of(settings)
    source = settings.logs.source[0]
    counted = read_log(history, settings, source, NOW, 60.0).lines
    for later in (timedelta(minutes=30), timedelta(days=1), timedelta(days=2)):
        added = write_history(tmp_path / "history", SMALL, ZONE, NOW + later)
        assert read_log(history, settings, source, NOW + later, 60.0).lines == added > 0
        counted += added
    assert counted == sum(text.count("\n") for text in contents(tmp_path / "history").values())
    history.dispose()


@pytest.mark.parametrize(("leaking", "least", "most"), [(False, 700, 2000), (True, 35, 45)])
def test_a_leaking_disk_is_full_in_forty_days(leaking: bool, least: int, most: int) -> None:
    figures = made_up_figures(Shape(days=20), ("a",), SIZES, None, NOW, ZONE, Events(leaking_disk=leaking))
    used = [(at, reading.value) for at, reading in figures if reading.subject == SIZES.uploads]
    (first, before), (last, now) = used[0], used[-1]
    per_day = (now - before) / ((last - first) / timedelta(days=1))
    assert least < (95 - now) / per_day < most


def test_figures_cover_every_minute_and_hour_and_end_at_what_is_there() -> None:
    figures = list(made_up_figures(SMALL, ("a", "b"), SIZES, None, NOW))
    probes = [(at, reading) for at, reading in figures if reading.name == LIVE]
    assert len(probes) == 2 * SMALL.days * 24 * 60
    assert len({(at, reading.subject) for at, reading in probes}) == len(probes)
    assert all(
        NOW - timedelta(days=SMALL.days, minutes=1) < at and at + timedelta(minutes=1) <= NOW for at, _ in probes
    )
    used = [reading.value for _, reading in figures if (reading.name, reading.subject) == ("disk.used", SIZES.disk)]
    assert len(used) == SMALL.days * 24
    assert used[0] < 39.0 < 39.8 < used[-1] <= 40.0
    sizes = [reading.value for _, reading in figures if reading.name == "database.size"]
    assert sizes[0] < 8_200_000 < 8_950_000 < sizes[-1] <= 9_000_000


@pytest.mark.deep
def test_a_few_minutes_of_the_weeks_are_bad_and_a_later_start_goes_on_where_the_last_one_ended() -> None:
    figures = [f for f in made_up_figures(WEEKS, ("a", "b"), SIZES, None, NOW) if f[1].name == LIVE]
    bad = Counter(at for at, reading in figures if reading.value == 0.0)
    alone = [at for at, instances in bad.items() if instances == 1]
    assert 5 <= len(alone) <= 60 and {reading.value for _, reading in figures} == {0.0, 1.0}
    closed = [at for at, instances in bad.items() if instances == 2]
    assert {(at.weekday(), at.hour) for at in closed} == {(6, 3)} and len(closed) % 30 == 0
    newest = max(at for at, _ in figures)
    later = NOW + timedelta(hours=2)
    more = [f for f in made_up_figures(WEEKS, ("a", "b"), SIZES, newest, later) if f[1].name == LIVE]
    assert min(at for at, _ in more) == newest + timedelta(minutes=1)
    assert len(more) == 2 * 120
    again = {at: reading for at, reading in made_up_figures(WEEKS, ("a",), SIZES, None, later) if reading.name == LIVE}
    assert [again[at] for at, reading in more if reading.subject == "a"] == [r for _, r in more if r.subject == "a"]


def test_an_outage_is_in_the_lines_and_the_probes_and_on_record() -> None:
    events, day = Events(outages=True), date(2026, 11, 10)
    start, end = datetime(2026, 11, 10, 12, 5, tzinfo=ZONE), datetime(2026, 11, 10, 12, 35, tzinfo=ZONE)
    lines = [json.loads(line.text) for line in day_lines(WEEKS, day, ZONE, events) if not line.torn]
    down = [line for line in lines if start <= datetime.fromisoformat(line["timestamp"]) < end]
    assert len(down) > 30 and {line["status"] for line in down} == {503}
    assert 503 not in {line.get("status") for line in lines if line not in down}
    assert not [line for line in day_lines(WEEKS, day, ZONE) if '"status": 503' in line.text]
    later = datetime(2026, 11, 12, tzinfo=ZONE)
    figures = made_up_figures(Shape(days=3), ("a", "b"), SIZES, None, later, ZONE, events)
    bad = Counter(at for at, reading in figures if reading.name == LIVE and reading.value == 0.0)
    assert [at for at, instances in sorted(bad.items()) if instances == 2] == [
        start + timedelta(minutes=minute) for minute in range(30)
    ]
    [recorded] = outages(date(2026, 11, 1), ZONE, events, later)
    assert (recorded.started_at, recorded.ended_at) == (start, end)
    assert not list(outages(date(2026, 11, 1), ZONE, QUIET, later))


def test_two_deploys_a_week_or_one() -> None:
    def weeks(events: Events) -> Counter[str]:
        made = deploys(date(2026, 10, 5), ZONE, events, datetime(2026, 11, 2, tzinfo=ZONE))
        return Counter(f"{d.started_at:%G-W%V}" for d in made if d.outcome is DeployOutcome.SUCCEEDED)

    assert set(weeks(QUIET).values()) == {2} and set(weeks(Events(few_deploys=True)).values()) == {1}
    failed = [d for d in deploys(date(2026, 10, 5), ZONE, QUIET, NOW) if d.outcome is DeployOutcome.ROLLED_BACK]
    assert failed and all(d.commit_at is not None and d.commit_at < d.started_at for d in failed)
