"""A scan of packages: how completely they were asked about, and what was found of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tasks.check_result import Message, moment, msg
from tasks.outside import external_text
from tasks.security.advisories.feed import is_stale
from tasks.security.facts.scans import (
    Completeness,
    Coverage,
    Feed,
    LeftOut,
    Scan,
    Target,
)
from tasks.security.locks.interface import Lock
from tasks.security.scanners.packages.vulnerabilities import Vulnerability, as_findings

NO_LOCK: Final = "(no lock file)"
_MOST_LISTED = 500


@dataclass(frozen=True, slots=True)
class Answers:
    """What an advisory source answered about the packages of a lock.

    `audited` counts those that it knows about, `skipped` are those that it refused or that no index knows. `doubt` is a
    reason why the answer is not whole though every package was asked about. `unproven` is the key of the service file
    by which nobody was asked whether the packages exist.
    """

    feed: Feed
    audited: int
    skipped: tuple[LeftOut, ...]
    vulnerabilities: tuple[Vulnerability, ...]
    doubt: Message | None = None
    unproven: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What all scans of one lock have in common."""

    target: Target
    version: str
    at: datetime
    digest: str

    def failed(self, reason: Message, *, feed: Feed | None = None, coverage: Coverage | None = None) -> Scan:
        """A scan that came to nothing."""
        return Scan(
            self.target,
            self.version,
            self.at,
            0.0,
            Completeness.FAILED,
            reason,
            coverage or Coverage(0, 0),
            self.digest,
            feed=feed,
        )

    def declared_empty(self, reason: str) -> Scan:
        """A complete scan of nothing: the service file says that there is nothing."""
        why = msg("No packages: {reason}", reason=external_text(reason))
        return Scan(self.target, self.version, self.at, 0.0, Completeness.COMPLETE, why, Coverage(0, 0), self.digest)


def unusable(look: Look, lock: Lock, no_dependencies: str | None) -> Scan | None:
    """The scan of a lock without any package to ask about; None if there is one."""
    if lock.packages:
        return None
    if lock.problems or lock.unmatched:
        first = lock.problems[0] if lock.problems else lock.unmatched[0].reason
        asked = len(lock.problems) + len(lock.unmatched)
        return look.failed(first, coverage=Coverage(asked, 0, left_out=_listed(lock, ())))
    if no_dependencies is not None:
        return look.declared_empty(no_dependencies)
    return look.failed(
        msg("{file} pins no package: set [source] no_dependencies if that is meant", file=external_text(lock.path)),
        coverage=Coverage(0, 0, left_out=_listed(lock, ())),
    )


def scan(look: Look, lock: Lock, answers: Answers, most_age: timedelta, seconds: float) -> Scan:
    """The scan of a lock; its completeness is decided before its findings are looked at."""
    asked = len(lock.packages) + len(lock.unmatched) + len(lock.problems)
    coverage = Coverage(asked, answers.audited, left_out=_listed(lock, answers.skipped))
    completeness, reason = _completeness(look, lock, answers, most_age, asked)
    if completeness is Completeness.FAILED:
        return look.failed(reason, feed=answers.feed, coverage=coverage)
    findings = as_findings(answers.vulnerabilities, lock.path)
    return Scan(
        look.target,
        look.version,
        look.at,
        round(seconds, 2),
        completeness,
        reason,
        coverage,
        look.digest,
        findings=findings,
        feed=answers.feed,
    )


def _completeness(
    look: Look, lock: Lock, answers: Answers, most_age: timedelta, asked: int
) -> tuple[Completeness, Message]:
    feed = answers.feed
    if not feed.canary_found:
        return Completeness.FAILED, msg(
            "{source} does not know the vulnerable package {canary}: what it does not report may be there all the same",
            source=feed.source,
            canary=feed.canary,
        )
    answered = answers.audited + len(answers.skipped)
    if answered != len(lock.packages):
        return Completeness.FAILED, msg(
            "{source} answered for {answered} of {asked} packages",
            source=feed.source,
            answered=answered,
            asked=len(lock.packages),
        )
    missing = (*lock.unmatched, *answers.skipped)
    if answers.audited == 0 and not answers.vulnerabilities:
        return Completeness.FAILED, msg(
            "None of {asked} packages is matched, such as {what}", asked=asked, what=missing[0].what
        )
    if lock.problems:
        return Completeness.PARTIAL, _problems(lock, asked)
    if missing:
        return Completeness.PARTIAL, msg(
            "{count} of {asked} packages are unmatched, such as {what}",
            count=len(missing),
            asked=asked,
            what=missing[0].what,
        )
    if feed.modified_at is not None and is_stale(feed.modified_at, look.at, most_age):
        return Completeness.PARTIAL, msg(
            "{source} last changed on {at}, {hours} hours ago, more than [security.limits] max_feed_age_h allows",
            source=feed.source,
            at=moment(feed.modified_at),
            hours=int((look.at - feed.modified_at).total_seconds() // 3600),
        )
    if answers.doubt is not None:
        return Completeness.PARTIAL, answers.doubt
    if answers.unproven:
        return Completeness.COMPLETE, msg(
            "Packages asked about at {source}, and not matched against a package index ({key} is none): {count}",
            source=feed.source,
            key=answers.unproven,
            count=asked,
        )
    return Completeness.COMPLETE, msg("Packages asked about at {source}: {count}", count=asked, source=feed.source)


def _problems(lock: Lock, asked: int) -> Message:
    first, count = lock.problems[0], len(lock.problems)
    if count == 1:
        return first
    file, line = external_text(lock.path), first.params.get("line")
    if line is None:
        return msg("{count} of {asked} entries of {file} cannot be used", count=count, asked=asked, file=file)
    return msg(
        "{count} of {asked} entries of {file} cannot be used, the first in line {line}",
        count=count,
        asked=asked,
        file=file,
        line=line,
    )


def _listed(lock: Lock, skipped: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    """What was left out, for whatever reason; of very many the first."""
    problems = (LeftOut(external_text(lock.path), problem) for problem in lock.problems)
    return (*problems, *lock.unmatched, *skipped, *lock.left_out)[:_MOST_LISTED]
