"""The page of an incident, with the draft of its retrospective, and the index of a service's incidents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reports import names
from reports.charts import as_png
from reports.evidence import evidence_view, lines_of
from reports.html import PageLinks, data_uri
from reports.templating import asset, render
from reports.tones import named_tone
from reports.view import EvidenceView, Tone
from reports.words import Words
from tasks.check_result import Curve, Evidence, Message, Scalar, Table, moment, msg
from tasks.incidents.facts import EntryKind, Impact, Incident, IncidentRecord, State, TimelineEntry
from tasks.incidents.judge.followup import KINDS
from tasks.incidents.judge.review import STATES, place
from tasks.observation import printable

_MINUTE = timedelta(minutes=1)
_TONES = {
    State.RESOLVED: "warn",
    State.REVIEWING: "warn",
    State.CLOSED: "pass",
    State.MERGED: "skipped",
    State.FALSE_POSITIVE: "skipped",
}
"""All other states are of an incident that goes on."""

ENTRIES = {
    EntryKind.OPENED: msg("opened"),
    EntryKind.ACKNOWLEDGED: msg("acknowledged"),
    EntryKind.NOTE: msg("remark"),
    EntryKind.ASSESSMENT: msg("assessment"),
    EntryKind.RESPONSE: msg("response"),
    EntryKind.MITIGATED: msg("mitigated"),
    EntryKind.FIXED: msg("fixed"),
    EntryKind.VERIFICATION: msg("verification"),
    EntryKind.RESOLVED: msg("resolved"),
    EntryKind.REVIEW: msg("retrospective"),
    EntryKind.CLOSED: msg("closed"),
    EntryKind.REOPENED: msg("reopened"),
    EntryKind.MERGED: msg("merged"),
    EntryKind.FALSE_POSITIVE: msg("false positive"),
    EntryKind.ACTION_ADDED: msg("action item added"),
    EntryKind.ACTION_DONE: msg("action item done"),
    EntryKind.ALERT: msg("alert"),
    EntryKind.ACTION_RUN: msg("action"),
}


_WRITTEN = {
    "cause": msg("Causes"),
    "went well": msg("What went well"),
    "went badly": msg("What went badly"),
    "lucky": msg("Where we got lucky"),
    "no actions reason": msg("Why there is nothing to do"),
}
"""What a timeline calls the parts of a retrospective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFacts:
    """An incident with what surrounds it, as it stands at `now`."""

    service: str
    environment: str
    record: IncidentRecord
    curves: tuple[Curve, ...]
    impact: Impact
    now: datetime


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of a list, in words."""

    href: str
    number: str
    title: str
    tone: Tone
    detected: str
    resolved: str
    duration: str
    module: str
    severity: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the timeline, in words."""

    at: str
    by: str
    kind: str
    text: str
    back: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the retrospective; `text` is empty where nobody wrote it yet."""

    title: str
    text: str


def incident_page(facts: IncidentFacts, words: Words, links: PageLinks) -> str:
    """An incident as one HTML file that needs nothing else, not even a script."""
    incident = facts.record.incident

    def images(piece: EvidenceView) -> str | None:
        return None if piece.chart is None else data_uri(as_png(piece.chart, words))

    def proof(piece: Evidence) -> EvidenceView:
        return evidence_view(piece, words)

    return render(
        "incident.html.j2",
        words,
        service=printable(facts.service),
        environment=printable(facts.environment),
        number=str(incident.id),
        title=printable(incident.title),
        tone=state_tone(incident.state, words),
        sentence=words.say(_sentence(incident, facts.now)),
        facts=_facts(facts, words),
        curves=[proof(curve) for curve in facts.curves],
        timeline=_timeline(facts.record, words),
        actions=proof(_actions(facts, words)) if facts.record.actions else None,
        outages=proof(_outages(facts.record)) if facts.record.outages else None,
        impact=_impact(facts, words),
        sections=_parts(incident, words),
        no_actions_reason=lines_of(incident.no_actions_reason),
        draft=not incident.reported,
        zone=printable(words.timezone),
        links=links,
        images=images,
        style=asset("style.css"),
    )


def incidents_index(
    service: str, incidents: Sequence[Incident], now: datetime, words: Words, links: PageLinks, page: str
) -> str:
    """All incidents of a service, the newest first; `page` is the name of the page in an incident's folder."""
    ordered = sorted(incidents, key=lambda incident: (incident.detected_at, incident.id), reverse=True)
    rows = [_row(incident, f"{incident.id}/{page}", now, words) for incident in ordered]
    return render(
        "incidents.html.j2",
        words,
        service=printable(service),
        rows=rows,
        zone=printable(words.timezone),
        links=links,
        style=asset("style.css"),
    )


def state_tone(state: State, words: Words) -> Tone:
    """A state as people see it."""
    return named_tone(_TONES.get(state, "fail"), STATES[state], words)


def _row(incident: Incident, href: str, now: datetime, words: Words) -> _Row:
    return _Row(
        href=href,
        number=str(incident.id),
        title=printable(incident.title),
        tone=state_tone(incident.state, words),
        detected=_bare(incident.detected_at, words),
        resolved="" if incident.resolved_at is None else _bare(incident.resolved_at, words),
        duration=words.figure(_minutes(incident, now), "min") if incident.state.counts else "",
        module=words.scalar(place(incident.module)),
        severity=words.say(names.SEVERITIES[incident.severity]),
    )


def _sentence(incident: Incident, now: datetime) -> Message:
    minutes = _minutes(incident, now)
    match incident.state:
        case State.MERGED:
            return msg("It is a part of incident {number}.", number=incident.merged_into)
        case State.FALSE_POSITIVE:
            return msg("Nothing was wrong.")
        case State.RESOLVED | State.REVIEWING:
            return msg("It was resolved after {minutes} min; its retrospective is open.", minutes=minutes)
        case State.CLOSED:
            return msg("It was resolved after {minutes} min, and its retrospective is written.", minutes=minutes)
        case _:
            return msg("It has been going on for {minutes} min.", minutes=minutes)


def _minutes(incident: Incident, now: datetime) -> float:
    return round(max(0.0, ((incident.resolved_at or now) - incident.detected_at) / _MINUTE), 1)


def _facts(facts: IncidentFacts, words: Words) -> list[tuple[str, str]]:
    """Names and values, what is not there left out."""
    i = facts.record.incident
    answered = None if i.acknowledged_at is None else round((i.acknowledged_at - i.detected_at) / _MINUTE, 1)
    took = _minutes(i, facts.now)
    fixes = {None: "", "temporary": words.tr("temporary fix"), "permanent": words.tr("permanent fix")}
    rows = (
        (words.tr("Severity"), words.say(names.SEVERITIES[i.severity])),
        (words.tr("Module"), words.scalar(place(i.module))),
        (words.tr("Impact since"), words.time(i.impact_at)),
        (words.tr("Detected"), _by(i.detected_at, i.opened_by, words)),
        (words.tr("Acknowledged"), _by(i.acknowledged_at, i.acknowledged_by, words)),
        (words.tr("Mitigated"), _by(i.mitigated_at, fixes[i.fix], words)),
        (words.tr("Resolved"), _when(i.resolved_at, words)),
        (words.tr("Retrospective written"), _when(i.reviewed_at, words)),
        (words.tr("Closed"), _when(i.closed_at, words)),
        (words.tr("Detection to acknowledgement"), "" if answered is None else words.figure(answered, "min")),
        (words.tr("Detection to resolution"), "" if i.resolved_at is None else words.figure(took, "min")),
        (words.tr("Follows incident"), "" if i.follows is None else str(i.follows)),
    )
    return [(name, text) for name, text in rows if text]


def _by(at: datetime | None, by: str, words: Words) -> str:
    return f"{words.time(at)} · {printable(by)}" if at is not None and by else _when(at, words)


def _when(at: datetime | None, words: Words) -> str:
    return "" if at is None else words.time(at)


def _bare(at: datetime, words: Words) -> str:
    """A time below a heading that names the zone."""
    return words.time(at).removesuffix(f" {words.timezone}")


def _timeline(record: IncidentRecord, words: Words) -> list[_Entry]:
    return [
        _Entry(
            _bare(entry.at, words),
            printable(entry.by),
            words.say(ENTRIES[entry.kind]),
            lines_of(_text(entry, words)),
            entry.clock_was_back,
        )
        for entry in record.timeline
    ]


def _text(entry: TimelineEntry, words: Words) -> str:
    """What is on record; of a retrospective that is the names of the parts that were written."""
    if entry.kind is not EntryKind.REVIEW:
        return entry.text
    names = (name.replace("_", " ") for name in entry.text.split(", "))
    return ", ".join(words.say(_WRITTEN[name]) if name in _WRITTEN else name for name in names)


def _actions(facts: IncidentFacts, words: Words) -> Table:
    today = facts.now.astimezone(words.zone).date()
    rows: tuple[tuple[Scalar | Message, ...], ...] = tuple(
        (
            str(item.id),
            item.text,
            KINDS[item.kind],
            item.owner,
            item.due.isoformat(),
            msg("done") if item.done_at is not None else msg("overdue") if item.is_overdue(today) else msg("not done"),
        )
        for item in facts.record.actions
    )
    columns = (msg("No."), msg("Action item"), msg("Kind"), msg("Owner"), msg("Due"), msg("State"))
    return Table(msg("Action items"), columns, rows)


def _outages(record: IncidentRecord) -> Table:
    rows = tuple(
        (moment(o.started_at), msg("ongoing") if o.ended_at is None else moment(o.ended_at), place(o.module))
        for o in record.outages
    )
    return Table(msg("Outages"), (msg("From"), msg("To"), msg("Module")), rows)


def _impact(facts: IncidentFacts, words: Words) -> str:
    minutes, budget = facts.impact.down_min, facts.impact.budget_min
    if minutes is None:
        return words.tr("Uptime was not measured in this time: what it used of the error budget is not known.")
    used = words.tr("{minutes} min of downtime of the whole service", minutes=minutes)
    if budget:
        used = words.tr(
            "{minutes} min of downtime of the whole service, {share} % of the month's error budget of {budget} min",
            minutes=minutes,
            share=round(100 * minutes / budget, 1),
            budget=round(budget, 1),
        )
    if unmeasured := facts.impact.unmeasured_min:
        return words.tr("At least {used}; {n} min were not measured", used=used, n=unmeasured)
    return used


def _parts(incident: Incident, words: Words) -> list[_Part]:
    """What people write of a retrospective, in its order."""
    texts = (
        (words.tr("Causes"), incident.cause),
        (words.tr("What went well"), incident.went_well),
        (words.tr("What went badly"), incident.went_badly),
        (words.tr("Where we got lucky"), incident.lucky),
    )
    return [_Part(title, lines_of(text) if text else "") for title, text in texts]
