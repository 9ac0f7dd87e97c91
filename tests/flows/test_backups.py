"""Backup verification and the weekly checklist on a real Prefect server, from a running database to the report."""

import asyncio
import json
import os
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from flows.backup_verification import backup_verification
from flows.catalogue import checklist_of
from flows.options import BackupOptions, RoundRefused, WeeklyOptions, options_of
from flows.weekly_checklist import weekly_checklist
from reports.report import Report
from tasks.backups.checks import CHECKS, FILE_CHECKS
from tasks.backups.databases import targets_of
from tasks.backups.facts import DrillVerdict
from tasks.backups.store.drills import read_drills
from tasks.backups.take.take import take
from tasks.backups.targets import Target
from tasks.check_result import CheckResult, Ladder, Status
from tasks.postgres.installation import postgres_binaries
from tasks.postgres.server import PostgresServer
from tasks.progress import BACKUP, TABLES, progress
from tasks.visible import take_step
from tests.shop_database import make_shop

if TYPE_CHECKING:
    from tests.operated import Operate, Operated, ServerView

pytestmark = pytest.mark.usefixtures("prefect")
SECRET = "hunter22-the-backup-role"
NOW = datetime.now(UTC)
RUNNABLE_WITHOUT_OPTIONS = {"backups.encryption", "backups.offsite", "backups.smoke"}
"""Checks of what the service file does not ask for."""

BACKUPS = """
[guide.weekly]
performance = { not_applicable = "reported elsewhere" }
security = { not_applicable = "reviewed elsewhere" }
[backups]
isolation = "if-possible"
[backups.history]
pattern = "backups/history-*.sqlite"
keep_days = 2
[[databases]]
name = "main"
pattern = "backups/main-*.dump"
live = { env = "SHOP_LIVE" }
keep_days = 2
content = "whole"
invariants = [
  { name = "orders", sql = "SELECT count(*) FROM orders", min = 1 },
  { name = "unpaid", sql = "SELECT count(*) FROM payments WHERE amount < 0", max = 0 },
]
"""
LEFT_OUT = """
[guide.weekly]
performance = { not_applicable = "reported elsewhere" }
security = { not_applicable = "reviewed elsewhere" }
backups = { not_applicable = "by the platform team" }
"""


@pytest.fixture
def shop_dsn(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of a shop, and a role that only reads; its address is a secret."""
    name, role = f"shop_{uuid.uuid4().hex}", f"watcher_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}' IN ROLE pg_read_all_data".encode())
    own = f"postgresql://postgres@{postgres.host}:{postgres.port}/{name}"
    with psycopg.connect(own, autocommit=True) as connection:
        make_shop(connection, NOW, rows=2_000)
    monkeypatch.setenv("SHOP_LIVE", f"postgresql://{role}:{SECRET}@{postgres.host}:{postgres.port}/{name}")
    yield own
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        connection.execute(f"DROP ROLE {role}".encode())


@pytest.fixture
def shop(operate: "Operate", shop_dsn: str) -> "Operated":
    shop = operate(more=BACKUPS)
    (shop.settings.path.parent / "backups").mkdir()
    return shop


def taken(shop: "Operated", days: int = 4) -> dict[str, Path]:
    """Backups of every database for the last days; those of today by name."""
    found = {}
    for target in targets_of(shop.settings):
        for day in range(days):
            backup = take(target, datetime.now(UTC) - timedelta(days=day), (), 60)
            found.setdefault(target.name, backup)
    return found


def drilled(shop: "Operated", **options: Any) -> Any:
    return asyncio.run(backup_verification(shop.name, BackupOptions(**options), return_state=True))  # type: ignore[arg-type]


def checked_weekly(shop: "Operated", **options: Any) -> Any:
    return asyncio.run(weekly_checklist(shop.name, WeeklyOptions(**options), return_state=True))  # type: ignore[arg-type]


def results(report: Report, name: str) -> dict[str, CheckResult]:
    mine = [r for r in report.results if r.subject == f"database:{name}"]
    assert len({r.check for r in mine}) == len(mine)
    return {r.check: r for r in mine}


def statuses(report: Report, name: str) -> dict[Status, set[str]]:
    found: dict[Status, set[str]] = {}
    for result in results(report, name).values():
        found.setdefault(result.status, set()).add(result.check)
    return found


def reason_text(result: CheckResult) -> str:
    return result.reason.text.format(**result.reason.params)


@pytest.mark.usefixtures("sandbox")  # without one a week is not good
def test_a_week_with_good_backups(shop: "Operated", server_view: "ServerView") -> None:
    drilled(shop, depth="files")  # a history without a row has no newest one
    taken(shop)
    state = checked_weekly(shop)
    report = shop.report()
    unknown = [(r.check, r.subject, reason_text(r)) for r in report.with_status(Status.UNKNOWN)]
    assert (state.type.value, state.name, unknown) == ("COMPLETED", "Passed", [])
    assert report.flow == "weekly-checklist" and [line.id for line in report.lines] == [
        "performance",
        "security",
        "backups",
    ]
    for name in ("history", "main"):
        found = statuses(report, name)
        skipped = RUNNABLE_WITHOUT_OPTIONS | ({"backups.isolation"} if name == "history" else set())  # it is SQLite's
        assert found == {Status.PASS: {c.id for c in CHECKS} - skipped, Status.SKIPPED: skipped}, [
            reason_text(r) for r in report.results
        ]
        stairs = [piece for piece in results(report, name)["backups.drill"].evidence if isinstance(piece, Ladder)]
        assert [len(ladder.steps) for ladder in stairs] == [10]
        [past] = read_drills(shop.history, shop.name, name, 10)
        assert (past.verdict, past.reached) == (DrillVerdict.PASSED, "")
    assert report.kpis[0].value == 2.0
    assert "markdown" in server_view.artifacts(state)


@pytest.mark.deep
def test_a_failed_backup_does_not_keep_the_other_database_from_its_checks(shop: "Operated") -> None:
    backups = taken(shop)
    whole = backups["main"].read_bytes()
    backups["main"].write_bytes(whole[: len(whole) // 2])
    state = drilled(shop)
    assert (state.type.value, state.name) == ("FAILED", "ChecksFailed")
    report = shop.report()
    assert Status.FAIL not in statuses(report, "history")
    assert report.kpis[2].value is None  # the longest recovery of two, of which one was not measured
    main = statuses(report, "main")
    assert main[Status.FAIL] >= {"backups.manifest", "backups.decode", "backups.drill"}
    assert main[Status.UNKNOWN] >= {"backups.restore", "backups.counts", "backups.recovery-time"}
    assert Status.PASS not in {results(report, "main")[c].status for c in ("backups.restore", "backups.counts")}
    [past] = read_drills(shop.history, shop.name, "main", 10)
    assert (past.verdict, past.reached) == (DrillVerdict.FAILED, "backups.manifest")


@pytest.fixture
def shown() -> Iterator[dict[str, tuple[str, str, str]]]:
    """The states that steps came to in Prefect, by the names of their task runs."""
    states: dict[str, tuple[str, str, str]] = {}

    def keep(_task: Any, run: Any, state: Any) -> None:
        states[run.name] = (state.type.value, state.name, state.message)

    hooks = (take_step.on_completion_hooks, take_step.on_failure_hooks)
    for hook in hooks:
        hook.append(keep)
    yield states
    for hook in hooks:
        hook.remove(keep)


@pytest.mark.deep
def test_every_step_the_verdict_and_progress_are_visible_in_prefect(
    shop: "Operated", shown: dict[str, tuple[str, str, str]]
) -> None:
    drilled(shop, depth="files")  # a history without a row has no newest one
    assert shown["backup-files main"] == ("FAILED", "Error", "There is no backup")
    backups, reported = taken(shop), set[str]()
    drilled(shop, depth="files")
    files = shown["backup-files main"]
    assert (
        files[:2] == ("FAILED", "Unknown") and "No restore drill has run yet" in files[2]
    )  # what nobody tried is not green
    assert shown["backup-files main: container"][:2] == ("COMPLETED", "Passed")
    shown.clear()
    whole = backups["main"].read_bytes()
    backups["main"].write_bytes(whole[: len(whole) // 2])
    token = progress.set(lambda what, *_: reported.add(what))
    drilled(shop)
    progress.reset(token)
    assert reported == {BACKUP, TABLES}
    right, bad = ("COMPLETED", "Passed"), ("FAILED", "Failed")
    assert {name: state[:2] for name, state in shown.items() if "main" in name} == {
        "restore-drill main: container": right,
        "restore-drill main: decode": bad,
        "restore-drill main: manifest": bad,
        "restore-drill main": bad,
    }
    history = {name: state[:2] for name, state in shown.items() if "history" in name}
    assert len(history) == 5 and set(history.values()) == {right}
    assert "The archive cannot be read to the end" in shown["restore-drill main: decode"][2]
    assert SECRET not in repr(shown)


@pytest.mark.deep
def test_files_are_checked_every_day_and_the_last_drill_is_reported(shop: "Operated") -> None:
    drilled(shop, depth="files")
    taken(shop)
    state = drilled(shop, depth="files")
    assert state.name == "Incomplete"  # nobody has drilled it yet
    first = shop.report()
    assert {r.check for r in first.results} == {c.id for c in FILE_CHECKS}
    assert "No restore drill has run yet" in reason_text(results(first, "main")["backups.drill"])
    assert drilled(shop).name == "Passed"
    assert drilled(shop, depth="files").name == "Passed"
    report = shop.report()
    assert {r.check for r in report.results} == {c.id for c in FILE_CHECKS}
    assert "The last passed restore drill was at" in reason_text(results(report, "main")["backups.drill"])
    assert len(read_drills(shop.history, shop.name, "main", 10)) == 1
    backup = max((shop.settings.path.parent / "backups").glob("main-*.dump"))
    backup.write_bytes(backup.read_bytes() + b"appended")
    assert drilled(shop, depth="files").name == "ChecksFailed"
    assert results(shop.report(), "main")["backups.manifest"].status is Status.FAIL


@pytest.mark.deep
def test_a_drill_that_could_not_run_replaces_no_verdict(shop: "Operated", monkeypatch: pytest.MonkeyPatch) -> None:
    drilled(shop, depth="files")
    taken(shop)
    assert drilled(shop).name == "Passed"
    text = shop.settings.path.read_text(encoding="utf-8")
    file = shop.settings.path.parent / "no-folder"
    file.write_text("a file, where drills would keep their data", encoding="utf-8")
    shop.settings.path.write_text(text.replace("[backups]\n", '[backups]\nfolder = "no-folder"\n'), encoding="utf-8")
    state = drilled(shop)
    assert state.name == "Incomplete", state.message
    drill = results(shop.report(), "main")["backups.drill"]
    assert drill.status is Status.WARN and "no-folder, cannot be used" in reason_text(drill)
    assert drill.observed is not None and drill.observed.unit == "d"  # since the last one that passed
    verdicts = [one.verdict for one in read_drills(shop.history, shop.name, "main", 10)]
    assert verdicts == [DrillVerdict.ERROR, DrillVerdict.PASSED]


def test_no_backup_at_all(shop: "Operated") -> None:
    state = drilled(shop)
    assert state.name == "ChecksFailed"
    for name in ("history", "main"):
        found = results(shop.report(), name)
        assert found["backups.freshness"].status is Status.FAIL
        assert [r.check for r in found.values() if r.status is Status.PASS] == []
        assert {c.id for c in CHECKS} == set(found)


@pytest.mark.deep
def test_one_database_of_several(shop: "Operated") -> None:
    taken(shop)
    assert drilled(shop, database="main").name == "Incomplete"  # of the others nothing is known
    report = shop.report()
    assert not report.lines[0].ticked and {r.subject for r in report.results} == {"database:main", "database:history"}
    assert statuses(report, "history") == {Status.UNKNOWN: {"backups.drill"}}
    assert Status.UNKNOWN not in statuses(report, "main")
    state = drilled(shop, database="mian")
    assert state.type.value == "FAILED" and "there are: history, main" in str(state.message)


def test_without_the_section_the_line_is_not_ticked(operate: "Operate") -> None:
    shop = operate()
    assert checked_weekly(shop).name == "Incomplete"
    assert {r.status for r in shop.report().results} == {Status.SKIPPED}
    assert not shop.report().lines[0].ticked
    left_out = operate(name="other", more=LEFT_OUT)
    assert checked_weekly(left_out).name == "Incomplete"
    assert left_out.report().results == ()


def test_a_past_week_is_not_measured_today(shop: "Operated") -> None:
    taken(shop)
    state = checked_weekly(shop, for_week="2026-W01")
    assert state.name == "Incomplete"
    assert Counter(r.status for r in shop.report().results) == {Status.UNKNOWN: len(CHECKS)}
    assert read_drills(shop.history, shop.name, "main", 10) == ()


@pytest.mark.parametrize(
    ("flow", "given", "expected"),
    [
        ("weekly-checklist", {"for": "2026-11"}, "a week is 2026-W48"),
        ("weekly-checklist", {"for": "2999-W10"}, "is in the future"),
        ("backup-verification", {"for": "2026-11-20"}, "sees only the present"),
        ("backup-verification", {"depth": "deep"}, "--depth deep: Input should be 'full' or 'files'"),
        ("backup-verification", {"depht": "full"}, "--depht is not an option of this flow, which takes --depth"),
        ("daily-checklist", {"depth": "full"}, "--depth is not an option of this flow, which takes no options"),
        ("daily-checklist", {"for": "1700000000"}, "--for 1700000000: a day is YYYY-MM-DD"),
    ],
)
def test_what_is_refused(flow: str, given: dict[str, str], expected: str) -> None:
    with pytest.raises(RoundRefused, match=expected):
        options_of(checklist_of(flow).form, given, NOW, ZoneInfo("UTC"))


@pytest.mark.deep
def test_no_secret_and_no_row_leaves_a_drill(shop: "Operated", shop_dsn: str, server_view: "ServerView") -> None:
    backups = taken(shop)
    planted = "planted.person@example.test"
    with psycopg.connect(shop_dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO customers (email, name, created_at) VALUES (%s, 'x', now())", [planted])
        connection.execute("ALTER TABLE customers DROP CONSTRAINT customers_email_key")
        connection.execute("INSERT INTO customers (email, name, created_at) VALUES (%s, 'x', now())", [planted])
    backups["main"].unlink()
    target = next(target for target in targets_of(shop.settings) if target.name == "main")
    dump = dump_with_a_duplicate(target, shop_dsn, planted)
    state = drilled(shop)
    assert state.name == "ChecksFailed"
    found = results(shop.report(), "main")
    assert found["backups.restore"].status is Status.FAIL and "customers_email_key" in reason_text(
        found["backups.restore"]
    )
    folder = shop.folder(shop.runs()[-1])
    everything = [path.read_bytes().decode("utf-8", "replace") for path in folder.iterdir()]
    everything += [server_view.log(state), json.dumps(server_view.artifacts(state)), dump.name, str(state.message)]
    everything += [str(row) for row in shop.rows("SELECT * FROM backup_drills")]
    assert [text for text in everything if planted in text or SECRET in text] == []


def dump_with_a_duplicate(target: Target, dsn: str, planted: str) -> Path:
    """A plain dump whose rows violate its unique constraint; made where the pattern matches."""
    text = subprocess.run(
        [postgres_binaries() / "pg_dump", dsn], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert text.count(planted) == 2
    constraint = "ALTER TABLE ONLY public.customers ADD CONSTRAINT customers_email_key UNIQUE (email);\n"
    end = text.rindex("--\n-- PostgreSQL database dump complete")
    dump = target.folder / "backups" / "main-20991231T000000Z.dump"
    dump.write_text(text[:end] + constraint + text[end:], encoding="utf-8")
    os.utime(dump)
    return dump
