"""Capacity planning: what is full first, when, how far the tested load is above the peak, and how KPIs grow."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from tasks.capacity.checks import CHECKS, FORECAST, HEADROOM, LINE, TRAFFIC
from tasks.capacity.judge.growth import judge_growth
from tasks.capacity.judge.held import HeldLoad, held_load
from tasks.capacity.judge.resources import judge_resources, ranked
from tasks.capacity.judge.traffic import judge_headroom, judge_traffic
from tasks.capacity.judge.words import percent
from tasks.capacity.look import HISTORY_DAYS, CapacityFacts, expected_resources, look_at_capacity
from tasks.capacity.resources import Resource, resources_of
from tasks.check_result import CheckResult, Message, Status, moment, msg
from tasks.load.limits import LoadLimits
from tasks.observation import Absent, Unobserved
from tasks.round import Round, System
from tasks.section import Kpi, Section, first_figure
from tasks.settings import Settings

SERVICE = "service"


async def capacity_planning(run: Round) -> Section:
    """Forecast every resource and peak from the days before the period's end, or before now."""
    facts = await look_at_capacity(run)
    return await asyncio.to_thread(_judged, facts, run.settings, run.now())


def _judged(facts: CapacityFacts, settings: Settings, now: datetime) -> Section:
    limits, zone = settings.capacity.limits, settings.zone
    resources = resources_of(facts.series, expected_resources(settings), facts.today, limits)
    tested = held_load(facts.load_tests, facts.as_of, limits)
    known = tested if isinstance(tested, Absent) else facts.logs_doubt or tested
    configured = settings.load is not None
    min_headroom = (LoadLimits() if settings.load is None else settings.load.limits).min_headroom
    results = (
        *(judge_resources(resources, limits, zone, now) or (_nothing(now),)),
        *(judge_traffic(facts.peaks, known, facts.today, limits, zone, now) or (_no_traffic(settings, now),)),
        judge_headroom(facts.peaks, known, facts.today, limits, min_headroom, configured, now),
        *judge_growth(
            settings.kpi, {s.subject: s for s in facts.series if s.name == "kpi.value"}, facts.today, limits, now
        ),
    )
    return Section(results, _headlines(results, resources, facts), _notes(facts, settings, tested))


def _nothing(now: datetime) -> CheckResult:
    unset = msg("Neither [resources] nor [database] is set in the service file, and no figures are stored")
    return FORECAST.judged(Status.SKIPPED, SERVICE, unset, at=now)


def _no_traffic(settings: Settings, now: datetime) -> CheckResult:
    """UNKNOWN where logs should have requests: nothing of them is known."""
    status = Status.UNKNOWN if settings.logs.source else Status.SKIPPED
    return TRAFFIC.judged(status, SERVICE, msg("The logs have no requests of whole days"), at=now)


def _headlines(results: Sequence[CheckResult], resources: Sequence[Resource], facts: CapacityFacts) -> tuple[Kpi, ...]:
    """The first resource to be full: a median that is not within a year is no figure, and is left out."""
    order = ranked(resources)
    days = None if not order or order[0].passage.dates[1] is None else (order[0].passage.dates[1] - facts.today).days
    first = () if order and days is None else (days,)
    likely = max((entry.passage.later for entry in order), default=None)
    return (
        *(Kpi("capacity.first-full", msg("Days until the first resource is full"), value, "d") for value in first),
        Kpi(
            "capacity.full-90-days",
            msg("Probability that a resource is full in 90 days"),
            None if likely is None else percent(likely),
            "%",
        ),
        Kpi("capacity.headroom", msg("Headroom over the peak"), first_figure(results, HEADROOM), "×"),
    )


def _notes(facts: CapacityFacts, settings: Settings, tested: HeldLoad | Unobserved | Absent) -> tuple[Message, ...]:
    """What is generated, in the words of the other systems."""
    notes = []
    first = facts.as_of - timedelta(days=HISTORY_DAYS)
    ends = [s.synthetic_until for s in facts.series if s.synthetic_until is not None and s.synthetic_until > first]
    if facts.peaks and (made_up := [source.name for source in settings.logs.source if source.synthetic]):
        notes.append(msg("Synthetic data: log {sources} is generated", sources=", ".join(made_up)))
    if ends:
        notes.append(msg("Synthetic data: samples up to {at} are generated", at=moment(max(ends))))
    if isinstance(tested, HeldLoad) and tested.synthetic:
        notes.append(msg("Synthetic data: the load test of {at} is generated", at=moment(tested.at)))
    return tuple(notes)


CAPACITY: Final = System(LINE, CHECKS, capacity_planning)
