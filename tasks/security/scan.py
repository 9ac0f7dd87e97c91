"""Runs the scanners over the source tree, each target as a task run, and keeps what they found."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.check_result import msg
from tasks.deadline import Deadline
from tasks.observation import Unobserved, seen
from tasks.outside import external_text
from tasks.round import Round
from tasks.security.facts.scans import Completeness, Coverage, Kind, Scan
from tasks.security.scanners.code.bandit import bandit_job
from tasks.security.scanners.interface import Job
from tasks.security.scanners.names import with_shown_names
from tasks.security.scanners.packages.jobs import dependency_jobs
from tasks.security.scanners.secrets.detect_secrets import secrets_job
from tasks.security.settings import Security, Source
from tasks.security.store.scans import read_usable, store_scans
from tasks.security.tree.read import read_tree
from tasks.security.tree.tree import SourceTree
from tasks.settings import Settings
from tasks.visible import StepState, async_step

_AT_ONCE = 2
"""Scanners that run at the same time: one mostly computes, another mostly waits for the advisory feed."""
_TREE_S = 600.0
_NAMES = {Completeness.COMPLETE: "Complete", Completeness.PARTIAL: "Partial", Completeness.FAILED: "Failed"}


async def scan_source(
    run: Round, source: Source, kinds: Collection[Kind], *, rescan: bool, at: datetime
) -> tuple[Scan, ...]:
    """One scan of every target of these kinds, kept in the history; what has not changed is taken from there.

    Raises UsageError if the tree is not there, HistoryError.
    """
    jobs = await asyncio.to_thread(_jobs, run.settings, source, kinds)
    known = await asyncio.to_thread(read_usable, run.history, run.key.service, at)
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(job: Job) -> Scan:
        if not rescan and (before := _still_holds(job, known, at)) is not None:
            return await async_step(external_text(job.target.subject), partial(_given, before), _state)
        async with turn:
            return await async_step(external_text(job.target.subject), partial(_scanned, job, at), _state)

    scans = tuple(replace(scan, source=source.digest) for scan in await asyncio.gather(*map(one, jobs)))
    return await asyncio.to_thread(store_scans, run.history, run.key.service, scans, at)


def tree_of(settings: Settings, source: Source) -> SourceTree:
    """The source tree as it is now; raises UsageError if it is not there."""
    root = settings.path.parent / source.path
    return read_tree(source, root, Deadline.after(_TREE_S, msg("The source tree could not be read in time")))


def _jobs(settings: Settings, source: Source, kinds: Collection[Kind]) -> Sequence[Job]:
    tree = tree_of(settings, source)
    jobs: list[Job] = []
    if Kind.CODE in kinds:
        jobs.append(_counting(bandit_job(tree, source), tree))
    if Kind.DEPENDENCY in kinds:
        jobs += dependency_jobs(tree, source, settings.security or Security(), settings.path.parent)
    if Kind.SECRET in kinds:
        jobs.append(_counting(secrets_job(tree, source), tree))
    return jobs


def _counting(job: Job, tree: SourceTree) -> Job:
    """The look, which also says how much of the tree the service file leaves out."""

    def run(at: datetime) -> Scan:
        scan = job.run(at)
        return replace(scan, coverage=replace(scan.coverage, excluded=tree.excluded, passed_over=tree.passed_over))

    return replace(job, run=run)


def _still_holds(job: Job, known: Sequence[Scan], at: datetime) -> Scan | None:
    """The newest scan of the target, if it rests on the same content and is young enough.

    No older one holds: what a later one found would stay open without being there. What a scan of files leaves out,
    such as a file with a syntax error, is left out again; what a feed did not answer may be answered now, so there only
    a complete scan holds.
    """
    holding = {Completeness.COMPLETE} if job.reuse_for else {Completeness.COMPLETE, Completeness.PARTIAL}
    for before in known:
        same = before.target == job.target and before.digest == job.digest and before.completeness in holding
        if same and (job.reuse_for is None or at - before.at < job.reuse_for):
            return replace(before, checked_at=at)
    return None


async def _given(scan: Scan) -> Scan:
    return scan


async def _scanned(job: Job, at: datetime) -> Scan:
    found = await seen(asyncio.to_thread(run_scan, job, at))
    if not isinstance(found, Unobserved):
        return found
    return Scan(job.target, "", at, 0.0, Completeness.FAILED, found.reason, Coverage(0, 0), job.digest)


@task(
    task_run_name="scan {job.target.scanner}",
    retries=1,
    retry_delay_seconds=1,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def run_scan(job: Job, at: datetime) -> Scan:
    """One look of a scanner; what broke, such as at its deadline, is tried once more. Raises ObservationError."""
    return with_shown_names(job.run(at))


def _state(scan: Scan) -> StepState:
    name = "Unchanged" if scan.reused else _NAMES[scan.completeness]
    return StepState(name, scan.reason, scan.completeness is Completeness.COMPLETE)
