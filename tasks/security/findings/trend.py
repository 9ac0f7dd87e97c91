"""How findings stood at an earlier time, out of their events. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from tasks.security.facts.scans import Change, Event


def open_at(events: Iterable[Event], at: datetime) -> frozenset[str]:
    """The fingerprints of the findings that were open at an instant; events are in the order of their time."""
    is_open: dict[str, bool] = {}
    for event in events:
        if event.at > at:
            break
        if event.change is not Change.MOVED:
            is_open[event.fingerprint] = event.change.opens
    return frozenset(fingerprint for fingerprint, opened in is_open.items() if opened)


def open_counts(events: Sequence[Event], at: Sequence[datetime], began: datetime | None) -> tuple[float | None, ...]:
    """How many findings were open at each instant; None before the first scan."""
    return tuple(None if began is None or when < began else float(len(open_at(events, when))) for when in at)


def by_change(events: Iterable[Event]) -> dict[Change, list[str]]:
    """The fingerprints of the findings to which something happened, each once."""
    found: defaultdict[Change, dict[str, None]] = defaultdict(dict)
    for event in events:
        found[event.change][event.fingerprint] = None
    return {change: list(fingerprints) for change, fingerprints in found.items()}
