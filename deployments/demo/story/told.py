"""The story as it is on record, and whether it is what should have happened. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from deployments.demo.story.facts import Beat, Way
from tasks.alerts.facts import Told
from tasks.alerts.store.read import StoredNotice
from tasks.check_result import Message, Scalar, Severity, msg
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
    Told.FIRING: msg("New alert, level {level}, sent to {to}", level=0, to=""),
    Told.ESCALATED: msg("Nobody has acknowledged it: level {level}, sent to {to}", level=0, to=""),
    Told.ACKNOWLEDGED: msg("Acknowledgement sent to {to}", to=""),
    Told.RESOLVED: msg("End of the alert sent to {to}", to=""),
}
_NOTED: Final = {
    EntryKind.OPENED: msg("Incident {number} opened by {by}", number=0, by=""),
    EntryKind.ACKNOWLEDGED: msg("Acknowledged by {by}", by=""),
    EntryKind.ACTION_RUN: msg("{text}", text=""),
    EntryKind.MITIGATED: msg("Temporary fix recorded by {by}", by=""),
    EntryKind.RESOLVED: msg("Incident {number} resolved by {by}", number=0, by=""),
    EntryKind.REVIEW: msg("Retrospective written by {by}", by=""),
    EntryKind.CLOSED: msg("Incident {number} closed by {by}", number=0, by=""),
}


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What the history has of the story; the notices by their numbers."""

    notices: Mapping[int, StoredNotice]
    messages: Sequence[Standing]
    incident: IncidentRecord | None


def beats_of(record: OnRecord, planted_at: datetime) -> tuple[Beat, ...]:
    """What happened, oldest first."""
    found = [Beat(planted_at, msg("Fault planted: the cache is down")), *_told(record), *_noted(record)]
    return tuple(sorted(found, key=lambda beat: beat.at))


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


def _told(record: OnRecord) -> Iterator[Beat]:
    for number, notice in sorted(record.notices.items()):
        to = [m.message.recipient for m in record.messages if m.message.payload.get("notice") == number]
        text = _SAID.get(notice.told, msg("{text}", text=notice.told.value))
        params: dict[str, Scalar] = {"level": int(notice.level), "to": ", ".join(to)}
        yield Beat(notice.at, Message(text.text, {name: params.get(name, text.params[name]) for name in text.params}))


def _noted(record: OnRecord) -> Iterator[Beat]:
    if record.incident is None:
        return
    for entry in record.incident.timeline:
        if entry.kind in _NOTED:
            text = _NOTED[entry.kind]
            params: dict[str, Scalar] = {"number": record.incident.incident.id, "by": entry.by, "text": entry.text}
            yield Beat(entry.recorded_at, Message(text.text, {name: params[name] for name in text.params}))
