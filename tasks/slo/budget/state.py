"""The state of each objective: its window counted with and without maintenance, its budget and its burn rates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.check_result import Message
from tasks.observation import Absent, Unobserved
from tasks.records.facts import Maintenance
from tasks.slo.budget.budget import Budget, budget_of
from tasks.slo.budget.burn import BurnVerdict, burn_verdicts
from tasks.slo.budget.doubt import doubt_of
from tasks.slo.budget.incidents import Incident
from tasks.slo.facts import Counts, Flags, Minutes
from tasks.slo.settings import Alerts, Measured, counts_requests, is_sliced
from tasks.slo.sli.minutes import Tally, bad_until, flags, tally
from tasks.slo.windows import Window, minute_of


@dataclass(frozen=True, slots=True, eq=False)
class ObjectiveState:
    """An objective over its window: `counted` leaves maintenance out, `with_maintenance` does not.

    `doubt` is why the figures may hide something bad: with it no judge passes anything that rests on them. Of the burn
    rates, which are those of the last hours, only `source_doubt`, what is wrong with the source itself.
    """

    objective: Measured
    window: Window
    counted: Tally
    with_maintenance: Tally
    budget: Budget | None
    burns: tuple[BurnVerdict, ...]
    bad: Counts
    """How many events were bad from the window's start to the end of each of its minutes."""

    measured: Flags
    excluded: Flags
    unmeasured: Flags
    """Minutes of the window, maintenance apart, of which nothing is known."""

    doubt: Message | None = None
    source_doubt: Message | None = None

    @property
    def excluded_min(self) -> int:
        """Minutes left out for maintenance."""
        return self.with_maintenance.expected_min - self.counted.expected_min

    @property
    def known(self) -> bool:
        """True when enough of the window was measured, and enough requests came to judge it."""
        least = self.objective.min_events if counts_requests(self.objective) else 1
        return self.counted.total >= least and self.counted.coverage >= self.objective.min_coverage

    @property
    def sure(self) -> bool:
        """True when enough is known of the window, and nothing of it is in doubt."""
        return self.known and self.doubt is None

    @property
    def is_certainly_overspent(self) -> bool:
        """True when the minutes that were measured have overspent the budget, whatever the others were."""
        return self.budget is not None and self.budget.spent > 1 and is_sliced(self.objective)

    def taken_by(self, incident: Incident) -> float:
        """The share of the full budget that an incident took; 0 without a budget."""
        if self.budget is None or not self.budget.whole:
            return 0.0
        return self.bad_in(incident) / self.budget.whole

    def bad_in(self, *incidents: Incident) -> int:
        """How many events were bad in the minutes that any of the incidents touches."""
        return int(np.diff(self.bad, prepend=0)[self._touched(incidents)].sum())

    def unmeasured_in(self, *incidents: Incident) -> int:
        """How many of the minutes that any of the incidents touches nobody measured."""
        return int(np.count_nonzero(self.unmeasured & self._touched(incidents)))

    def _touched(self, incidents: Iterable[Incident]) -> Flags:
        """One minute can be the last of an incident and the first of the next: it counts once."""
        ends = ((i.started_at, i.ended_at or self.window.as_of) for i in incidents)
        spans = ((minute_of(start), -(-int(end.timestamp()) // 60)) for start, end in ends)
        return flags(minute_of(self.window.start), self.bad.size, spans)


Known = ObjectiveState | Unobserved | Absent
"""The state of an objective, or why it is unknown."""


def state_of(
    objective: Measured,
    minutes: Minutes,
    window: Window,
    maintenance: Sequence[Maintenance],
    alerts: Alerts,
    doubt: Message | None = None,
) -> ObjectiveState:
    """The state of an objective at the end of the data of its window; `doubt` is what is wrong with its source."""
    excluded = excluded_minutes(objective, minutes, maintenance)
    span = (minute_of(window.start), minute_of(window.as_of))
    counted = tally(minutes, span, excluded)
    inside = slice(span[0] - minutes.first, span[1] - minutes.first)
    measured = minutes.measured[inside]
    began = int(measured.argmax()) if measured.size else 0
    silent = tuple(name for name, gone in minutes.silent.items() if gone[inside].any())
    return ObjectiveState(
        objective=objective,
        window=window,
        counted=counted,
        with_maintenance=tally(minutes, span),
        budget=budget_of(counted, objective.target, window, timeslices=is_sliced(objective)),
        burns=burn_verdicts(minutes, excluded, objective, alerts, window.as_of),
        bad=bad_until(minutes, span, excluded),
        measured=measured,
        excluded=excluded,
        unmeasured=~(measured | excluded[inside]),
        doubt=doubt
        or doubt_of(objective, counted, window, minutes.values, window.start_of(began) if began else None, silent),
        source_doubt=doubt,
    )


def excluded_minutes(objective: Measured, minutes: Minutes, maintenance: Sequence[Maintenance]) -> Flags:
    """The minutes that maintenance of the objective's scope touches; none where it is counted."""
    spans = (
        (minute_of(m.starts_at), -(-int(m.ends_at.timestamp()) // 60))
        for m in maintenance
        if objective.maintenance == "excluded" and m.module in (None, objective.scope.module)
    )
    return flags(minutes.first, np.size(minutes.total), spans)
