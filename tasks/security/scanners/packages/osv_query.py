"""OSV: known vulnerabilities of the npm packages that a lock pins."""

import time
from datetime import datetime, timedelta

from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tasks.security.advisories.feed import modified_at
from tasks.security.advisories.http import Endpoint
from tasks.security.advisories.osv import query_batch, read_records
from tasks.security.facts.scans import Feed, Package, Scan
from tasks.security.locks.interface import NPM, Lock
from tasks.security.scanners.packages.advised import Answers, Look, scan
from tasks.security.scanners.packages.matched import matched
from tasks.security.scanners.packages.vulnerabilities import grouped
from tasks.security.settings import Advisories


def ask(
    look: Look,
    lock: Lock,
    advisories: Advisories,
    most_age: timedelta,
    *,
    deadline_s: float,
    waits_s: tuple[float, ...],
) -> Scan:
    """The scan of a lock's packages; raises ObservationError for what another try may mend."""
    started = time.monotonic()
    deadline = Deadline.after(deadline_s, msg("The scan did not end in time"))
    with Endpoint(
        advisories.url,
        ca_file=advisories.ca_file,
        timeout_s=advisories.timeout_s,
        deadline=deadline,
        waits_s=waits_s,
    ) as endpoint:
        answers = _answers(lock, advisories, endpoint)
    answers = matched(answers, lock, advisories, deadline, waits_s)
    return scan(look, lock, answers, most_age, time.monotonic() - started)


def _answers(lock: Lock, advisories: Advisories, endpoint: Endpoint) -> Answers:
    name, _, version = advisories.npm_canary.rpartition("@")
    canary = Package(NPM, name, version)
    found = query_batch(endpoint, list(dict.fromkeys((*lock.packages, canary))))
    records = read_records(endpoint, (one for ids in found.values() for one in ids))
    doubt: Message | None = None
    modified: datetime | None = None
    try:
        modified = modified_at(endpoint, advisories, NPM, (at for ids in found.values() for at in ids.values()))
    except ObservationError as error:
        doubt = error.reason
    of = {package: [(one, records.get(one)) for one in sorted(ids)] for package, ids in found.items()}
    known = any(record is None or not record.withdrawn for _, record in of[canary])
    vulnerabilities = tuple(one for package in lock.packages for one in grouped(package, dict(of[package])))
    feed = Feed(f"OSV ({endpoint.host})", advisories.npm_canary, known, modified)
    return Answers(feed, len(lock.packages), (), vulnerabilities, doubt)
