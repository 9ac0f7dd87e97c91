"""All objectives of a service at one instant, counted but not judged yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tasks.check_result import Message, moment, msg
from tasks.observation import Absent
from tasks.periods import day_period
from tasks.records.dora import Changes, changes
from tasks.slo.budget.incidents import GAP_MIN, Incident, down_spans, incidents_of
from tasks.slo.budget.state import Known, ObjectiveState, excluded_minutes, state_of
from tasks.slo.facts import Minutes, NotKept, Scope
from tasks.slo.settings import DeployFrequency, Latency, Measured, Objective, Slo, Uptime
from tasks.slo.sli.indicators import SliData, minutes_of
from tasks.slo.sli.minutes import Span, down_runs
from tasks.slo.windows import Window, at_minute, minute_of, window_at

_AFTERWARDS = timedelta(days=1)
_NO_UPTIME = msg("No uptime objective covers the whole service")


@dataclass(frozen=True, slots=True, eq=False)
class Review:
    """Objectives with their windows and what is known of each, by name, and the incidents of all windows."""

    as_of: datetime
    zone: ZoneInfo
    since: datetime | None
    objectives: Sequence[Objective]
    windows: Mapping[str, Window]
    known: Mapping[str, Known]
    incidents: Sequence[Incident]
    data: SliData

    @property
    def measured(self) -> list[tuple[Measured, Known]]:
        """Every objective with an error budget, and what is known of it."""
        return [(o, self.known[o.name]) for o in self.objectives if isinstance(o, Measured)]

    @property
    def states(self) -> list[ObjectiveState]:
        """Every objective of which anything is known."""
        return [seen for _, seen in self.measured if isinstance(seen, ObjectiveState)]

    @property
    def not_kept(self) -> NotKept | None:
        """Why an objective cannot be counted any more, if that is so."""
        return next((seen for seen in self.known.values() if isinstance(seen, NotKept)), None)

    @property
    def uptime(self) -> tuple[Known, Window]:
        """The whole service's uptime, which shows incidents that nobody recorded."""
        whole = whole_uptime(self.objectives)
        if whole is None:
            return Absent(_NO_UPTIME), next(iter(self.windows.values()))
        return self.known[whole.name], self.windows[whole.name]

    def deploys(self, objective: DeployFrequency, environment: str) -> Changes:
        """The deploys of an objective's window and environment."""
        place = objective.environment or environment
        mine = [d for d in self.data.deploys if d.environment == place]
        window, since = self.windows[objective.name], self.data.deploys_since.get(place)
        began = max((at for at in (since, self.since) if at is not None), default=None)
        return changes(mine, window.start, window.as_of, self.zone, began)


def whole_uptime(objectives: Sequence[Objective]) -> Uptime | None:
    """The first objective about the whole service's uptime."""
    return next((o for o in objectives if isinstance(o, Uptime) and o.place == Scope()), None)


def uses_logs(objective: Measured, data: SliData) -> bool:
    """True for an objective that counts log lines; they also tell of minutes in which a probed service was down."""
    return getattr(objective, "source", "") == "logs" or (
        isinstance(objective, Uptime) and ("logs", objective.place) in data.traffic
    )


def _odd_durations(objective: Measured, data: SliData) -> Message | None:
    """Why a response time from the logs cannot be trusted: its module's durations, or those of any, are odd."""
    if not isinstance(objective, Latency) or objective.source != "logs":
        return None
    module = objective.scope.module
    return next((why for name, why in data.odd_durations.items() if module in (None, name)), None)


def _not_kept(objective: Measured, data: SliData, window: Window) -> NotKept | None:
    """That minutes of the window were removed which the objective counts, whatever is left of it."""
    elsewhere = getattr(objective, "source", "") == "prometheus" and not uses_logs(objective, data)
    if data.kept_from is None or window.start >= data.kept_from or elsewhere:
        return None
    return NotKept(msg("Figures by minute are kept from {at} on: the window begins before", at=moment(data.kept_from)))


def windows_of(objectives: Sequence[Objective], slo: Slo, as_of: datetime, zone: ZoneInfo) -> dict[str, Window]:
    """The window of every objective, by name, as it stands at an instant."""
    return {o.name: window_at(o.window, as_of, zone, slo.since) for o in objectives}


def span_of(windows: Mapping[str, Window], slo: Slo, as_of: datetime, now: datetime) -> Span:
    """The minutes that windows need, burn rates that look back from the end, and a day that shows how outages ended."""
    longest_h = max(rule.long_h for rule in slo.alerts.burn)
    starts = [minute_of(window.start) for window in windows.values()]
    return min((*starts, minute_of(as_of) - round(longest_h * 60))), minute_of(min(now, as_of + _AFTERWARDS))


def review_of(
    objectives: Sequence[Objective],
    windows: Mapping[str, Window],
    slo: Slo,
    data: SliData,
    as_of: datetime,
    zone: ZoneInfo,
    doubt: Message | None = None,
) -> Review:
    """Count every objective over its window; `doubt` is why the logs are incomplete."""
    known: dict[str, Known] = {}
    down: list[Span] = []
    until = at_minute(data.span[1])
    for objective in objectives:
        if not isinstance(objective, Measured):
            continue
        if (gone := _not_kept(objective, data, windows[objective.name])) is not None:
            known[objective.name] = gone
            continue
        outages = down_spans(data.outages, objective.scope.module, until)
        seen = minutes_of(objective, data, outages)
        if not isinstance(seen, Minutes):
            known[objective.name] = seen
            continue
        if objective is whole_uptime(objectives):
            down = down_runs(seen, excluded_minutes(objective, seen, data.maintenance), GAP_MIN)
            down = [span for span in down if span[0] < minute_of(as_of)]
        unsure = (doubt if uses_logs(objective, data) else None) or _odd_durations(objective, data)
        known[objective.name] = state_of(objective, seen, windows[objective.name], data.maintenance, slo.alerts, unsure)
    incidents = incidents_of(data.outages, down, max(as_of, until))
    since = None if slo.since is None else day_period(slo.since, zone).start
    return Review(as_of, zone, since, objectives, windows, known, incidents, data)
