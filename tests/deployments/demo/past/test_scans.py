"""The demo's made-up scans: what they found is over by now, and they are made once."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from deployments.demo.past.scans import bring_scans
from tasks.samples.store.minutes import read_samples
from tasks.security.facts.scans import Completeness
from tasks.security.section import SCORE, SCORED
from tasks.security.store.findings import read_events, read_findings
from tasks.security.store.scans import read_scans

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)


def test_nothing_made_up_is_open_today(history: Engine) -> None:
    bring_scans(history, "kondate", NOW, 45)
    found = read_findings(history, "kondate")
    assert len(found) == 4 and not any(known.is_open for known in found)
    assert all("made up" in known.finding.title for known in found)
    newest = read_scans(history, "kondate", NOW)
    assert {scan.completeness for scan in newest} == {Completeness.COMPLETE} and len(newest) == 4
    minutes = (int(at.timestamp()) // 60 for at in (NOW - timedelta(days=46), NOW))
    assert len(read_samples(history, "kondate", SCORE, *minutes)[SCORED]) == 45


def test_a_second_time_adds_nothing(history: Engine) -> None:
    bring_scans(history, "kondate", NOW, 10)
    before = read_events(history, "kondate", NOW - timedelta(days=60), NOW)
    bring_scans(history, "kondate", NOW + timedelta(days=1), 10)
    assert read_events(history, "kondate", NOW - timedelta(days=60), NOW + timedelta(days=2)) == before
