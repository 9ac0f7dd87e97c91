"""The demo's security scans of earlier nights, made up: what they found is fixed by now."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from deployments.demo.source import LOCK, NPM_LOCK, SOURCE
from tasks.check_result import msg
from tasks.history.engine import History
from tasks.samples.facts import Reading
from tasks.samples.store.minutes import store_readings
from tasks.security.facts.scans import Completeness, Confidence, Coverage, Feed, Finding, Kind, Rating, Scan, Target
from tasks.security.section import SCORE, SCORED
from tasks.security.store.scans import read_first_scan, store_scans

_MADE_UP = msg("Made up for the demo")
_TARGETS = (
    Target("bandit", SOURCE, Kind.CODE),
    Target("detect-secrets", SOURCE, Kind.SECRET),
    Target("pip-audit", LOCK, Kind.DEPENDENCY),
    Target("osv", NPM_LOCK, Kind.DEPENDENCY),
)
_BEFORE_HEADERS, _WITH_HEADERS = 55.0, 100.0


@dataclass(frozen=True, slots=True)
class _Episode:
    """A finding that was there from a day until another, both counted back from today."""

    finding: Finding
    found: int
    fixed: int


def bring_scans(history: History, service: str, now: datetime, days: int) -> None:
    """Keep a scan for each night before today, unless some are kept already. Raises HistoryError."""
    if read_first_scan(history, service) is not None:
        return
    scores = []
    for ago in range(days, 0, -1):
        at = now - timedelta(days=ago)
        store_scans(history, service, [_scan(target, at, ago) for target in _TARGETS], at)
        scores.append((at, Reading(SCORE, SCORED, _BEFORE_HEADERS if ago > days // 2 else _WITH_HEADERS, "")))
    store_readings(history, service, scores, synthetic=True)


def _scan(target: Target, at: datetime, ago: int) -> Scan:
    found = tuple(e.finding for e in _EPISODES if e.finding.kind is target.kind and e.found >= ago > e.fixed)
    mine = () if target.name == NPM_LOCK else found
    feed = (
        Feed("OSV (demo)", "jinja2==2.10", canary_found=True, modified_at=at)
        if target.kind is Kind.DEPENDENCY
        else None
    )
    return Scan(target, "", at, 0.0, Completeness.COMPLETE, _MADE_UP, Coverage(1, 1), "", mine, feed=feed)


def _episodes() -> Iterator[_Episode]:
    yield _Episode(_code("B608", "SQL is put together from a request", "kondate/shopping.py", Rating.MEDIUM), 40, 26)
    yield _Episode(_code("B301", "pickle reads what users send", "kondate/cache.py", Rating.HIGH), 33, 31)
    yield _Episode(_package("DEMO-2025-0007", "kondate-labels", "1.3.9", "1.4.0"), 24, 6)
    yield _Episode(_code("B113", "A request has no time-out", "kondate/health.py", Rating.MEDIUM), 12, 3)


def _code(rule: str, title: str, path: str, rating: Rating) -> Finding:
    key = _key(rule, path)
    return Finding(Kind.CODE, key, key, rule, f"{title} (made up)", rating, Confidence.HIGH, path, 1)


def _package(rule: str, name: str, version: str, fixed: str) -> Finding:
    key, title = _key(rule, name), f"{name} shows labels of other users (made up)"
    return Finding(
        Kind.DEPENDENCY, key, key, rule, title, Rating.HIGH, Confidence.HIGH, LOCK,
        package=name, version=version, ecosystem="PyPI", fixed_in=(fixed,), aliases=(rule,),
    )  # fmt: skip


def _key(*parts: str) -> str:
    return sha256("\0".join(("demo", *parts)).encode()).hexdigest()


_EPISODES = tuple(_episodes())
