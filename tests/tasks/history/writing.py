"""Tiny runs and messages; as a program, another process that works on a history database.

Usage: writing.py record|record-for-ever|record-until-killed|lease|race|open URL SERVICE [COUNT]
`race` is `lease` by the clock, with a tenth of a second between two messages to one recipient.
`open` opens the addresses on its stdin; for each line there `record-until-killed` starts a process that records for
ever, says its pid, and `-` when it was killed.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reports.report import Report, to_data
from tasks.canonical import canonical
from tasks.check_result import Check, CheckResult, Excerpt, Limit, Quantity, Severity, Status, Table, verbatim
from tasks.guide.judge import Verdict
from tasks.history.engine import open_history
from tasks.history.migrate import require_current
from tasks.history.outbox import Handling, OutboxMessage, is_any_due, lease_next, mark_sent
from tasks.history.runs import NewRun, RunKey, RunPlace, record_run

AT = datetime(2026, 11, 24, 0, 0, 12, tzinfo=UTC)
GAP = timedelta(seconds=0.1)
READINESS = Check("health.readiness", verbatim("準備"), verbatim("Is it ready?"), Severity.EMERGENCY)
LATENCY = Check("health.latency", verbatim("Latency"), verbatim("Is it fast?"), Severity.WARNING)


def two_results(latency: float = 52.25, subject: str = "module:注文") -> tuple[CheckResult, ...]:
    """A failure with two proofs, and one that has none because nothing was seen."""
    limit = Limit("≤", 50, "ms", verbatim("運用ガイド"))
    table = Table(verbatim("Samples"), (verbatim("at"), verbatim("ms")), (("00:00:01", 52.25), ("00:00:02", None)))
    proofs = (table, Excerpt(verbatim("Log"), "Traceback\n\x00 小麦粉 'x' \\ \"y\""))
    slow = LATENCY.judged(
        Status.FAIL, subject, verbatim("slow"), at=AT, observed=Quantity(latency, "ms"), limit=limit, evidence=proofs
    )
    return slow, READINESS.judged(Status.UNKNOWN, "host:/var", verbatim("no answer"), at=AT)


def a_run(
    key: RunKey,
    results: tuple[CheckResult, ...] | None = None,
    messages: Sequence[OutboxMessage] = (),
    at: datetime = AT,
) -> Callable[[RunPlace], NewRun]:
    """What `record_run` asks for: a real report of few results."""

    def compose(place: RunPlace) -> NewRun:
        report = Report(
            service=key.service,
            environment="test",
            timezone="Asia/Tokyo",
            flow=key.flow,
            period=key.period,
            revision=place.revision,
            trigger=key.trigger,
            started_at=at,
            finished_at=at,
            verdict=Verdict.FAILED,
            lines=(),
            results=two_results() if results is None else results,
            kpis=(),
            actions=(),
            previous=None,
        )
        data: Any = to_data(report)
        return NewRun(report.verdict.value, at, canonical(data), data["results"], messages)

    return compose


def a_message(name: str, recipient: str = "ops@example.com") -> OutboxMessage:
    """A message; the same name twice is the same message."""
    return OutboxMessage(
        "report", name, "mail", recipient, "ja", {"flow": "daily-checklist", "revision": 1, "unset": None}
    )


def _tell(line: str) -> None:
    """A line that a kill leaves whole or leaves out; `print` may write its end by itself."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def main(what: str, url: str, service: str, count: int) -> None:
    """Work on the database as asked, and tell of each piece on a line once it is committed."""
    if what == "open":
        for address in map(str.strip, sys.stdin):
            require_current(open_history(address, Path.cwd()))
            _tell(address)
        return
    if what == "record-until-killed":
        for _ in sys.stdin:
            if (child := os.fork()) == 0:
                _tell(str(os.getpid()))
                what = "record-for-ever"
                break
            os.waitpid(child, 0)
            _tell("-")
        else:
            return
    engine = open_history(url, Path.cwd())
    if what == "lease":
        while (leased := lease_next(engine, service, AT)) is not None:
            _tell(f"{leased.message.dedupe_key} {mark_sent(engine, leased, '250', AT)}")
        return
    if what == "race":
        handling = Handling(gap=lambda _message: GAP)
        while is_any_due(engine, service, now := datetime.now(UTC)):
            if (leased := lease_next(engine, service, now, handling)) is None:
                time.sleep(0.01)
                continue
            _tell(f"{leased.message.dedupe_key} {leased.message.recipient} {now.timestamp()}")
            mark_sent(engine, leased, "250", datetime.now(UTC))
        return
    key = RunKey(service, "daily-checklist", "2026-11-24", "hand")
    while what == "record-for-ever" or count > 0:
        _tell(record_run(engine, key, a_run(key)).chained)
        count -= 1


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 0)
