"""A waiver added to the waivers file, with whatever else stands in it left as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from tasks.errors import UsageError
from tasks.files import locked, new_file
from tasks.outside import external_text
from tasks.security.facts.scans import Known
from tasks.security.findings.reasons import Scope, WaiverReason
from tasks.security.findings.waiver_file import WaiversRejected, parse_waivers, problems, read_text
from tasks.security.findings.waivers import SHORTEST, Waiver
from tasks.toml import comment, quoted

_WAIT_S = 10.0


class WaiverRefused(UsageError):
    """A waiver cannot be added as asked; nothing was written."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A waiver that now stands in the file, as its number `place`, and how many open findings it covers."""

    waiver: Waiver
    place: int
    findings: int

    @property
    def words(self) -> str:
        """What was written, in a line."""
        waiver = self.waiver
        many = "1 open finding" if self.findings == 1 else f"{self.findings} open findings"
        text = f"{waiver.scope} ({many}): {waiver.reason}, {waiver.owner}, until {waiver.expires}"
        return f"waiver {self.place}: {external_text(text)}"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks to be waived: a finding by its fingerprint, or with others like it."""

    finding: str
    reason: WaiverReason
    owner: str
    expires: date
    note: str = ""
    scope: Scope = Scope.FINDING


def record(path: Path, known: Sequence[Known], wish: Wish, today: date) -> Recorded:
    """Add the waiver that somebody wishes for to a file. Raises WaiverRefused."""
    scope = scope_of(known_finding(known, wish.finding), wish.scope)
    return waive(path, new_waiver(scope, wish.reason, wish.owner, wish.expires, wish.note), known, today)


def known_finding(known: Sequence[Known], name: str) -> Known:
    """The finding of a fingerprint, or of its first characters. Raises WaiverRefused for none or several."""
    name = name.strip().lower()
    if len(name) < SHORTEST or not set(name) <= set("0123456789abcdef"):
        raise WaiverRefused(f"a finding is named by the first {SHORTEST} or more characters of its fingerprint")
    found = [finding for finding in known if finding.fingerprint.startswith(name)]
    if not found:
        raise WaiverRefused(f"no finding has the fingerprint {name}")
    if len(found) > 1:
        raise WaiverRefused(f"several findings begin with {name}: give more of the fingerprint")
    return found[0]


def scope_of(known: Known, scope: Scope) -> dict[str, str]:
    """The keys of a waiver that cover a finding and those like it. Raises WaiverRefused if there are none like it."""
    finding = known.finding
    if scope in (Scope.PACKAGE, Scope.ADVISORY) and not finding.package:
        raise WaiverRefused(f"{known.fingerprint[:SHORTEST]} is no finding of a package: its scope is finding or rule")
    if scope is Scope.RULE and finding.package:
        raise WaiverRefused(f"{known.fingerprint[:SHORTEST]} is a finding of a package: its scope is not rule")
    return {
        Scope.FINDING: {"finding": known.fingerprint},
        Scope.PACKAGE: {"package": finding.package},
        Scope.ADVISORY: {"advisory": finding.rule},
        Scope.RULE: {"rule": finding.rule, "path": finding.path},
    }[scope]


def new_waiver(scope: Mapping[str, str], reason: str, owner: str, expires: date, note: str = "") -> Waiver:
    """A waiver from its values. Raises WaiverRefused naming the wrong one."""
    try:
        return Waiver.model_validate(
            {**scope, "reason": reason, "owner": owner, "expires": expires, "note": note.strip()}
        )
    except ValidationError as error:
        raise WaiverRefused(external_text("; ".join(problems(error)), 1000)) from None


def waive(path: Path, waiver: Waiver, known: Sequence[Known], today: date) -> Recorded:
    """Add a waiver to the end of a file, which is made if need be.

    Raises WaiverRefused for a file with a mistake in it or that cannot be written, a waiver that has expired, or one
    that covers no open finding.
    """
    covered = [finding for finding in known if finding.is_open and waiver.covers(finding)]
    if not covered:
        raise WaiverRefused(f"no open finding is covered by {external_text(waiver.scope)}")
    if not waiver.holds(today):
        raise WaiverRefused(f"expires: {waiver.expires} is past; today is {today}")
    file = path.resolve()
    if not file.parent.is_dir():
        raise WaiverRefused(f"{path} cannot be written: its folder does not exist")
    try:
        with locked(file.parent, wait_s=_WAIT_S):
            text = read_text(file)
            place = len(parse_waivers(text, file)) + 1
            added = _with(text, waiver, covered[0])
            parse_waivers(added, file)
            _replace(file, added)
    except WaiversRejected as error:
        found = external_text("; ".join(error.problems), 1000)
        raise WaiverRefused(f"{path} is left as it is, correct it first: {found}") from None
    except BlockingIOError:
        raise WaiverRefused(f"{path} is being written by others: try again") from None
    except OSError as error:
        raise WaiverRefused(f"{path} cannot be written: {error.strerror}") from None
    return Recorded(waiver, place, len(covered))


def _with(text: str, waiver: Waiver, known: Known) -> str:
    """The text with a block at its end; a comment says what a fingerprint stands for."""
    before = text if not text or text.endswith("\n") else f"{text}\n"
    return before + ("\n" if before else "") + "\n".join(_block(waiver, known)) + "\n"


def _block(waiver: Waiver, known: Known) -> list[str]:
    finding = known.finding
    where = f"{finding.package} {finding.version}" if finding.package else finding.path
    head = comment(external_text(f"{finding.rule} {where}: {finding.title}"))
    values = waiver.model_dump(exclude_none=True, exclude_defaults=True)
    lines = [f"{key} = {value if isinstance(value, date) else quoted(value)}" for key, value in values.items()]
    return [head, "[[waiver]]", *lines]


def _replace(file: Path, text: str) -> None:
    """At once, and with the rights that the file had."""
    with new_file(file) as beside:
        beside.write_bytes(text.encode())
        if file.exists():
            beside.chmod(file.stat().st_mode & 0o777)
