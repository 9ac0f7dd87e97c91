"""Runs one load test and measures it; what a target or the generator does is part of what is measured."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tasks.check_result import Message, in_english, msg
from tasks.database.connection import Server
from tasks.deadline import UNLIMITED, Deadline
from tasks.http import sendable, trust
from tasks.load.facts import Ended, Latency, Live, LoadRun, LocustSummary, RouteStats, StepStats
from tasks.load.generator.database import DatabaseWatch
from tasks.load.generator.ending import ended_by_itself
from tasks.load.generator.figures import Requests, generator_figures
from tasks.load.generator.plan import Plan, locust_command, locust_environment, scenario_files, script_digest
from tasks.load.generator.probed import ask_to_end, read_probe, start_probe
from tasks.load.generator.refusals import refuse
from tasks.load.generator.target import look_at_target
from tasks.load.generator.trace import PROGRESS, Progress, Window, ramps, read_trace, windows
from tasks.load.generator.watch import Stop, Watch
from tasks.load.settings import Load, Profile
from tasks.processes import Child
from tasks.scratch import scratch
from tasks.secrets import resolve
from tasks.settings import Settings

_POLL_S = 0.2
_TELL_S = 1.0
_MOST_LOG_BYTES = 4_000_000
_END_S = 30.0
_DATABASE_S = (5.0, 5)
_NOTHING = RouteStats("", "", Latency(0, None, None, None, None, None), 0, 0.0)


async def measure_load(
    settings: Settings,
    profile: Profile,
    *,
    production: bool,
    at: datetime,
    deadline: Deadline = UNLIMITED,
    tell: Callable[[Live], None] = lambda _: None,
) -> LoadRun:
    """One load test of the environment of [load], whatever comes of it; `tell` gets how it does once a second.

    Raises UsageError or ConfigurationError, before anything is sent, for what must not run: production without
    `production`, more than the limits allow, Locust files that are not there, secrets that cannot be resolved.
    """
    load = settings.load
    assert load is not None
    refuse(settings, load, profile, production=production)
    secrets = _Secrets.resolved(settings, load)
    ca_file = None if load.ca_file is None else settings.path.parent / load.ca_file
    sendable(secrets.headers, "load")
    trust(ca_file, "load")
    run = _nothing_yet(settings, load, profile, at)
    with scratch("rounds-load-") as folder:
        plan = Plan(load, profile, folder, scenario_files(settings, load), ca_file)
        before = await look_at_target(plan, secrets.headers)
        run = replace(run, environment_seen=(before.environment, None))
        if before.problem is not None:
            return replace(run, problem=before.problem, finished_at=datetime.now(UTC))
        ran = await _Test(plan, secrets, deadline, tell).run()
        after = await look_at_target(plan, secrets.headers)
        run = await asyncio.to_thread(_measured, run, plan, ran)
    if after.problem is not None:
        run = _not_back(run, after.problem)
    seen = (before.environment, after.environment)
    return replace(run, environment_seen=seen, finished_at=datetime.now(UTC))


def _not_back(run: LoadRun, after: Message) -> LoadRun:
    """A test after which the service does not answer; one that found its limit so did not leave it standing."""
    if run.ended is Ended.LIMIT and run.problem is not None:
        words = {"why": in_english(run.problem), "after": in_english(after)}
        return replace(run, ended=Ended.ABORTED, problem=msg("{why}; after the test: {after}", **words))
    return replace(run, problem=run.problem or after)


@dataclass(frozen=True, slots=True)
class _Secrets:
    variables: Mapping[str, str]
    headers: Mapping[str, str]
    database: str | None

    @classmethod
    def resolved(cls, settings: Settings, load: Load) -> "_Secrets":
        named = {"variables": load.variables, "headers": load.headers}
        found = {
            key: {name: resolve(value, settings, f"load.{key}.{name}") for name, value in values.items()}
            for key, values in named.items()
        }
        database = None if load.database is None else resolve(load.database, settings, "load.database")
        return cls(found["variables"], found["headers"], database)


@dataclass(frozen=True, slots=True)
class _Ran:
    """What is left of a test when its processes are gone."""

    stop: Stop | None
    watch: Watch
    stopped_at: float
    database: DatabaseWatch | None


class _Test:
    """Locust, the probe and the look at the database side by side, all gone at its end."""

    def __init__(self, plan: Plan, secrets: _Secrets, deadline: Deadline, tell: Callable[[Live], None]) -> None:
        self._plan, self._secrets, self._deadline, self._tell = plan, secrets, deadline, tell
        wait_s = plan.load.workers.wait_s if plan.workers else 0.0
        self._watch = Watch(plan.profile, plan.load.limits, plan.workers, time.time(), wait_s)
        self._progress = Progress(plan.folder / PROGRESS)
        self._over = False

    async def run(self) -> _Ran:
        """Until the last step is over, or until it has to end."""
        async with self._database() as database:
            with ExitStack() as processes:
                locust = processes.enter_context(self._start_locust())
                probe = processes.enter_context(start_probe(self._plan, self._secrets.headers))
                stop = await self._follow(locust, lambda: ask_to_end(probe))
                self._tell(self._watch.live())
                stopped_at = time.time()
                await self._end(locust, probe, hurry=stop is not None)
        return _Ran(stop, self._watch, stopped_at, database)

    def _start_locust(self) -> Child:
        return Child(
            locust_command(self._plan),
            log=self._plan.folder / "locust.log",
            env=locust_environment(dict(self._secrets.variables)),
            cwd=self._plan.folder,
            # What the kernel sends at this process's death: nothing that Locust could be too busy for.
            stop_signal=signal.SIGKILL,
        )

    async def _follow(self, locust: Child, load_ended: Callable[[], None]) -> Stop | None:
        """None if the generator came to its end with everything recorded."""
        told = 0.0
        while True:
            status = locust.returncode  # before the lines: its last ones are then among them
            self._watch.take(self._progress.new(), time.time())
            if not self._over and any(line["kind"] == "end" for line in self._watch.lines):
                self._over = True
                load_ended()
            if time.monotonic() - told >= _TELL_S:
                told = time.monotonic()
                self._tell(self._watch.live())
                locust.trim_log(_MOST_LOG_BYTES)
            if status is not None:
                return None if self._watch.complete else self._gone(status, locust)
            if stop := self._watch.stop(time.time()):
                return stop
            if self._deadline.passed:
                return Stop(Ended.BROKEN, self._deadline.reason)
            await asyncio.sleep(_POLL_S)

    def _gone(self, status: int, locust: Child) -> Stop:
        watch, planned_s = self._watch, self._plan.profile.duration_s
        if watch.locust is not None and self._over:
            return Stop(Ended.BROKEN, msg("The last records of a worker did not arrive"))
        files, workers = self._plan.scenarios, self._plan.workers
        words = ended_by_itself(status, locust.tail(200), files, watch.ran_s(time.time()), planned_s, workers)
        return Stop(Ended.BROKEN, words)

    async def _end(self, locust: Child, probe: Child, *, hurry: bool) -> None:
        """Time for what is under way and for the last records; then whatever is left is killed."""
        if hurry:
            ask_to_end(locust)
            ask_to_end(probe, signal.SIGINT)
        most = Deadline.after(2.0 if hurry else min(self._plan.stop_timeout_s + 2, _END_S))
        for process in (locust, probe):
            await asyncio.to_thread(process.wait, most.left_s)
        self._watch.take(self._progress.new(), time.time())

    @asynccontextmanager
    async def _database(self) -> AsyncIterator[DatabaseWatch | None]:
        if self._secrets.database is None:
            yield None
            return
        longest_s = self._plan.profile.duration_s + self._plan.load.workers.wait_s + 300
        watch = DatabaseWatch(Server(self._secrets.database, *_DATABASE_S), longest_s)
        reading = asyncio.create_task(asyncio.to_thread(watch.run))
        try:
            yield watch
        finally:
            watch.stop.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(reading), _END_S)


def _nothing_yet(settings: Settings, load: Load, profile: Profile, at: datetime) -> LoadRun:
    return LoadRun(
        at=at,
        finished_at=at,
        profile=profile.name,
        seeks_limit=profile.seeks_limit,
        environment=load.environment,
        base_url=load.base_url,
        script=script_digest(settings, load, profile),
        data_set=load.data_set,
        ended=Ended.BROKEN,
        problem=None,
        steps=tuple(
            StepStats(step.users, None, 0.0, _planned(profile, step.users), _NOTHING, (), ()) for step in profile.steps
        ),
        whole=_NOTHING,
        modules=(),
        routes=(),
        failures=(),
        probe=None,
        generator=None,
        locust=None,
        environment_seen=(None, None),
        refused=(),
        database=None,
    )


def _planned(profile: Profile, users: int) -> float | None:
    return None if profile.rate_per_user is None else users * profile.rate_per_user


def _measured(run: LoadRun, plan: Plan, ran: _Ran) -> LoadRun:
    """The facts of a test that ran, from what its processes wrote."""
    trace = read_trace(plan.folder)
    watch, profile = ran.watch, plan.profile
    spans = windows(watch.lines, len(profile.steps), profile.ramp_up_s, ran.stopped_at)
    rising = ramps(watch.lines, spans)
    requests = Requests(trace)
    stop = ran.stop
    if stop is None and trace.lost:
        stop = Stop(Ended.BROKEN, msg("A part of the records of {n} workers is missing", n=len(trace.lost)))
    mask, seconds = requests.within(spans, rising), sum(span.seconds for span in spans)
    return replace(
        run,
        ended=Ended.FINISHED if stop is None else stop.ended,
        problem=None if stop is None else stop.problem,
        steps=tuple(_step(requests, plan, index, span, rising[index]) for index, span in enumerate(spans)),
        whole=requests.whole(mask, seconds),
        modules=requests.by_module(mask, seconds),
        routes=requests.by_route(mask, seconds),
        failures=requests.failures(mask),
        probe=read_probe(plan.folder, spans, plan.load.probe.timeout_s),
        generator=generator_figures(trace.processes, spans),
        locust=_summary(watch),
        refused=tuple(watch.refused),
        database=None if ran.database is None else ran.database.window(spans),
    )


def _step(requests: Requests, plan: Plan, index: int, span: Window, ramp: Window) -> StepStats:
    users = plan.profile.steps[index].users
    mask = requests.within([span], [ramp])
    return StepStats(
        users,
        datetime.fromtimestamp(span.start, UTC) if span.seconds else None,
        span.seconds,
        _planned(plan.profile, users),
        requests.whole(mask, span.seconds),
        requests.by_module(mask, span.seconds),
        requests.by_route(mask, span.seconds),
        read_probe(plan.folder, [span], plan.load.probe.timeout_s) if span.seconds else None,
    )


def _summary(watch: Watch) -> LocustSummary | None:
    said = watch.locust
    if said is None:
        return None
    return LocustSummary(said["requests"], said["failures"], said["p95"], said["p99"], said["per_second"])
