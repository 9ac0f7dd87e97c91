"""Incident review: how long incidents took, what they used of the budget, what came back, and what is left to do."""

from statistics import median
from typing import Final

from tasks.check_result import CheckResult, msg
from tasks.incidents.checks import ACTIONS, CHECKS, LINE
from tasks.incidents.judge.budget import downtimes, judge_budget
from tasks.incidents.judge.followup import judge_actions, judge_retrospectives
from tasks.incidents.judge.repeats import judge_repeats
from tasks.incidents.judge.resolution import judge_resolution
from tasks.incidents.judge.review import Reviewed
from tasks.incidents.look import changed_since_report, look_at_incidents
from tasks.round import Round, System
from tasks.section import Kpi, Section, first_figure
from tasks.settings import Settings
from tasks.slo.budget.state import ObjectiveState
from tasks.slo.look import objectives_of
from tasks.slo.settings import Resolution

_GUIDE = msg("the guide's SLI and SLO tables")
_FILE = msg("the service file")


async def incident_review(run: Round) -> Section:
    """Judge the incidents of the period as they stand now."""
    reviewed = await look_at_incidents(run)
    settings = run.settings
    results = (
        judge_resolution(reviewed, resolution_of(settings), _FILE if settings.slo.objective else _GUIDE),
        judge_budget(reviewed, settings.slo.policy),
        judge_repeats(reviewed, settings.incidents.limits),
        judge_actions(reviewed),
        judge_retrospectives(reviewed, settings.incidents.limits),
    )
    changed = await changed_since_report(run, reviewed)
    listed = ", ".join(map(str, changed))
    notes = (msg("Recorded after the last report of this month: incidents {numbers}", numbers=listed),)
    return Section(results, _headlines(reviewed, results), notes if changed else ())


def resolution_of(settings: Settings) -> Resolution:
    """The objective of incident resolution; the guide's where the service file has none."""
    found = (o for o in objectives_of(settings) if isinstance(o, Resolution))
    return next(found, Resolution(name="incident-resolution", kind="incident-resolution"))


def _headlines(reviewed: Reviewed, results: tuple[CheckResult, ...]) -> tuple[Kpi, ...]:
    mine = [record.incident for record in reviewed.detected]
    took = [(i.resolved_at - i.detected_at).total_seconds() / 60 for i in mine if i.resolved_at is not None]
    used = None
    if isinstance(reviewed.uptime, ObjectiveState):
        spans = (span for record in reviewed.counted for span in downtimes(record))
        used = float(reviewed.uptime.bad_in(*spans))
    return (
        Kpi("incidents.count", msg("Incidents"), float(len(mine)) if mine or reviewed.certain else None, ""),
        Kpi("incidents.resolution", msg("Median time to resolution"), median(took) if took else None, "min"),
        Kpi("incidents.budget", msg("Minutes the whole service was down during incidents"), used, "min"),
        Kpi("incidents.overdue", msg("Overdue action items"), first_figure(results, ACTIONS), ""),
    )


INCIDENTS: Final = System(LINE, CHECKS, incident_review)
