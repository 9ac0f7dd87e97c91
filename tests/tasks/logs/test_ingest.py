"""Every line counts once: whatever is killed, whoever reads at the same time, however files rotate."""

import gzip
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine

from tasks.logs.tables import log_sources

if TYPE_CHECKING:
    from tests.tasks.logs.conftest import Reading, Service

KILLS = 20
START = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
TWO = (
    '[[logs.source]]\nname = "app"\nkind = "file"\npaths = ["logs/app.log*"]\n'
    '[[logs.source]]\nname = "jobs"\nkind = "file"\npaths = ["logs/jobs.log*"]\n'
)

Written = Callable[[int, datetime, int], bytes]
Afresh = Callable[["Service"], dict[str, Any]]
Apart = Callable[["Service"], "Reading"]


def age(path: Path, at: datetime) -> None:
    os.utime(path, (at.timestamp(), at.timestamp()))


def commits(service: "Service") -> int:
    return sum(row.version for row in service.rows(log_sources))


def test_twenty_kills_lose_nothing_and_count_nothing_twice(
    service: "Service", written: Written, afresh: Afresh, apart: Apart
) -> None:
    told = random.Random(20261125)
    service.commit_bytes = 4096
    reading, log = apart(service), service.logs / "app.log"
    took_s, in_between = 0.2, 0
    for kill in range(KILLS):
        at = START + timedelta(minutes=30 * kill)
        if kill % 3 == 1:
            log.rename(service.logs / f"app.log.{kill}")
        if kill % 3 == 2:
            old = service.logs / f"app.log.{kill - 1}"
            (service.logs / f"{old.name}.gz").write_bytes(gzip.compress(old.read_bytes()))
            age(service.logs / f"{old.name}.gz", datetime.fromtimestamp(old.stat().st_mtime, UTC))
            old.unlink()
        with log.open("ab") as opened:
            opened.write(written(160, at, kill))
        before = commits(service)
        assert reading.order(kill_after_s=took_s * told.random())["ends"] in ([-9], [0])
        killed = commits(service)
        rerun = reading.order()
        assert rerun["ends"] == [0]
        in_between += before < killed < commits(service)
        took_s = max(0.05, rerun["took_s"])
    assert in_between >= KILLS // 4  # some lines were stored before the kill, and some were not
    assert service.sums()["lines"] == KILLS * 160
    assert service.counts() == afresh(service)


def test_two_that_read_at_once_count_as_one(
    history: Engine, service: "Service", written: Written, afresh: Afresh, apart: Apart
) -> None:
    service.history, service.commit_bytes = history, 4096
    for place in range(3):
        log = service.logs / f"app.log.{place}"
        log.write_bytes(written(400, START + timedelta(hours=place), place))
        age(log, service.now - timedelta(hours=3 - place))
    assert apart(service).order(0, 0)["ends"] == [0, 0]
    assert commits(service) > 20
    assert service.counts() == afresh(service)


def test_two_sources_read_at_once_share_minutes_and_errors(
    history: Engine, service: "Service", written: Written, afresh: Afresh, apart: Apart
) -> None:
    service.history, service.commit_bytes, service.sources = history, 4096, TWO
    for name, seed in (("app.log", 1), ("jobs.log", 2)):
        (service.logs / name).write_bytes(written(600, START, seed))
    assert apart(service).order(0, 1)["ends"] == [0, 0]
    mine, fresh = service.counts(), afresh(service)
    # Which of two errors of one moment came first, or is shown, is for whoever is first to say.
    assert {key: seen[:2] for key, seen in mine.pop("groups").items()} == {
        key: seen[:2] for key, seen in fresh.pop("groups").items()
    }
    assert mine == fresh
