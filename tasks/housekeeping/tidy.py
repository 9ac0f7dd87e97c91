"""Tidies a service's history in short transactions: whoever else writes goes between them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from tasks.alerts.store.prune import remove_alerts
from tasks.history.engine import History
from tasks.history.prune import remove_messages
from tasks.history.runs import first_run_at
from tasks.housekeeping.plan import Plan, plan_of
from tasks.logs.store.hours import merge_minutes
from tasks.logs.store.prune import remove_log_hours, remove_resolved
from tasks.monitoring.store.minutes import remove_monitored_hours
from tasks.samples.store.days import roll_up_days
from tasks.samples.store.hours import merge_samples, remove_sample_hours
from tasks.samples.store.peaks import roll_up_peaks
from tasks.settings import Settings
from tasks.slo.store.minutes import has_minutes
from tasks.slo.store.months import frozen_months
from tasks.slo.unfrozen import UnfrozenMonth, sampled_for, unfrozen_months
from tasks.slo.windows import minute_of


@dataclass(slots=True)
class Tidying:
    """What was done so far, in rows by what they were, and what could not be done."""

    history: History
    settings: Settings
    now: datetime
    removed: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def plan(self) -> Plan:
        """What is too old. Raises HistoryError."""
        name = self.settings.service.name
        began = first_run_at(self.history, name) or self.now  # of a service without rounds no month is reported
        unfrozen = unfrozen_months(self.settings, frozen_months(self.history, name), began, self.now)
        return plan_of(self.settings, [month for month in unfrozen if self._was_measured(month)], self.now)

    def _was_measured(self, month: UnfrozenMonth) -> bool:
        """False for a month of which there is nothing to freeze."""
        span = minute_of(month.period.start), minute_of(month.period.end)
        return has_minutes(self.history, self.settings.service.name, sampled_for(self.settings), span)

    def steps(self) -> Iterator[int]:
        """Do one transaction after another, a step each; whatever was not done the next time goes on from there.

        Raises HistoryError.
        """
        history, name, zone = self.history, self.settings.service.name, self.settings.zone
        # Before their minutes go; a day that has only a part of them would have other figures.
        yield roll_up_days(history, name, zone, self.now)
        yield roll_up_peaks(history, name, zone, self.now)
        plan = self.plan()
        for month in plan.waiting:
            self.problems.append(
                f"{month} is not frozen, so that minutes from then on are kept: run `rounds run slo-report --for "
                f"{month}`, or name it in [history] give_up_months"
            )
        minutes, hours = minute_of(plan.minutes), minute_of(plan.hours)
        yield from self._counted("minutes of requests", merge_minutes(history, name, minutes, plan.step_min))
        yield from self._counted("minutes of figures", merge_samples(history, name, minutes, plan.step_min))
        yield from self._counted("hours", remove_log_hours(history, name, hours))
        yield from self._counted("hours", remove_sample_hours(history, name, hours))
        yield from self._counted("hours", remove_monitored_hours(history, name, hours))
        yield from self._counted("alerts", remove_alerts(history, name, plan.hours))
        yield from self._counted("rows of resolved errors", remove_resolved(history, name, plan.resolved))
        yield from self._counted("messages", remove_messages(history, name, plan.messages))

    def _counted(self, what: str, work: Iterator[int]) -> Iterator[int]:
        try:
            for rows in work:
                self.removed[what] += rows
                yield rows
        except ValueError as error:  # a stored sketch that is none stops no other step
            self.problems.append(f"{what} cannot be tidied: {error}")
