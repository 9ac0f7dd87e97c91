"""How an incident goes on: its state and an event give the next state, lines of its timeline, and effects. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from tasks.incidents.events import (
    Acknowledge,
    ActionFinished,
    ActionNeeded,
    AddAction,
    Assess,
    Change,
    Close,
    Dismiss,
    Effect,
    Event,
    FinishAction,
    FollowedBy,
    IncidentRefused,
    Mend,
    Merge,
    Mitigate,
    Note,
    OutageEnds,
    OutageMoves,
    OutagesRehung,
    OutagesRemoved,
    OutageStarts,
    Reopen,
    Resolve,
    Respond,
    Review,
    Verify,
)
from tasks.incidents.facts import HURTING, ActionItem, ActionKind, EntryKind, Fix, Incident, State, TimelineEntry
from tasks.incidents.judge.texts import kept_text, name_of, needed_text
from tasks.records.facts import Outage
from tasks.records.rules import checked_by, to_second

SAME_INCIDENT: Final = timedelta(hours=24)
"""What comes back within so long of its resolution is the same incident."""
_AHEAD = timedelta(minutes=5)
_COUNTED = tuple(state for state in State if state.counts)
_BEFORE_FIX = (State.DETECTED, State.ASSESSING, State.RESPONDING, State.REOPENED)
_AFTER_FIX = (State.MITIGATED, State.FIXED, State.VERIFYING)
_ENDED = (State.RESOLVED, State.REVIEWING, State.CLOSED)


def _stay(*states: State) -> dict[State, State]:
    return {state: state for state in states}


def _all(states: Iterable[State], target: State) -> dict[State, State]:
    return dict.fromkeys(states, target)


TRANSITIONS: Final[Mapping[type[Event], Mapping[State, State]]] = {
    Acknowledge: _stay(*_COUNTED) | _all((State.DETECTED, State.REOPENED), State.ASSESSING),
    Note: _stay(*State),
    Assess: _stay(*HURTING) | _all((State.DETECTED, State.REOPENED), State.ASSESSING),
    Respond: _all(HURTING, State.RESPONDING),
    Mitigate: _all((*_BEFORE_FIX, State.MITIGATED, State.VERIFYING), State.MITIGATED),
    Mend: _all(HURTING, State.FIXED),
    Verify: _all(_AFTER_FIX, State.VERIFYING),
    Resolve: _all(_AFTER_FIX, State.RESOLVED),
    Review: _all((State.RESOLVED, State.REVIEWING), State.REVIEWING),
    Close: _all((State.RESOLVED, State.REVIEWING), State.CLOSED),
    Reopen: _all(_ENDED, State.REOPENED),
    Merge: _all((*HURTING, State.RESOLVED, State.REVIEWING), State.MERGED),
    Dismiss: _all(HURTING, State.FALSE_POSITIVE),
    AddAction: _stay(*_COUNTED),
    FinishAction: _stay(*_COUNTED),
}
"""By event, the state that follows each state in which it can happen; anything else is refused."""

_VERBS: Final[Mapping[type[Event], str]] = {
    Acknowledge: "acknowledge",
    Note: "note",
    Assess: "assess",
    Respond: "respond",
    Mitigate: "mitigate",
    Mend: "fix",
    Verify: "verify",
    Resolve: "resolve",
    Review: "review",
    Close: "close",
    Reopen: "reopen",
    Merge: "merge",
    Dismiss: "dismiss",
    AddAction: "add an action",
    FinishAction: "finish an action",
}


def step(
    incident: Incident,
    timeline: Sequence[TimelineEntry],
    actions: Sequence[ActionItem],
    event: Event,
    by: str,
    now: datetime,
    outages: Sequence[Outage],
) -> Change:
    """The incident after an event; raises IncidentRefused where it cannot happen, RecordRefused if nobody did it.

    `outages` are its own: the timeline names those that an event removes. What happens now comes no earlier than what
    came before: a clock that was set back makes no negative duration.
    """
    target = TRANSITIONS[type(event)].get(incident.state)
    if target is None:
        raise IncidentRefused(_refusal(incident, event))
    recorded_at = to_second(now)
    last = max((incident.detected_at, *(entry.at for entry in timeline)))
    reopened = max((entry.at for entry in timeline if entry.kind is EntryKind.REOPENED), default=None)
    return _Step(
        incident, target, tuple(actions), tuple(outages), checked_by(by), reopened, recorded_at, max(recorded_at, last)
    ).take(event)


@dataclass(frozen=True, slots=True)
class _Step:
    incident: Incident
    target: State
    actions: tuple[ActionItem, ...]
    outages: tuple[Outage, ...]
    by: str
    reopened: datetime | None
    recorded_at: datetime
    now: datetime

    @property
    def began(self) -> datetime:
        """When it was detected, or came back last."""
        return self.reopened or self.incident.detected_at

    def take(self, event: Event) -> Change:
        match event:
            case Acknowledge():
                return self._acknowledged(event)
            case Note():
                return self._noted(event)
            case Assess():
                return self._assessed(event)
            case Respond():
                text = kept_text(event.text)
                return self._to(EntryKind.RESPONSE, text, fix=None, mitigated_at=None)
            case Mitigate():
                return self._mitigated(event)
            case Mend():
                at = self._time(event.at, self.began, "fixed", "detected")
                text = needed_text(event.text, "write what fixed it")
                return self._to(EntryKind.FIXED, text, at=at, fix=Fix.PERMANENT, mitigated_at=at)
            case Verify():
                return self._to(EntryKind.VERIFICATION, kept_text(event.text))
            case Resolve():
                return self._resolved(event)
            case Review():
                return self._reviewed(event)
            case Close():
                return self._closed()
            case Reopen():
                return self._reopened(event)
            case Merge():
                if event.into == self.incident.id:
                    raise IncidentRefused(f"{self.incident.name} cannot be merged into itself: name another incident")
                text = f"→ {event.into}\n{kept_text(event.text)}".strip()
                return self._to(EntryKind.MERGED, text, (OutagesRehung(event.into),), merged_into=event.into)
            case Dismiss():
                return self._dismissed(event)
            case AddAction():
                needed = _action(event.text, event.owner, event.due, event.kind)
                return self._to(EntryKind.ACTION_ADDED, _shown(needed), (needed,))
            case FinishAction():
                return self._finished(event)

    def _to(
        self, kind: EntryKind, text: str, effects: tuple[Effect, ...] = (), *, at: datetime | None = None, **values: Any
    ) -> Change:
        entry = TimelineEntry(at or self.now, self.recorded_at, self.by, kind, text)
        return Change(replace(self.incident, state=self.target, **values), (entry,), effects)

    def _time(self, given: datetime | None, earliest: datetime, did: str, before: str) -> datetime:
        """When something happened: as given, or now; raises IncidentRefused for what cannot be."""
        if given is None:
            return max(self.now, earliest)
        at = to_second(given)
        if at > self.recorded_at + _AHEAD:
            raise IncidentRefused(f"{at:%Y-%m-%d %H:%M} UTC is in the future: leave the time out if it is now")
        if at < earliest:
            raise IncidentRefused(
                f"{self.incident.name} cannot be {did} at {at:%Y-%m-%d %H:%M:%S} UTC: it was {before} at "
                f"{earliest:%Y-%m-%d %H:%M:%S} UTC"
            )
        return at

    def _noted(self, event: Note) -> Change:
        text = needed_text(event.text, "write what is to be noted")
        if event.down_since is None:
            return self._to(event.kind, text)
        return self._to(event.kind, text, (OutageStarts(to_second(event.down_since), None),), down=True)

    def _acknowledged(self, event: Acknowledge) -> Change:
        text = kept_text(event.text)
        if self.incident.acknowledged_at is not None or not self.incident.state.hurts:
            return self._to(EntryKind.ACKNOWLEDGED, text)
        return self._to(EntryKind.ACKNOWLEDGED, text, acknowledged_at=self.now, acknowledged_by=self.by)

    def _assessed(self, event: Assess) -> Change:
        incident = self.incident
        severity = incident.severity if event.severity is None else event.severity
        impact = incident.impact_at
        if event.impact_at is not None:
            impact = to_second(event.impact_at)
            refuse_impact(impact, incident.detected_at)
            if self.reopened is not None and impact != incident.impact_at:
                raise IncidentRefused(
                    f"{incident.name} was reopened at {self.reopened:%Y-%m-%d %H:%M} UTC: when it first began to hurt "
                    "cannot be changed any more"
                )
        down = incident.down if event.down is None else event.down
        effects: tuple[Effect, ...] = ()
        if down and (not incident.down or (event.down and self._quiet_again())):
            effects = (OutageStarts(self.reopened or impact, incident.module),)
        elif incident.down and not down:
            effects = (OutagesRemoved(),)
        elif down and impact != incident.impact_at:
            effects = (OutageMoves(impact),)
        changed = [f"severity {incident.severity:d} → {severity:d}"] if severity != incident.severity else []
        if impact != incident.impact_at:
            changed.append(f"impact {incident.impact_at:%Y-%m-%dT%H:%M:%SZ} → {impact:%Y-%m-%dT%H:%M:%SZ}")
        if down != incident.down:
            changed.append(f"down {str(incident.down).lower()} → {str(down).lower()}")
        if OutagesRemoved() in effects:
            changed += self._removed()
        text = "\n".join((*changed, kept_text(event.text))).strip()
        if not text:
            raise IncidentRefused("nothing was assessed: write what is affected, or give a severity")
        return self._to(EntryKind.ASSESSMENT, text, effects, severity=severity, impact_at=impact, down=down)

    def _quiet_again(self) -> bool:
        """True when it came back, and has not been down since."""
        back = self.reopened
        return back is not None and all(o.ended_at is not None and o.ended_at <= back for o in self.outages)

    def _mitigated(self, event: Mitigate) -> Change:
        """A temporary fix, and the action item for the permanent one."""
        at = self._time(event.at, self.began, "mitigated", "detected")
        text = needed_text(event.text, "write what ended the impact for now")
        if event.due is None or not event.owner.strip():
            raise IncidentRefused("a temporary fix needs an owner and a due date for the permanent one: give both")
        needed = _action(f"{self.incident.title}: permanent fix", event.owner, event.due, ActionKind.PERMANENT_FIX)
        change = self._to(EntryKind.MITIGATED, text, (needed,), at=at, fix=Fix.TEMPORARY, mitigated_at=at)
        return replace(change, entries=(*change.entries, self._entry(EntryKind.ACTION_ADDED, _shown(needed))))

    def _entry(self, kind: EntryKind, text: str) -> TimelineEntry:
        return TimelineEntry(self.now, self.recorded_at, self.by, kind, text)

    def _resolved(self, event: Resolve) -> Change:
        at = self._time(event.at, self.incident.mitigated_at or self.began, "resolved", "mitigated")
        if at < self.incident.impact_at:
            raise IncidentRefused(
                f"{self.incident.name} cannot be resolved at {at:%Y-%m-%d %H:%M:%S} UTC: it began to hurt at "
                f"{self.incident.impact_at:%Y-%m-%d %H:%M:%S} UTC"
            )
        text = needed_text(event.text, "write how it was verified that the effect is there")
        return self._to(EntryKind.RESOLVED, text, (OutageEnds(at),), at=at, resolved_at=at)

    def _reviewed(self, event: Review) -> Change:
        names = ("cause", "went_well", "went_badly", "lucky", "no_actions_reason")
        given: dict[str, Any] = {name: text for name in names if (text := kept_text(getattr(event, name)))}
        if not given:
            raise IncidentRefused("nothing was written: give the cause, what went well and what went badly")
        reviewed = replace(self.incident, **given)
        complete = self.incident.reviewed_at or (self.now if reviewed.reported else None)
        written = ", ".join(name.replace("_", " ") for name in given)
        return self._to(EntryKind.REVIEW, written, **given, reviewed_at=complete)

    def _closed(self) -> Change:
        incident = self.incident
        missing = [
            name
            for name, text in (
                ("cause", incident.cause),
                ("what went well", incident.went_well),
                ("what went badly", incident.went_badly),
            )
            if not text
        ]
        if not self.actions and not incident.no_actions_reason:
            missing.append("an action item with owner and due date, or the reason why none is needed")
        if missing:
            raise IncidentRefused(f"{incident.name} is {incident.state}: to close it, add {'; '.join(missing)}")
        return self._to(EntryKind.CLOSED, "", closed_at=self.now)

    def _reopened(self, event: Reopen) -> Change:
        incident = self.incident
        resolved = incident.resolved_at or incident.detected_at
        at = self._time(event.at, resolved, "reopened", "resolved")
        text = needed_text(event.text, "write what came back")
        down = incident.down and event.down
        if at - resolved > SAME_INCIDENT:
            return Change(incident, (), (FollowedBy(at, text, down),))
        effects: tuple[Effect, ...] = (OutageStarts(at, incident.module),) if down else ()
        again = {"resolved_at": None, "mitigated_at": None, "fix": None, "reviewed_at": None, "closed_at": None}
        return self._to(EntryKind.REOPENED, text, effects, at=at, **again)

    def _dismissed(self, event: Dismiss) -> Change:
        text = needed_text(event.text, "write why it was a false positive")
        if self.reopened is not None:
            raise IncidentRefused(
                f"cannot dismiss {self.incident.name}: it was resolved and came back, so something happened; "
                "resolve it again and note why"
            )
        return self._to(EntryKind.FALSE_POSITIVE, "\n".join((*self._removed(), text)), (OutagesRemoved(),))

    def _removed(self) -> list[str]:
        """What the timeline keeps of outages that are removed."""
        return [
            f"outage {o.started_at:%Y-%m-%dT%H:%M:%SZ} → "
            f"{'ongoing' if o.ended_at is None else f'{o.ended_at:%Y-%m-%dT%H:%M:%SZ}'} removed"
            for o in self.outages
        ]

    def _finished(self, event: FinishAction) -> Change:
        found = next((item for item in self.actions if item.id == event.action), None)
        if found is None:
            known = ", ".join(str(item.id) for item in self.actions if item.done_at is None) or "none"
            raise IncidentRefused(f"{self.incident.name} has no action item {event.action}; open ones: {known}")
        if found.done_at is not None:
            raise IncidentRefused(f"action item {found.id} was already done at {found.done_at:%Y-%m-%d %H:%M} UTC")
        text = f"{found.id} {found.text}\n{kept_text(event.text)}".strip()
        return self._to(EntryKind.ACTION_DONE, text, (ActionFinished(found.id, self.now),))


def refuse_impact(impact_at: datetime, detected_at: datetime) -> None:
    """Raise IncidentRefused for what was detected before it began."""
    if impact_at > detected_at:
        raise IncidentRefused(
            f"it cannot have begun to hurt at {impact_at:%Y-%m-%d %H:%M:%S} UTC: it was detected at "
            f"{detected_at:%Y-%m-%d %H:%M:%S} UTC"
        )


def joined(into: Incident, part: Incident) -> Incident:
    """An incident that took over another: it began with the earlier one, and is as grave as the graver one."""
    ends = into.resolved_at, part.resolved_at
    return replace(
        into,
        detected_at=min(into.detected_at, part.detected_at),
        impact_at=min(into.impact_at, part.impact_at),
        severity=max(into.severity, part.severity),
        down=into.down or part.down,
        resolved_at=None if into.resolved_at is None else max(at for at in ends if at is not None),
    )


def _action(text: str, owner: str, due: date | None, kind: ActionKind) -> ActionNeeded:
    what = needed_text(text, "write what is to be done")
    if due is None:
        raise IncidentRefused("an action item needs a due date: give one")
    return ActionNeeded(what, name_of(owner, "the owner of the action item"), due, kind)


def _shown(needed: ActionNeeded) -> str:
    return f"{needed.text} ({needed.owner}, {needed.due.isoformat()})"


def _refusal(incident: Incident, event: Event) -> str:
    possible = ", ".join(verb for kind, verb in _VERBS.items() if incident.state in TRANSITIONS[kind])
    into = "" if incident.merged_into is None else f" into incident {incident.merged_into}"
    return f"cannot {_VERBS[type(event)]} {incident.name}: it is {incident.state}{into}; what can be done: {possible}"
