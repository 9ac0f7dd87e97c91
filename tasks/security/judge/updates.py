"""Security updates: which packages wait for an upgrade that is published."""

from collections.abc import Sequence
from datetime import datetime

from tasks.check_result import CheckResult, Evidence, Limit, Message, Quantity, Scalar, Status, Table, msg
from tasks.security.checks import UPDATES
from tasks.security.fix.updates import Update, find_updates
from tasks.security.judge.findings import SUBJECT, Standing, rating_word, shown

_MOST_ROWS = 50
_SOURCE = msg("Published fixes are applied")


def judge_updates(standing: Sequence[Standing], blind: Message | None, now: datetime) -> CheckResult:
    """WARN for packages with a published fix; without one UNKNOWN where `blind` says what was not scanned."""
    updates = find_updates(one.known for one in standing)
    waiting = [update for update in updates if update.to is not None]
    evidence: tuple[Evidence, ...] = (_table(updates),) if updates else ()
    if blind is not None and not waiting:
        return UPDATES.judged(Status.UNKNOWN, SUBJECT, blind, at=now, evidence=evidence)
    unfixed = len(updates) - len(waiting)
    reason = msg("No package is waiting for an update; without a published fix: {unfixed}", unfixed=unfixed)
    if waiting:
        first = waiting[0]
        reason = msg(
            "Packages with a published fix: {number}, such as {package} {version}. See `rounds findings fix`",
            number=len(waiting),
            package=first.package,
            version=first.to,
        )
    return UPDATES.judged(
        Status.WARN if waiting else Status.PASS,
        SUBJECT,
        reason,
        at=now,
        observed=Quantity(len(waiting)),
        limit=Limit("≤", 0, "", _SOURCE),
        evidence=evidence,
    )


def _table(updates: Sequence[Update]) -> Table:
    columns = (
        msg("Package"),
        msg("Version"),
        msg("Upgrade to"),
        msg("Severity rating"),
        msg("Fixes"),
        msg("Lock file"),
    )
    return Table(msg("Updates"), columns, tuple(_row(update) for update in updates[:_MOST_ROWS]))


def _row(update: Update) -> tuple[Scalar | Message, ...]:
    to = msg("no fix is published") if update.to is None else shown(update.to)
    advisories = ", ".join(update.advisories)
    return (
        shown(update.package),
        shown(update.version),
        to,
        rating_word(update.rating),
        advisories,
        shown(update.path),
    )
