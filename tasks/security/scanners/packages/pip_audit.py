"""pip-audit: known vulnerabilities of the Python packages that a lock pins."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.http import write_bundle
from tasks.observation import ObservationError
from tasks.scratch import scratch
from tasks.security.advisories.feed import modified_at
from tasks.security.advisories.http import Endpoint
from tasks.security.advisories.osv import query, query_each, query_ids, read_records
from tasks.security.advisories.ratings import rating
from tasks.security.advisories.records import Record, fixed_versions
from tasks.security.facts.scans import Feed, LeftOut, Package, Rating, Scan
from tasks.security.locks.interface import PYPI, Lock
from tasks.security.scanners.packages.advised import Answers, Look, scan
from tasks.security.scanners.packages.matched import matched
from tasks.security.scanners.packages.pip_audit_report import Named, Pin, Report, parse_report
from tasks.security.scanners.packages.vulnerabilities import Vulnerability, grouped
from tasks.security.scanners.supervised import network_environment, run_scanner
from tasks.security.settings import Advisories


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a scan may take; `waits_s` are the pauses before a request is tried again."""

    deadline_s: float
    memory_mb: int
    waits_s: tuple[float, ...]


def audit(look: Look, lock: Lock, advisories: Advisories, bounds: Bounds, most_age: timedelta) -> Scan:
    """The scan of a lock's packages; raises ObservationError for what another try may mend."""
    started = time.monotonic()
    deadline = Deadline.after(bounds.deadline_s, msg("The scan did not end in time"))
    with Endpoint(
        advisories.url,
        ca_file=advisories.ca_file,
        timeout_s=advisories.timeout_s,
        deadline=deadline,
        waits_s=bounds.waits_s,
    ) as endpoint:
        answers = _answers(lock, advisories, endpoint, deadline, bounds)
    if advisories.source == "osv":  # PyPI has told already what it does not know
        answers = matched(answers, lock, advisories, deadline, bounds.waits_s)
    return scan(look, lock, answers, most_age, time.monotonic() - started)


def _answers(lock: Lock, advisories: Advisories, endpoint: Endpoint, deadline: Deadline, bounds: Bounds) -> Answers:
    canary = canary_of(advisories.python_canary)
    osv = advisories.source == "osv"
    # Asked first: this request waits and tries again where pip-audit would end.
    known = list(query(endpoint, canary)) if osv else []
    named: dict[Package, tuple[Named, ...]] = {}
    skipped: dict[Package, LeftOut] = {}
    for pins in lists([*lock.packages, canary]):
        report = _run(pins, advisories, deadline, bounds.memory_mb)
        named |= {package: report.audited[pin] for package in pins if (pin := _pin(package)) in report.audited}
        skipped |= {package: report.skipped[package.name] for package in pins if package.name in report.skipped}
    feed = Feed(
        f"OSV ({endpoint.host})" if osv else "PyPI", advisories.python_canary, bool(named.get(canary)), modified_at=None
    )
    if canary not in lock.packages:
        named.pop(canary, None)
        skipped.pop(canary, None)
    doubt: Message | None = None
    try:
        known += records_of(endpoint, named)
    except ObservationError as error:
        if osv:
            raise
        doubt = error.reason
    try:
        feed = replace(feed, modified_at=modified_at(endpoint, advisories, PYPI, (one.modified for one in known)))
    except ObservationError as error:
        doubt = doubt or error.reason
    found = [_vulnerability(package, one, known) for package, many in named.items() for one in many]
    if osv:
        found += _passed_over(endpoint, named)
    return Answers(feed, len(named), tuple(skipped.values()), tuple(found), doubt)


def _passed_over(endpoint: Endpoint, named: Mapping[Package, Sequence[Named]]) -> list[Vulnerability]:
    """What the endpoint names and pip-audit does not.

    pip-audit reads the first page alone, takes an answer such as `null` for a package without advisories, and passes
    over a record without `affected` or with another version of the schema.
    """
    rest: dict[Package, frozenset[str]] = {}
    for package, ids in query_ids(endpoint, list(named)).items():
        if unnamed := ids - {identity for one in named[package] for identity in one.ids}:
            rest[package] = unnamed
    records = read_records(endpoint, frozenset[str]().union(*rest.values()))
    found = []
    for package, ids in rest.items():
        taken = {identity for one in named[package] for identity in one.ids}
        for one in grouped(package, {identity: records.get(identity) for identity in sorted(ids)}):
            if not one.ids & taken:
                found.append(one)
    return found


def records_of(endpoint: Endpoint, named: Mapping[Package, Sequence[Named]]) -> list[Record]:
    """The records of the vulnerabilities that were found, and of their aliases at GitHub; raises ObservationError."""
    vulnerable = [package for package, vulnerabilities in named.items() if vulnerabilities]
    known = [record for records in query_each(endpoint, vulnerable).values() for record in records]
    ids = {identity for many in named.values() for one in many for identity in one.ids if identity.startswith("GHSA-")}
    return [*known, *read_records(endpoint, ids - {record.id for record in known}).values()]


def canary_of(text: str) -> Package:
    """The canary of a service file, such as jinja2==2.10."""
    name, _, version = text.partition("==")
    return Package(PYPI, canonicalize_name(name), str(Version(version)))


def lists(packages: Iterable[Package]) -> list[list[Package]]:
    """Packages as lists in which each name stands once: pip-audit refuses one with two versions of a name."""
    found: list[dict[str, Package]] = []
    for package in dict.fromkeys(packages):
        home = next((one for one in found if package.name not in one), None)
        if home is None:
            found.append(home := {})
        home[package.name] = package
    return [list(one.values()) for one in found]


def _run(pins: Sequence[Package], advisories: Advisories, deadline: Deadline, memory_mb: int) -> Report:
    with scratch() as folder:
        file = folder / "pins.txt"
        file.write_text("".join(f"{package.name}=={package.version}\n" for package in pins), encoding="utf-8")
        finished = run_scanner(
            "pip_audit",
            [*_options(advisories), "--cache-dir", str(folder / "cache"), "-r", str(file)],
            cwd=None,
            deadline_s=deadline.require(),
            memory_mb=memory_mb,
            env=_environment(advisories, folder),
        )
    return parse_report(finished.stdout, finished.stderr)


def _options(advisories: Advisories) -> list[str]:
    source = ["-s", "pypi"]
    if advisories.source == "osv":
        source = ["-s", "osv", "--osv-url", f"{advisories.url.rstrip('/')}/v1/query"]
    timeout = ["--timeout", str(math.ceil(advisories.timeout_s))]
    return ["--no-deps", "--disable-pip", "-f", "json", "--progress-spinner", "off", *timeout, *source]


def _environment(advisories: Advisories, folder: Path) -> dict[str, str]:
    if advisories.ca_file is None:
        return network_environment()
    return network_environment() | {"REQUESTS_CA_BUNDLE": str(write_bundle(advisories.ca_file, folder))}


def _vulnerability(package: Package, named: Named, records: Sequence[Record]) -> Vulnerability:
    own = [record for record in records if record.ids & named.ids and not record.withdrawn]
    title = next((record.summary for record in own if record.summary), named.title)
    return Vulnerability(
        package,
        named.ids,
        title,
        rating(own) if own else Rating.UNKNOWN,
        fixed_versions(own, package) or named.fixed_in,
    )


def _pin(package: Package) -> Pin:
    return package.name, package.version
