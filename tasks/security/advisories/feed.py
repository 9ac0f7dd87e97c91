"""How old an advisory feed is."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.security.advisories.http import Endpoint
from tasks.security.advisories.records import instant, newest
from tasks.security.settings import Advisories

_MOST_BYTES = 4096


def modified_at(
    endpoint: Endpoint, advisories: Advisories, ecosystem: str, given: Iterable[datetime | None]
) -> datetime | None:
    """When the feed last changed: by its list of changes, else by the newest record that it gave.

    None when neither tells. Raises ObservationError when the list cannot be read.
    """
    listed = advisories.changes(ecosystem)
    if listed is None:
        return newest(given)
    first, end, _ = endpoint.beginning(listed, _MOST_BYTES).partition(b"\n")
    at = instant(first.decode("ascii", "replace").partition(",")[0].strip())
    if at is None or not (end or len(first) < _MOST_BYTES):
        raise ObservationError(
            msg("The list of changes at {host} does not begin with a time", host=urlsplit(listed).hostname)
        )
    return at


def is_stale(modified: datetime | None, now: datetime, most: timedelta) -> bool:
    """True for a feed that is known to have changed longer ago than `most`."""
    return modified is not None and now - modified > most
