"""The story as it is on record, and whether it is what should have happened. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final

from deployments.demo.story.facts import Beat, Way
from tasks.alerts.facts import Told
from tasks.alerts.store.read import StoredNotice
from tasks.check_result import Message, Scalar, Severity, msg, verbatim
from tasks.history.outbox import Standing
from tasks.incidents.facts import EntryKind, IncidentRecord, State

TOLD: Final = (
    (Told.FIRING, Severity.WARNING),
    (Told.ESCALATED, Severity.EMERGENCY),
    (Told.ACKNOWLEDGED, Severity.EMERGENCY),
    (Told.RESOLVED, Severity.EMERGENCY),
)
"""What people must be told, and at which level."""
_SAID: Final = {
    Told.FIRING: (1, msg("New alert, level {level}, sent to {to}", level=0, to="")),
    Told.ESCALATED: (2, msg("Nobody has acknowledged it: level {level}, sent to {to}", level=0, to="")),
    Told.ACKNOWLEDGED: (5, msg("Acknowledgement sent to {to}", to="")),
    Told.RESOLVED: (8, msg("End of the alert sent to {to}", to="")),
}
_NOTED: Final = {
    EntryKind.OPENED: (3, msg("Incident {number} opened by {by}", number=0, by="")),
    EntryKind.ACKNOWLEDGED: (4, msg("Alert acknowledged by {by}", by="")),
    EntryKind.ACTION_RUN: (6, msg("{text}", text="")),
    EntryKind.MITIGATED: (7, msg("Temporary fix recorded by {by}", by="")),
    EntryKind.RESOLVED: (9, msg("Incident {number} resolved by {by}", number=0, by="")),
    EntryKind.REVIEW: (10, msg("Retrospective written by {by}", by="")),
    EntryKind.CLOSED: (11, msg("Incident {number} closed by {by}", number=0, by="")),
}
"""What happened in words, and its place among what happened within the same second."""
_LAST: Final = 12


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What the history has of the story; the notices by their numbers."""

    notices: Mapping[int, StoredNotice]
    messages: Sequence[Standing]
    incident: IncidentRecord | None


def beats_of(record: OnRecord, planted_at: datetime) -> tuple[Beat, ...]:
    """What happened, oldest first; within a second, to which incidents are recorded, a cause before what it causes."""
    found = [(0, Beat(planted_at, msg("Fault planted: the cache is down"))), *_told(record), *_noted(record)]
    to_second = [(rank, replace(beat, at=beat.at.replace(microsecond=0))) for rank, beat in found]
    return tuple(beat for _, beat in sorted(to_second, key=lambda ranked: (ranked[1].at, ranked[0])))


def ways_of(messages: Iterable[Standing], arrived: Mapping[str, int]) -> tuple[Way, ...]:
    """Each recipient's messages: as many as were sent, and as many as arrived."""
    sent = Counter(one.message.recipient for one in messages if one.state == "sent")
    return tuple(Way(to, sent[to], arrived.get(to, 0)) for to in sorted(sent.keys() | arrived.keys()))


def problems_of(record: OnRecord, planted_at: datetime) -> tuple[Message, ...]:
    """Why the story is not what it should be."""
    return tuple(_problems(record, planted_at))


def _problems(record: OnRecord, planted_at: datetime) -> Iterator[Message]:
    told = tuple((notice.told, notice.level) for _, notice in sorted(record.notices.items()))
    if told != TOLD:
        listed = ", ".join(f"{what.value} {int(level)}" for what, level in told)
        yield msg("People were not told what they should be, but: {told}", told=listed or "-")
    if (waiting := sum(one.state != "sent" for one in record.messages)) > 0:
        yield msg("Messages that were not sent: {number}", number=waiting)
    if record.incident is None:
        yield msg("No incident was opened")
        return
    incident = record.incident.incident
    if incident.state is not State.CLOSED:
        yield msg("The incident is not closed, but {state}", state=incident.state.value)
    effects = [action.effect for notice in record.notices.values() for action in notice.actions]
    if set(effects) != {"effective"}:
        yield msg("The effect of the action was not verified")
    order = (planted_at, *(notice.at for _, notice in sorted(record.notices.items())), incident.closed_at)
    if not all(a is not None and b is not None and a <= b for a, b in pairwise(order)):
        yield msg("It did not happen in this order")


def _told(record: OnRecord) -> Iterator[tuple[int, Beat]]:
    for number, notice in sorted(record.notices.items()):
        to = [m.message.recipient for m in record.messages if m.message.payload.get("notice") == number]
        rank, text = _SAID.get(notice.told, (_LAST, verbatim(notice.told.value)))
        yield rank, Beat(notice.at, _with(text, {"level": int(notice.level), "to": ", ".join(to)}))


def _noted(record: OnRecord) -> Iterator[tuple[int, Beat]]:
    if record.incident is None:
        return
    for entry in record.incident.timeline:
        if entry.kind in _NOTED:
            rank, text = _NOTED[entry.kind]
            params: dict[str, Scalar] = {"number": record.incident.incident.id, "by": entry.by, "text": entry.text}
            yield rank, Beat(entry.recorded_at, _with(text, params))


def _with(text: Message, params: Mapping[str, Scalar]) -> Message:
    """The text with those of the parameters that it names."""
    return Message(text.text, {name: params.get(name, value) for name, value in text.params.items()})
