"""Whether an error budget burns too fast right now: the rules of the SLO report, asked again and again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tasks.alerts.facts import Condition, Said, Signal
from tasks.check_result import Limit, Message, Quantity, Severity, msg
from tasks.history.engine import History
from tasks.observation import Unobserved
from tasks.settings import Settings
from tasks.slo.budget.burn import BurnState, BurnVerdict, burn_verdicts
from tasks.slo.budget.incidents import down_spans
from tasks.slo.budget.state import excluded_minutes
from tasks.slo.checks import BURN
from tasks.slo.facts import Minutes
from tasks.slo.judge.burn import BURN_RATES, burning_reason
from tasks.slo.judge.objectives import subject_of
from tasks.slo.look import objectives_of, read_slis
from tasks.slo.settings import BurnRule, Measured, Requests, Uptime
from tasks.slo.sli.indicators import minutes_of
from tasks.slo.windows import at_minute

SOURCE: Final = "slo"
_LEVELS: Final = {"page": Severity.WARNING, "ticket": Severity.INFORMATION}
"""A page wakes whoever is on call, a ticket waits for the day (SRE workbook, chapter 5)."""


@dataclass(slots=True)
class BurnLook:
    """Asks each rule again after as many minutes as its long window has hours; until then its last answer holds."""

    asked: dict[tuple[str, BurnRule], tuple[int, BurnVerdict]] = field(default_factory=dict)
    unseen: dict[str, Message] = field(default_factory=dict)

    async def signals(self, history: History, settings: Settings, minute: int) -> tuple[Signal, ...]:
        """What is known of each objective. Raises HistoryError."""
        objectives = [o for o in objectives_of(settings) if isinstance(o, Measured) and o.alerts]
        rules = settings.slo.alerts.burn
        due = [rule for rule in rules if any(self._is_due(o, rule, minute) for o in objectives)]
        if due and objectives:
            await self._ask(history, settings, objectives, due, minute)
        known = {(o.name, rule) for o in objectives for rule in rules}
        self.asked = {key: found for key, found in self.asked.items() if key in known}
        self.unseen = {o.name: self.unseen[o.name] for o in objectives if o.name in self.unseen}
        answers = ((o, [self.asked[o.name, r] for r in rules if (o.name, r) in self.asked]) for o in objectives)
        return tuple(_signal(o, found, minute, whole=len(found) == len(rules)) for o, found in answers)

    @property
    def blind(self) -> tuple[Message, ...]:
        """Why objectives that Prometheus measures could not be asked; other sources are said to be missing by name."""
        return tuple(self.unseen.values())

    def _is_due(self, objective: Measured, rule: BurnRule, minute: int) -> bool:
        before = self.asked.get((objective.name, rule))
        return before is None or minute - before[0] >= round(rule.long_h)

    async def _ask(
        self,
        history: History,
        settings: Settings,
        objectives: Sequence[Measured],
        rules: Sequence[BurnRule],
        minute: int,
    ) -> None:
        longest_min = round(60 * max(rule.long_h for rule in rules))
        span = (minute - longest_min, minute)
        data = await read_slis(history, settings, objectives, span, minute, with_doubts=False)
        asked = settings.slo.alerts.model_copy(update={"burn": tuple(rules)})
        for objective in objectives:
            seen = minutes_of(objective, data, down_spans(data.outages, objective.scope.module, at_minute(minute)))
            self.unseen.pop(objective.name, None)
            if not isinstance(seen, Minutes):
                if isinstance(seen, Unobserved) and _is_of_prometheus(objective):
                    self.unseen[objective.name] = seen.reason
                for rule in rules:
                    self.asked.pop((objective.name, rule), None)
                continue
            excluded = excluded_minutes(objective, seen, data.maintenance)
            for verdict in burn_verdicts(seen, excluded, objective, asked, at_minute(minute)):
                self.asked[objective.name, verdict.rule] = (minute, verdict)


def _is_quiet(verdict: BurnVerdict) -> bool:
    """Few requests are quiet only if they were good: where errors ended the traffic, nothing has ended."""
    few = verdict.state is BurnState.TOO_LITTLE and verdict.long_rate is not None
    return verdict.state is BurnState.QUIET or (few and (verdict.long_rate or 0.0) < verdict.factor)


def _is_of_prometheus(objective: Measured) -> bool:
    return isinstance(objective, Requests | Uptime) and objective.source == "prometheus"


def _signal(objective: Measured, asked: Sequence[tuple[int, BurnVerdict]], minute: int, *, whole: bool) -> Signal:
    """The gravest rule that alerts, else that all is quiet; between them where too little is known to say either.

    `asked` has the minutes of the verdicts; `whole`: every rule has an answer.
    """
    verdicts = [verdict for _, verdict in asked]
    burning = [v for v in verdicts if v.state is BurnState.ALERT]
    states = {v.state for v in verdicts}
    quiet = whole and BurnState.QUIET in states and all(map(_is_quiet, verdicts))
    worst = sorted(burning or verdicts, key=lambda v: (_LEVELS[v.rule.level], (v.long_rate or 0.0) / v.factor))
    shown, at = worst[-1] if worst else None, at_minute(minute)
    if burning and shown is not None:
        said, reason = Said.BAD, burning_reason(shown)
    elif quiet:
        said, reason = Said.GOOD, msg("Burn rate is below the threshold in every window")
    else:
        said, reason = Said.BETWEEN, msg("Too little is known for a burn rate")
    return Signal(
        condition=Condition(SOURCE, BURN.id, subject_of(objective)),
        said=said,
        at=at,
        title=BURN.title,
        reason=reason,
        level=_LEVELS[shown.rule.level] if burning and shown is not None else None,
        since=at if burning else None,
        bad_at=max((at_minute(of) for of, verdict in asked if verdict in burning), default=None),
        observed=None if shown is None or shown.long_rate is None else Quantity(round(shown.long_rate, 2), ""),
        limit=None if shown is None else Limit("<", round(shown.factor, 2), "", BURN_RATES),
    )
