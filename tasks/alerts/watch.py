"""One minute of the alerts of a service: analyse what was collected, tell people, act, verify."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tasks.activities.store.activities import read_activities
from tasks.alerts.addresses import addresses, is_sent
from tasks.alerts.facts import Condition, Episode, Policy, Said, Signal
from tasks.alerts.judge.group import CHECKLIST, PROMETHEUS
from tasks.alerts.judge.minute import Rulebook
from tasks.alerts.judge.suppress import KeptBack, suppressed_by
from tasks.alerts.look import burn, configuration, samples
from tasks.alerts.look.burn import BurnLook
from tasks.alerts.look.checklists import ChecklistLook
from tasks.alerts.look.configuration import configuration_signals
from tasks.alerts.look.prometheus import PrometheusLook
from tasks.alerts.look.samples import READ_MIN, SampleLook, minute_of, sample_signals
from tasks.alerts.recipients import turn_now
from tasks.alerts.rules import rules_of, titles
from tasks.alerts.settings import SEVERITIES, Alerts, Rule
from tasks.alerts.store.minute import Kept, Reach, keep_minute, read_known
from tasks.check_result import Message, msg, verbatim
from tasks.deadline import UNLIMITED, Deadline
from tasks.errors import ExplainedError
from tasks.guide.known import every_cause
from tasks.history.engine import History, HistoryError
from tasks.monitoring.store.minutes import monitored_minutes
from tasks.observation import ObservationError, Unobserved
from tasks.oncall.facts import Turn
from tasks.records.store.records import read_maintenance
from tasks.secrets import masked
from tasks.settings import Settings
from tasks.silences.store.silences import read_silences
from tasks.slo.checks import BURN

Look = Callable[[], Coroutine[Any, Any, tuple[Signal, ...]]]
_MOMENT = timedelta(seconds=1)
_LONGEST_S = 10.0
"""No look is waited for longer: the others' alerts would not be judged within the minute."""
_MOST_BLIND_MIN = 10
"""After so long it is told at the latest: a run of the monitoring lasts a quarter of an hour."""
_NOT_WATCHED = msg("This is no longer monitored")


@dataclass(frozen=True, slots=True)
class Watched:
    """What a minute of alerts came to, and what could not be seen."""

    kept: Kept
    missing: tuple[Message, ...] = ()

    @property
    def text(self) -> str:
        """How many alerts there are, and who was told; empty where all is quiet."""
        told = f", {self.kept.messages} messages" if self.kept.messages else ""
        return f"{len(self.kept.open)} alerts{told}" if self.kept.open or told else ""


@dataclass(slots=True)
class AlertWatch:
    """Watches minute after minute; what its looks remember spares most of the reading."""

    samples: SampleLook = field(default_factory=SampleLook)
    burn: BurnLook = field(default_factory=BurnLook)
    prometheus: PrometheusLook = field(default_factory=PrometheusLook)
    checklists: ChecklistLook = field(default_factory=ChecklistLook)
    blind: dict[str, int] = field(default_factory=dict)
    """For how many minutes in a row a look has seen nothing."""

    late: dict[str, "asyncio.Task[tuple[Signal, ...]]"] = field(default_factory=dict)
    """Looks that have not ended yet."""

    async def minute(
        self, settings: Settings, alerts: Alerts, history: History, now: datetime, deadline: Deadline = UNLIMITED
    ) -> Watched:
        """Judge what is stored of a minute, and write what is to be told. Raises HistoryError."""
        name = settings.service.name
        known = await asyncio.to_thread(read_known, history, name, now)
        turn = await asyncio.to_thread(turn_now, settings, history, now)
        found, missing = await self._signals(settings, alerts, history, known, turn, now, deadline)
        kept_back = await asyncio.to_thread(_kept_back, settings, history, now)
        rulebook = Rulebook(
            partial(policy_of, alerts),
            lambda condition: suppressed_by(condition, now, kept_back),
            every_cause(),
            alerts.depends_on,
        )
        reach = reach_of(settings, alerts, turn)
        kept = await asyncio.to_thread(keep_minute, history, name, found, now, rulebook, reach)
        return Watched(kept, missing)

    async def _signals(
        self,
        settings: Settings,
        alerts: Alerts,
        history: History,
        known: Sequence[Episode],
        turn: Turn,
        now: datetime,
        deadline: Deadline,
    ) -> tuple[list[Signal], tuple[Message, ...]]:
        """What every look says, and why others have seen nothing: of theirs, nothing ends."""
        rules = rules_of(settings, alerts)
        rounds = await asyncio.to_thread(
            self.checklists.read, history, settings.service.name, {rule.check for rule in rules} | {BURN.id}
        )
        found = [
            *await asyncio.to_thread(self._of_samples, settings, alerts, history, known, rules, now),
            *rounds.signals,
        ]
        covered, blind = {samples.SOURCE, CHECKLIST, configuration.SOURCE}, dict[str, Message]()
        open_conditions = [episode.condition for episode in known if episode.open]
        looks = {
            burn.SOURCE: partial(self.burn.signals, history, settings, minute_of(now)),
            PROMETHEUS: partial(self.prometheus.signals, settings, open_conditions, now),
        }
        most_s = min(_LONGEST_S, deadline.left_s / 2)
        for source, seen in zip(
            looks, await asyncio.gather(*(self._looked(*look, most_s) for look in looks.items())), strict=True
        ):
            if isinstance(seen, Unobserved):
                blind[source] = seen.reason
            else:
                covered.add(source)
                found += seen
        if self.burn.blind:
            blind.setdefault(burn.SOURCE, self.burn.blind[0])
        lasting = self._lasting(blind, open_conditions, alerts.no_data_min)
        found += configuration_signals(settings, turn, lasting, open_conditions, now)
        clear = [e for e in known if not (e.condition.source == CHECKLIST and rounds.is_unclear(e.condition))]
        found += no_longer_watched(clear, found, covered, now)
        return found, tuple(blind.values())

    async def _looked(self, source: str, look: Look, most_s: float) -> tuple[Signal, ...] | Unobserved:
        """What a look says, or why it says nothing: what is wrong with one stops no other. Raises HistoryError.

        One that takes longer goes on, and what it says is taken in the minute in which it ends, unless it failed.
        """
        task = self.late.pop(source, None)
        if task is None or task.cancelled() or (task.done() and task.exception() is not None):
            task = asyncio.create_task(look())
        self.late[source] = task
        await asyncio.wait((task,), timeout=most_s)
        if not task.done():
            return Unobserved(msg("No response within {seconds} s", seconds=round(most_s, 1)))
        del self.late[source]
        try:
            return task.result()
        except ObservationError as error:
            return Unobserved(error.reason)
        except HistoryError:
            raise
        except ExplainedError as error:
            return Unobserved(verbatim(masked(str(error))))

    def _lasting(
        self, blind: Mapping[str, Message], open_conditions: Collection[Condition], no_data_min: int
    ) -> tuple[tuple[str, Message], ...]:
        """The looks that have seen nothing for so many minutes, or of which that is known already."""
        self.blind = {source: self.blind.get(source, 0) + 1 for source in blind}
        told = {c.subject for c in open_conditions if c.source == configuration.SOURCE}
        patience = min(no_data_min, _MOST_BLIND_MIN)
        return tuple((s, why) for s, why in blind.items() if self.blind[s] >= patience or s in told)

    def _of_samples(
        self,
        settings: Settings,
        alerts: Alerts,
        history: History,
        known: Collection[Episode],
        rules: Sequence[Rule],
        now: datetime,
    ) -> tuple[Signal, ...]:
        series = self.samples.read(history, settings.service.name, rules, minute_of(now))
        ended = {e.condition.key: minute_of(e.resolved_at) for e in known if e.resolved_at is not None}
        open_keys = {e.condition.key for e in known if e.open}
        return sample_signals(
            rules,
            series,
            minute_of(now),
            titles(),
            no_data_min=alerts.no_data_min,
            open_keys=open_keys,
            ended=ended,
            monitored=monitored_minutes(history, settings.service.name, minute_of(now) - READ_MIN, minute_of(now)),
        )


def policy_of(alerts: Alerts, condition: Condition) -> Policy:
    """How alerts escalate; what a checklist found is told once: it was so before, and the report has it."""
    once = condition.source == CHECKLIST
    return Policy(
        escalate_after=None if once else timedelta(minutes=alerts.escalate_after_min),
        repeat=None if once else timedelta(minutes=alerts.repeat_min),
        acknowledged_for=timedelta(minutes=alerts.acknowledged_for_min),
    )


def reach_of(settings: Settings, alerts: Alerts, turn: Turn) -> Reach:
    """Whom messages reach while somebody is on call, and what opens an incident."""
    level = None if alerts.incidents == "none" else SEVERITIES[alerts.incidents]
    actions = {action.name: action for action in alerts.action}
    return Reach(
        lambda severity: addresses(settings, severity, turn.person),
        level,
        actions,
        lambda address: is_sent(settings, address.channel),
    )


def no_longer_watched(
    known: Iterable[Episode], signals: Collection[Signal], covered: Collection[str], now: datetime
) -> tuple[Signal, ...]:
    """The end of open episodes of which sources that saw everything say nothing."""
    spoken = {signal.condition.key for signal in signals}
    return tuple(
        Signal(condition=e.condition, said=Said.GONE, at=now, title=e.title, reason=_NOT_WATCHED)
        for e in known
        if e.open and e.condition.source in covered and e.condition.key not in spoken
    )


def _kept_back(settings: Settings, history: History, now: datetime) -> KeptBack:
    name = settings.service.name
    return KeptBack(
        read_maintenance(history, name, now, now + _MOMENT),
        read_silences(history, name, now),
        read_activities(history, name, now),
    )
