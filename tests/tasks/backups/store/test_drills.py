"""Drills in the history, on each kind of database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tasks.backups.facts import (
    Backup,
    Contents,
    Drill,
    DrillVerdict,
    Form,
    PastDrill,
    TableContents,
)
from tasks.backups.store.drills import read_drills, store_drill
from tasks.check_result import msg
from tasks.history.engine import HistoryError, writing
from tasks.observation import Unobserved
from tasks.secrets import _resolved, keep_secret

NOW = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)
DAY = timedelta(days=1)
PASSED, FAILED, ERROR = DrillVerdict.PASSED, DrillVerdict.FAILED, DrillVerdict.ERROR
CONTENTS = Contents(
    "shop", "18.1", "UTF8", (), (TableContents("a", 3, newest=(("at", NOW),)), TableContents("b", 2**33))
)
BACKUP = Backup(Path("/backups/shop.dump"), NOW - timedelta(hours=3), 5 * 2**31, known_start=True)
BLIND = Unobserved(msg("gone"))
GOOD = Drill(
    backup=BACKUP, form=Form.CUSTOM, steps=(), started_at=NOW, seconds=12.345, sha256="ab" * 32, manifest=BLIND,
    live=BLIND, contents=CONTENTS, recovery_s=7.25, server_version="18.1",
)  # fmt: skip
NOTHING = replace(GOOD, backup=None, form=None, sha256="", contents=None, recovery_s=None, server_version="")


def kept(
    history: Engine, drill: Drill, verdict: DrillVerdict = PASSED, reached: str = "", database: str = "shop"
) -> None:
    store_drill(history, "kondate", database, drill, verdict, reached)


def at(days: float, drill: Drill = GOOD) -> Drill:
    return replace(drill, started_at=NOW - days * DAY)


def read(history: Engine, most: int = 14, database: str = "shop") -> tuple[PastDrill, ...]:
    return read_drills(history, "kondate", database, most)


def test_what_is_kept_comes_back(history: Engine) -> None:
    kept(history, GOOD)
    [past] = read(history)
    assert past.facts.pop("processors")
    assert past == PastDrill(
        at=NOW,
        verdict=PASSED,
        backup="shop.dump",
        backup_at=NOW - timedelta(hours=3),
        bytes=5 * 2**31,
        recovery_s=7.25,
        server_version="18.1",
        reached="",
        facts={"tables": 2, "rows": 3 + 2**33},
        rows={"a": 3, "b": 2**33},
        newest={"a.at": NOW},
    )


def test_a_drill_of_nothing(history: Engine) -> None:
    kept(history, NOTHING, ERROR, "backups.container")
    [past] = read(history)
    assert (past.verdict, past.backup, past.backup_at, past.bytes, past.recovery_s) == (ERROR, "", None, 0, None)
    assert past.reached == "backups.container" and set(past.facts) == {"processors"}


def test_the_form_of_every_backup_fits(history: Engine) -> None:
    for number, form in enumerate(Form):
        kept(history, at(number, replace(GOOD, form=form)))
    assert len(read(history)) == len(Form)


def test_newest_first_of_one_database_and_one_service(history: Engine) -> None:
    for days in (2, 0, 1, 3):
        kept(history, at(days))
    kept(history, at(0.5), database="wiki")
    store_drill(history, "aojiru", "shop", at(0.25), PASSED, "")
    assert [past.at for past in read(history)] == [NOW - days * DAY for days in range(4)]
    assert [past.at for past in read(history, most=2)] == [NOW, NOW - DAY]
    assert [past.at for past in read(history, database="wiki")] == [NOW - 0.5 * DAY]
    assert read(history, database="other") == ()


def test_an_error_is_kept_between_verdicts(history: Engine) -> None:
    for days, verdict in ((3, PASSED), (2, ERROR), (1, FAILED), (0, ERROR)):
        kept(history, at(days), verdict)
    assert [past.verdict for past in read(history)] == [ERROR, FAILED, ERROR, PASSED]


def test_errors_without_end_hide_no_verdict(history: Engine) -> None:
    """However many there are: the last verdict, and the last passed drill before it, are returned."""
    kept(history, at(60), PASSED)
    kept(history, at(50), PASSED)
    kept(history, at(41), FAILED)
    kept(history, at(40), FAILED)
    for days in range(20):
        kept(history, at(days, NOTHING), ERROR)
    found = read(history, most=14)
    assert [past.verdict for past in found] == [ERROR] * 20 + [FAILED, PASSED]
    assert found[-1].at == NOW - 50 * DAY


def test_where_there_was_never_a_verdict_every_error_counts(history: Engine) -> None:
    for days in range(20):
        kept(history, at(days, NOTHING), ERROR)
    assert len(read(history, most=14)) == 20


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("shop\n\x07.dump", "shop\\u000a\\u0007.dump"),
        ("shop\u202e\udc80.dump", "shop\\u202e\\udc80.dump"),
        ("献立.dump", "献立.dump"),
        ("n" * 300, "n" * 300),
        ("n" * 301, "n" * 299 + "…"),
        ("\x00" * 5000, ("\\u0000" * 299) + "…"),
    ],
)
def test_any_name_can_be_kept(history: Engine, name: str, stored: str) -> None:
    kept(history, replace(GOOD, backup=replace(BACKUP, path=Path("/backups") / name)))
    assert read(history)[0].backup == stored


def test_a_name_with_a_secret_in_it(history: Engine) -> None:
    before = frozenset(_resolved)
    try:
        keep_secret("hush-hush-0815")
        kept(history, replace(GOOD, backup=replace(BACKUP, path=Path("/backups/shop-hush-hush-0815.dump"))))
    finally:
        _resolved.intersection_update(before)
    assert read(history)[0].backup == "shop-••••••.dump"


class TestTwice:
    def test_the_same_drill_is_kept_once(self, history: Engine) -> None:
        for _ in range(3):
            kept(history, GOOD)
        assert len(read(history)) == 1

    def test_another_one_of_the_same_instant_is_refused_and_nothing_is_lost(self, history: Engine) -> None:
        kept(history, GOOD, FAILED, "backups.counts")
        for other, verdict in ((GOOD, PASSED), (NOTHING, ERROR), (replace(GOOD, seconds=9.0), FAILED)):
            with pytest.raises(
                HistoryError, match=r"another restore drill of shop started at 2026-11-24 .* verdict failed"
            ):
                kept(history, other, verdict)
        [past] = read(history)
        assert (past.verdict, past.reached) == (FAILED, "backups.counts")
        kept(history, at(1))
        assert len(read(history)) == 2

    def test_the_same_instant_of_another_database_is_its_own(self, history: Engine) -> None:
        kept(history, GOOD)
        kept(history, GOOD, FAILED, database="wiki")
        assert read(history)[0].verdict is PASSED and read(history, database="wiki")[0].verdict is FAILED


def test_a_history_without_the_table_is_an_error_that_names_it(history: Engine) -> None:
    with writing(history) as connection:
        connection.execute(text("DROP TABLE backup_drills"))
    with pytest.raises(HistoryError, match="backup_drills"):
        kept(history, GOOD)
    with pytest.raises(HistoryError, match="backup_drills"):
        read(history)
