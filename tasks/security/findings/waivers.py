"""Waivers: findings whose alerts somebody has paused, for a reason and until a day. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Self

from packaging.utils import canonicalize_name
from pydantic import Field, StringConstraints, model_validator

from tasks.configuration import GlobPattern, Model
from tasks.security.facts.scans import Finding, Kind, Known
from tasks.security.findings.reasons import WaiverReason
from tasks.security.tree.exclude import Exclusion

SHORTEST = 8
PYTHON = "PyPI"


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Waiver(Model):
    """One `[[waiver]]` of the waivers file: what it covers, why, who answers for it, and until when."""

    finding: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,64}$")] | None = None
    """Fingerprint of one finding, or its first 8 or more characters."""

    package: Text | None = None
    """Findings of one package; with `advisory`, only those of that advisory."""

    advisory: Text | None = None
    """Findings of one advisory, by any of its ids; without `package`, in every package."""

    rule: Text | None = None
    """Findings of one rule, such as B602; with `path`, only those in matching files."""

    path: GlobPattern | None = None
    """Files of a `rule`, as a path in the tree or a glob pattern; `**` stands for any folders."""

    reason: WaiverReason
    """Why the findings are not fixed now."""

    note: Annotated[str, Field(max_length=2000)] = ""
    """More about it, for people."""

    owner: Text
    """Who answers for it."""

    expires: Annotated[date, Field(strict=True)]
    """Last day on which it holds, in the service's time zone."""

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        scopes = [self.finding, self.rule, self.package if self.package is not None else self.advisory]
        if sum(scope is not None for scope in scopes) != 1:
            raise ValueError("one of finding, package, advisory and rule says what is waived; only advisory may join")
        if self.path is not None and self.rule is None:
            raise ValueError("path belongs to a rule: set rule, or remove path")
        return self

    def holds(self, today: date) -> bool:
        """True until the end of its last day."""
        return today <= self.expires

    @property
    def scope(self) -> str:
        """What it covers, in a few words; text from outside."""
        if self.finding is not None:
            return f"finding {self.finding[:SHORTEST]}"
        if self.rule is not None:
            return f"rule {self.rule}" + (f" in {self.path}" if self.path is not None else "")
        parts = (("package", self.package), ("advisory", self.advisory))
        return " ".join(f"{name} {value}" for name, value in parts if value is not None)

    def covers(self, known: Known) -> bool:
        """True for a finding in its scope, whatever the day."""
        finding = known.finding
        if self.finding is not None:
            return known.fingerprint.startswith(self.finding)
        if self.rule is not None:
            in_path = self.path is None or Exclusion([self.path]).covers(finding.path)
            return self.rule == finding.rule and in_path
        if finding.kind is not Kind.DEPENDENCY:
            return False
        return (self.package is None or _same_package(self.package, finding)) and (
            self.advisory is None
            or self.advisory.casefold() in {name.casefold() for name in (finding.rule, *finding.aliases)}
        )


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A finding and the waiver that pauses its alerts, if there is one; its age goes on."""

    known: Known
    waiver: Waiver | None


@dataclass(frozen=True, slots=True)
class WaiverReview:
    """What a day's waivers mean for findings.

    `active` hold and cover an open finding, `expired` would cover one, `unused` cover none, `ambiguous` name several
    findings by a fingerprint that is too short, and therefore waive none.
    """

    today: date
    findings: tuple[Reviewed, ...]
    active: tuple[Waiver, ...] = ()
    expired: tuple[Waiver, ...] = ()
    unused: tuple[Waiver, ...] = ()
    ambiguous: tuple[Waiver, ...] = ()

    def expiring(self, days: int) -> tuple[Waiver, ...]:
        """The active waivers whose last day comes within so many days."""
        return tuple(waiver for waiver in self.active if (waiver.expires - self.today).days <= days)

    @property
    def waived(self) -> tuple[Reviewed, ...]:
        """The open findings whose alerts are paused."""
        return tuple(one for one in self.findings if one.known.is_open and one.waiver is not None)

    @property
    def unwaived(self) -> tuple[Known, ...]:
        """The open findings that nothing pauses."""
        return tuple(one.known for one in self.findings if one.known.is_open and one.waiver is None)


def applied(known: Sequence[Known], waivers: Sequence[Waiver], today: date) -> WaiverReview:
    """Each finding with its active waiver (the one that holds longest), and what is to be said of the waivers."""
    ambiguous = tuple(waiver for waiver in waivers if _is_ambiguous(waiver, known))
    clear = [waiver for waiver in waivers if waiver not in ambiguous]
    opened = [finding for finding in known if finding.is_open]
    used = [waiver for waiver in clear if any(waiver.covers(finding) for finding in opened)]
    holding = sorted((w for w in clear if w.holds(today)), key=lambda waiver: waiver.expires, reverse=True)
    return WaiverReview(
        today,
        tuple(Reviewed(finding, next((w for w in holding if w.covers(finding)), None)) for finding in known),
        active=tuple(waiver for waiver in used if waiver.holds(today)),
        expired=tuple(waiver for waiver in used if not waiver.holds(today)),
        unused=tuple(waiver for waiver in clear if waiver not in used),
        ambiguous=ambiguous,
    )


def _is_ambiguous(waiver: Waiver, known: Sequence[Known]) -> bool:
    return waiver.finding is not None and sum(waiver.covers(finding) for finding in known) > 1


def _same_package(name: str, finding: Finding) -> bool:
    if finding.ecosystem == PYTHON:
        return canonicalize_name(name) == canonicalize_name(finding.package)
    return name == finding.package
