"""Records of advisories in OSV's form: what they say of a package."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from packaging.utils import canonicalize_name

from tasks.security.advisories.versions import order
from tasks.security.facts.scans import Package


@dataclass(frozen=True, slots=True)
class Span:
    """A range of affected versions, from `introduced` ("0": from the first) to before `fixed`, or to `last`."""

    introduced: str
    fixed: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class Affected:
    """What a record says of one package; `name` is canonical."""

    ecosystem: str
    name: str
    spans: tuple[Span, ...]
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """An advisory; `vectors` are its CVSS vectors, `word` is the severity that its database gives it."""

    id: str
    aliases: tuple[str, ...]
    summary: str
    modified: datetime | None
    withdrawn: bool
    vectors: tuple[str, ...]
    word: str
    affected: tuple[Affected, ...]

    @property
    def ids(self) -> frozenset[str]:
        """Its id and all its aliases."""
        return frozenset((self.id, *self.aliases))


def parse_record(data: object) -> Record:
    """A record from JSON; raises ValueError for what is none. Parts of it that are not as they must be are left out."""
    if not isinstance(data, Mapping) or not isinstance(data.get("id"), str) or not data["id"]:
        raise ValueError("not an advisory")
    affected = [entry for entry in _list(data.get("affected")) if isinstance(entry, Mapping)]
    severities = [*_list(data.get("severity")), *(one for entry in affected for one in _list(entry.get("severity")))]
    words = data.get("database_specific")
    return Record(
        id=data["id"],
        aliases=tuple(alias for alias in _list(data.get("aliases")) if isinstance(alias, str)),
        summary=_text(data.get("summary")) or _text(data.get("details")).partition("\n")[0],
        modified=instant(data.get("modified")),
        withdrawn=instant(data.get("withdrawn")) is not None,
        vectors=tuple(_text(one.get("score")) for one in severities if isinstance(one, Mapping)),
        word=_text(words.get("severity")) if isinstance(words, Mapping) else "",
        affected=tuple(_affected(entry) for entry in affected),
    )


def instant(text: object) -> datetime | None:
    """A time as OSV writes it; None for anything else, and for one without a zone."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return None if at is None or at.utcoffset() is None else at.astimezone(UTC)


def newest(times: Iterable[datetime | None]) -> datetime | None:
    """The latest of the times that are known."""
    return max((at for at in times if at is not None), default=None)


def fixed_versions(records: Iterable[Record], package: Package) -> tuple[str, ...]:
    """The versions that fix a package for somebody who uses it in this version, in rising order."""
    installed = order(package.ecosystem, package.version)
    found = {
        span.fixed
        for record in records
        for affected in record.affected
        if affected.ecosystem == package.ecosystem and affected.name == package.name
        for span in affected.spans
        if span.fixed is not None and within(installed, span, package.ecosystem)
    }
    known = [(rank, text) for text in found if (rank := order(package.ecosystem, text)) is not None]
    return tuple(text for _, text in sorted(known))


def within(installed: Any, span: Span, ecosystem: str) -> bool:
    """True when a version, as `order` gives it, is in a range."""
    if installed is None:
        return False
    first = None if span.introduced == "0" else order(ecosystem, span.introduced)
    fixed = None if span.fixed is None else order(ecosystem, span.fixed)
    last = None if span.last is None else order(ecosystem, span.last)
    return bool(
        (first is None or installed >= first)
        and (fixed is None or installed < fixed)
        and (last is None or installed <= last)
    )


def _affected(entry: Mapping[str, Any]) -> Affected:
    package = entry.get("package")
    named = package if isinstance(package, Mapping) else {}
    ecosystem, name = _text(named.get("ecosystem")), _text(named.get("name"))
    ranges = [one for one in _list(entry.get("ranges")) if isinstance(one, Mapping)]
    return Affected(
        ecosystem,
        canonicalize_name(name) if ecosystem == "PyPI" else name,
        tuple(span for one in ranges if one.get("type") in ("ECOSYSTEM", "SEMVER") for span in _spans(one)),
        tuple(version for version in _list(entry.get("versions")) if isinstance(version, str)),
    )


def _spans(one: Mapping[str, Any]) -> list[Span]:
    """Events in their order: each `introduced` opens a range, `fixed` or `last_affected` closes it."""
    spans: list[Span] = []
    opened: str | None = None
    for event in _list(one.get("events")):
        if not isinstance(event, Mapping):
            continue
        if "introduced" in event:
            if opened is not None:
                spans.append(Span(opened, None, None))
            opened = _text(event["introduced"])
        elif "fixed" in event or "last_affected" in event:
            spans.append(
                Span(opened or "0", _text(event.get("fixed")) or None, _text(event.get("last_affected")) or None)
            )
            opened = None
    return spans if opened is None else [*spans, Span(opened, None, None)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
