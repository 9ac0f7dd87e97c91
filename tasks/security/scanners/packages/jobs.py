"""The scans of a service's packages: one for each lock file, and one for its environment."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path, PurePath

from tasks.check_result import Message, msg
from tasks.observation import Unobserved, seen_now
from tasks.outside import external_text
from tasks.security.advisories.patient import WAITS_S
from tasks.security.facts.scans import Completeness, Coverage, Kind, LeftOut, Scan, Target
from tasks.security.locks.environment import read_environment
from tasks.security.locks.find import Without, lock_files, without_lock
from tasks.security.locks.interface import NPM, PYPI, Lock
from tasks.security.scanners.interface import Job
from tasks.security.scanners.names import shown_name
from tasks.security.scanners.packages.advised import NO_LOCK, Look, unusable
from tasks.security.scanners.packages.osv_query import ask
from tasks.security.scanners.packages.pip_audit import Bounds, audit
from tasks.security.scanners.supervised import scanner_version
from tasks.security.settings import Security, Source
from tasks.security.tree.tree import SourceTree

_SCANNERS = {PYPI: "pip-audit", NPM: "osv"}
_OSV_CLIENT = "1"  # of our own: it rises when its findings change
Read = Callable[[], Lock]


def dependency_jobs(
    tree: SourceTree, source: Source, security: Security, base: Path, waits_s: tuple[float, ...] = WAITS_S
) -> tuple[Job, ...]:
    """The looks at a service's packages; `base` is the service file's folder.

    What no lock file pins is a look of its own, which fails.
    """
    asking = _Asking(source, security, waits_s)
    locks = lock_files(tree, source)
    jobs = [asking.job(lock.ecosystem, lock.path, lock.digest, lock.read) for lock in locks]
    if source.environment is not None:
        lock = read_environment(base / source.environment, PurePath(source.environment).as_posix())
        jobs.append(asking.job(PYPI, lock.path, lock.digest, lambda: lock))
    if source.no_dependencies is not None:
        return tuple(jobs) or (_declared(source.no_dependencies),)
    missing = () if source.locks is not None else without_lock(tree, locks)
    if source.environment is not None:
        missing = tuple(one for one in missing if one.ecosystem != PYPI)
    unpinned = [_without(ecosystem, [m for m in missing if m.ecosystem == ecosystem]) for ecosystem in _SCANNERS]
    jobs += (job for job in unpinned if job is not None)
    return tuple(jobs) or (_nothing(),)


class _Asking:
    """What the looks at all lock files have in common."""

    def __init__(self, source: Source, security: Security, waits_s: tuple[float, ...]) -> None:
        self._source = source
        self._advisories = security.advisories
        self._limits = security.limits
        self._waits_s = waits_s
        self._taken: set[str] = set()

    def job(self, ecosystem: str, path: str, content: str, read: Read) -> Job:
        scanner = _SCANNERS[ecosystem]
        found = seen_now(lambda: _version(ecosystem))
        version = "" if isinstance(found, Unobserved) else found
        stated = (
            content,
            path,
            scanner,
            version,
            self._source.no_dependencies,
            self._advisories.model_dump(mode="json"),
        )
        digest = _digest(stated)
        target = Target(scanner, shown_name(path, self._taken), Kind.DEPENDENCY)
        self._taken.add(target.name)
        run = partial(self._run, target, version, digest, read)
        return Job(target, digest, run, timedelta(hours=self._limits.reuse_advisories_h))

    def _run(self, target: Target, version: str, digest: str, read: Read, at: datetime) -> Scan:
        look, lock = Look(target, version, at, digest), read()
        _version(lock.ecosystem)
        nothing = unusable(look, lock, self._source.no_dependencies)
        if nothing is not None:
            return nothing
        most_age = timedelta(hours=self._limits.max_feed_age_h)
        deadline_s = self._source.deadline_min * 60
        if lock.ecosystem == NPM:
            return ask(look, lock, self._advisories, most_age, deadline_s=deadline_s, waits_s=self._waits_s)
        bounds = Bounds(deadline_s, self._source.max_memory_mb, self._waits_s)
        return audit(look, lock, self._advisories, bounds, most_age)


def _version(ecosystem: str) -> str:
    """Raises ObservationError when the scanner is not installed."""
    return scanner_version("pip-audit") if ecosystem == PYPI else _OSV_CLIENT


def _nothing() -> Job:
    return _fixed(
        PYPI,
        Completeness.FAILED,
        msg("No lock file was found: name one in [source] locks, or say in no_dependencies why there is none"),
    )


def _declared(reason: str) -> Job:
    return _fixed(PYPI, Completeness.COMPLETE, msg("No packages: {reason}", reason=external_text(reason)))


def _without(ecosystem: str, missing: list[Without]) -> Job | None:
    if not missing:
        return None
    left_out = tuple(one.file for one in missing)
    reason = msg(
        "{count} files name packages that no lock file pins, such as {file}", count=len(missing), file=left_out[0].what
    )
    if len(missing) == 1:
        reason = left_out[0].reason
    return _fixed(ecosystem, Completeness.FAILED, reason, left_out)


def _fixed(ecosystem: str, completeness: Completeness, reason: Message, left_out: tuple[LeftOut, ...] = ()) -> Job:
    """A look whose outcome is known."""
    target = Target(_SCANNERS[ecosystem], NO_LOCK, Kind.DEPENDENCY)
    coverage = Coverage(len(left_out), 0, left_out=left_out)
    digest = _digest((NO_LOCK, completeness, reason.text, dict(reason.params), [left.what for left in left_out]))
    return Job(target, digest, lambda at: Scan(target, "", at, 0.0, completeness, reason, coverage, digest))


def _digest(stated: object) -> str:
    return hashlib.sha256(json.dumps(stated, sort_keys=True, default=str).encode()).hexdigest()
