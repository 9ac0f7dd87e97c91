"""Load test: how much load does an environment of the service bear, and is it as fast as before?"""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Final

from tasks.activities.facts import Kind
from tasks.activities.store.activities import own_activity
from tasks.check_result import Message, msg, verbatim
from tasks.database.limits import DatabaseLimits
from tasks.deadline import Deadline
from tasks.load.analysis.comparison import comparable
from tasks.load.analysis.peak import PEAK_DAYS, Peak, peak_of
from tasks.load.checks import CHECKS, LINE
from tasks.load.facts import LoadRun, LoadVerdict
from tasks.load.judge.run import Judgement, Known, judge_run
from tasks.load.judge.tables import judged_p95, judged_part
from tasks.load.live import shown_live
from tasks.load.measure import measure_load
from tasks.load.settings import Load, Profile
from tasks.load.store.runs import UnreadableLoadRun, read_runs, store_run
from tasks.logs.store.requests import ALL_MODULES, read_requests
from tasks.observation import Absent, Unobserved
from tasks.outside import external_text
from tasks.round import Round, RoundRefused, System
from tasks.section import Kpi, Section, nothing_seen
from tasks.settings import Settings
from tasks.visible import StepState, async_step

_LEFT_FOR_THE_END = timedelta(minutes=2)
"""Of the round's time, for what comes after the load."""
_STATES = {LoadVerdict.PASS: "Passed", LoadVerdict.FAIL: "Failed", LoadVerdict.INVALID: "Invalid"}


async def put_load(run: Round, profile: str = "", production: bool = False) -> Section:
    """Put load on the environment of [load] by one profile, judge what was measured, and keep it.

    Raises RoundRefused for a profile that there is not, UsageError for a test that must not run.
    """
    load = run.settings.load
    assert load is not None  # else the system is absent
    chosen = _chosen(load, profile)
    if run.past is not None:
        return nothing_seen(CHECKS, run.past, run.now())
    name = external_text(f"load {load.environment} {chosen.name}")
    async with own_activity(
        run.history,
        run.key.service,
        Kind.LOAD_TEST,
        on_service=_loads_the_service(run.settings, load),
        until=run.ends_at,
        now=run.now,
    ):
        judgement, known = await async_step(name, partial(_tested, run, load, chosen, production), _state)
    return Section(judgement.results, headlines(judgement, known), notes(known, production=production))


def _loads_the_service(settings: Settings, load: Load) -> bool:
    """True where load goes to what is monitored, and not to another environment."""
    monitored = (settings.service.base_url, *(target.base_url for target in settings.targets()))
    return any(load.allows(address) for address in monitored)


def _chosen(load: Load, name: str) -> Profile:
    profile = load.profiles.get(name or load.scheduled)
    if profile is None:
        raise RoundRefused(f"there is no load profile {name!r}; there are: {', '.join(load.profiles)}")
    return profile


async def _tested(run: Round, load: Load, profile: Profile, production: bool) -> tuple[Judgement, Known]:
    deadline = Deadline.after(
        (run.ends_at - run.now() - _LEFT_FOR_THE_END).total_seconds(), msg("Time limit of the round reached")
    )
    async with shown_live(f"{run.key.service}-{run.key.flow}-progress") as tell:
        measured = await measure_load(
            run.settings, profile, production=production, at=run.now(), deadline=deadline, tell=tell
        )
    return await asyncio.to_thread(judge_and_store, run, load, measured)


def judge_and_store(run: Round, load: Load, measured: LoadRun) -> tuple[Judgement, Known]:
    """Judge a measured test by what the history knows, and keep it whatever its verdict; raises HistoryError."""
    known = Known(_earlier(run, load, measured), _peak(run, load, measured), _database_limits(run.settings))
    judgement = judge_run(measured, load, known, run.now())
    store_run(run.history, run.key.service, judgement.judged)
    return judgement, known


def _earlier(run: Round, load: Load, measured: LoadRun) -> tuple[LoadRun, ...] | Unobserved:
    try:
        found = read_runs(run.history, run.key.service, measured.at, like=measured)
    except UnreadableLoadRun as error:
        return Unobserved(verbatim(external_text(str(error))))
    return comparable(measured, [judged.run for judged in found], load.limits)


def _peak(run: Round, load: Load, measured: LoadRun) -> Peak | Unobserved | Absent:
    if "logs" not in run.settings.sources_of_requests():
        return Absent(msg("No [[logs.source]] counts requests: the production peak is not known"))
    since = measured.at - timedelta(days=PEAK_DAYS)
    first, end = (int(at.timestamp()) // 60 for at in (since, measured.at))
    minutes = read_requests(run.history, run.key.service, first, end).get(ALL_MODULES, [])
    return peak_of(minutes, measured.at, load.limits.min_peak_days)


def _state(found: tuple[Judgement, Known]) -> StepState:
    verdict = found[0].judged.verdict
    return StepState(_STATES[verdict], found[0].results[0].reason, verdict is LoadVerdict.PASS)


def headlines(judgement: Judgement, known: Known) -> tuple[Kpi, ...]:
    """The figures of a valid test; unknown for an invalid one."""
    run, valid = judgement.judged.run, not judgement.reasons
    part = judged_part(run)
    share = 100 * part.failed / part.requests if part.requests else None
    of = run.profile  # the figures of another profile are others
    held, headroom = judgement.judged.capacity_per_second, judgement.capacity.headroom(known.peak)
    return (
        Kpi(f"load.held.{of}", msg("Highest load that met the SLO"), _shown(held), "requests/s"),
        Kpi(f"load.p95.{of}", msg("p95 under load"), _shown(judged_p95(run)) if valid else None, "ms"),
        Kpi(
            f"load.headroom.{of}", msg("Headroom over the production peak"), _shown(headroom, 2) if valid else None, "×"
        ),
        Kpi(f"load.errors.{of}", msg("Failed requests under load"), _shown(share, 3) if valid else None, "%"),
    )


def _shown(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)


def notes(known: Known, *, production: bool) -> tuple[Message, ...]:
    """What a reader must know of the figures."""
    earlier = () if isinstance(known.earlier, Unobserved) else known.earlier
    made_up = sum(run.synthetic for run in earlier)
    of = msg("Synthetic data: {number} of {all} earlier load tests are generated", number=made_up, all=len(earlier))
    asked = msg("Load was put on production, as this run was asked to")
    return (*((of,) if made_up else ()), *((asked,) if production else ()))


def _database_limits(settings: Settings) -> DatabaseLimits:
    return DatabaseLimits() if settings.database is None else settings.database.limits


def _absent(settings: Settings) -> Absent | None:
    return Absent(msg("[load] is not set")) if settings.load is None else None


def load_system(profile: str = "", *, production: bool = False) -> System:
    """The section as a person may choose it: by another profile than the scheduled one, on production."""
    return System(LINE, CHECKS, partial(put_load, profile=profile, production=production), _absent)


LOAD_TEST: Final = load_system()
