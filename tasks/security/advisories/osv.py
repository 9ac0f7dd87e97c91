"""OSV's API: which advisories a package has, and what they say."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.security.advisories.http import Endpoint, NotFound, UnlikeOsv
from tasks.security.advisories.patient import at_once
from tasks.security.advisories.records import Record, instant, parse_record
from tasks.security.facts.scans import Package

_BATCH = 1000
_MOST_PAGES = 100
_MOST_RECORDS = 20_000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}")


def query(endpoint: Endpoint, package: Package) -> tuple[Record, ...]:
    """The records of a package in its version (`/v1/query`), withdrawn ones included; raises ObservationError."""
    found: list[Record] = []
    asked: dict[str, Any] = dict(_asked(package))
    for _ in range(_MOST_PAGES):
        answer = endpoint.post("/v1/query", asked)
        found += (_record(endpoint, one) for one in _vulnerabilities(endpoint, answer))
        if (token := _token(endpoint, answer)) is None:
            return tuple(found)
        asked["page_token"] = token
    raise endpoint.unlike_osv()


def query_ids(endpoint: Endpoint, packages: Sequence[Package]) -> dict[Package, frozenset[str]]:
    """Ids of the advisories of each package, also at an endpoint without `/v1/querybatch`; raises ObservationError."""
    try:
        return {package: frozenset(ids) for package, ids in query_batch(endpoint, packages).items()}
    except (NotFound, UnlikeOsv):
        found = query_each(endpoint, packages)
        return {package: frozenset(record.id for record in records) for package, records in found.items()}


def query_each(endpoint: Endpoint, packages: Sequence[Package]) -> dict[Package, tuple[Record, ...]]:
    """The same for several packages, a few at once."""
    return dict(zip(packages, at_once(lambda package: query(endpoint, package), packages), strict=True))


def query_batch(endpoint: Endpoint, packages: Sequence[Package]) -> dict[Package, dict[str, datetime | None]]:
    """Ids of the advisories of each package, with the time of their last change (`/v1/querybatch`).

    Raises ObservationError.
    """
    found: dict[Package, dict[str, datetime | None]] = {package: {} for package in packages}
    waiting: list[tuple[Package, str | None]] = [(package, None) for package in packages]
    for _ in range(_MOST_PAGES + len(packages) // _BATCH):
        if not waiting:
            return found
        now, waiting = waiting[:_BATCH], waiting[_BATCH:]
        queries = [dict(_asked(package)) | ({"page_token": token} if token else {}) for package, token in now]
        answer = endpoint.post("/v1/querybatch", {"queries": queries})
        results = answer.get("results") if isinstance(answer, Mapping) else None
        if not isinstance(results, list) or len(results) != len(now):
            raise endpoint.unlike_osv()
        for (package, _token_before), result in zip(now, results, strict=True):
            found[package] |= {one["id"]: instant(one.get("modified")) for one in _vulnerabilities(endpoint, result)}
            if token := _token(endpoint, result):
                waiting.append((package, token))
    raise endpoint.unlike_osv()


def read_records(endpoint: Endpoint, ids: Iterable[str]) -> dict[str, Record]:
    """The records of these ids (`/v1/vulns/ID`), a few at once; one that does not exist is left out.

    Raises ObservationError, also for more than 20 000.
    """
    wanted = sorted({one for one in ids if _ID.fullmatch(one)})
    if len(wanted) > _MOST_RECORDS:
        raise ObservationError(msg("More than {most} advisories are named for one lock file", most=_MOST_RECORDS))
    found = at_once(lambda one: _one(endpoint, one), wanted)
    return {one: record for one, record in zip(wanted, found, strict=True) if record is not None}


def _one(endpoint: Endpoint, identity: str) -> Record | None:
    try:
        record = _record(endpoint, endpoint.get(f"/v1/vulns/{quote(identity, safe='')}"))
    except NotFound:
        return None
    if identity not in record.ids:  # whatever it says, such as that it is withdrawn, it says of another one
        raise endpoint.unlike_osv()
    return record


def _asked(package: Package) -> dict[str, Any]:
    return {"package": {"name": package.name, "ecosystem": package.ecosystem}, "version": package.version}


def _vulnerabilities(endpoint: Endpoint, answer: object) -> list[Mapping[str, Any]]:
    found = answer.get("vulns", []) if isinstance(answer, Mapping) else None
    if not isinstance(found, list) or not all(
        isinstance(one, Mapping) and isinstance(one.get("id"), str) for one in found
    ):
        raise endpoint.unlike_osv()
    return found


def _token(endpoint: Endpoint, answer: Mapping[str, Any]) -> str | None:
    token = answer.get("next_page_token") or None
    if token is not None and not isinstance(token, str):
        raise endpoint.unlike_osv()
    return token


def _record(endpoint: Endpoint, data: object) -> Record:
    try:
        return parse_record(data)
    except ValueError:
        raise endpoint.unlike_osv() from None
