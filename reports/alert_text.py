"""What a message about an alert says: what, where, since when, observed against limit, and what to do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reports import names
from reports.notice import Content
from reports.view import Tone
from reports.words import Words
from tasks.alerts.facts import Episode, Phase, Told
from tasks.check_result import Message, Severity, msg

_TONES: Final = {Severity.INFORMATION: "unknown", Severity.WARNING: "warn", Severity.EMERGENCY: "fail"}
_MOST_OTHERS: Final = 10
_PHASES: Final = {
    Phase.PENDING: msg("pending"),
    Phase.FIRING: msg("firing"),
    Phase.ACKNOWLEDGED: msg("acknowledged"),
    Phase.RECOVERING: msg("recovering"),
    Phase.RESOLVED: msg("resolved"),
}


ACTION_STATES: Final[Mapping[str, Message]] = {
    "started": msg("started"),
    "done": msg("done"),
    "failed": msg("ended with an error"),
    "lost": msg("interrupted, it may or may not have been done"),
    "dry-run": msg("dry run, nothing was done"),
    "held-back": msg("held back by its cool-down or its daily limit"),
}
EFFECTS: Final[Mapping[str, Message]] = {
    "awaited": msg("awaited"),
    "effective": msg("effective"),
    "ineffective": msg("ineffective"),
    "unknown": msg("unknown"),
}
"""By what the history calls them."""


@dataclass(frozen=True, slots=True)
class ActionNews:
    """What became of an action and what effect it had, as the history calls them."""

    name: str
    state: str
    effect: str


@dataclass(frozen=True, slots=True)
class AlertNews:
    """What is told, of which episodes (the first names it), of which service, and where one goes from there.

    `links` are labels with addresses; `instead_of` names who could not be told.
    """

    service: str
    environment: str
    told: Told
    level: Severity
    episodes: Sequence[Episode]
    actions: Sequence[ActionNews] = ()
    links: Sequence[tuple[Message, str]] = ()
    instead_of: str | None = None


def phase_name(phase: Phase) -> Message:
    """What people call where an alert is."""
    return _PHASES[phase]


def alert_text(news: AlertNews, words: Words) -> Content:
    """The message in one language."""
    lead = news.episodes[0]
    over = news.told is Told.RESOLVED
    if over and lead.no_data:
        tone, word = "unknown", words.tr("No longer monitored")
    elif news.told is Told.ACKNOWLEDGED:  # those whom the level woke need not get up
        tone, word = _TONES[Severity.INFORMATION], words.tr("Acknowledged")
    else:
        tone = "pass" if over else _TONES[news.level]
        word = words.tr("Resolved") if over else words.say(names.SEVERITIES[news.level])
    others = len(news.episodes) - 1
    title = f"{news.service}: {words.say(lead.title)} – {lead.condition.subject}"
    if others:
        title = words.tr("{title} and {number} more", title=title, number=others)
    return Content(
        news.service,
        news.environment,
        Tone(tone, names.SYMBOLS[tone], word),
        title,
        _sentence(news, lead, words),
        tuple(_facts(news, lead, words)),
        tuple((words.say(label), address) for label, address in news.links),
        tuple(_notes(news, lead, words)),
    )


def _sentence(news: AlertNews, lead: Episode, words: Words) -> str:
    reason = words.say(lead.reason)
    match news.told:
        case Told.FIRING:
            return words.tr("New alert: {reason}", reason=reason)
        case Told.RAISED:
            return words.tr("Worse than before: {reason}", reason=reason)
        case Told.ESCALATED:
            return words.tr("Escalated, because nobody has acknowledged it: {reason}", reason=reason)
        case Told.REPEATED:
            return words.tr("Still open, and nobody has acknowledged it: {reason}", reason=reason)
        case Told.EXPIRED:
            return words.tr("Still open, and its acknowledgement has expired: {reason}", reason=reason)
        case Told.ACKNOWLEDGED:
            return words.tr("Acknowledged by {by}", by=lead.acknowledged_by)
        case Told.FLAPPING:
            return words.tr(
                "Flapping; the next message comes when it has been quiet for a while: {reason}", reason=reason
            )
        case Told.RESOLVED if lead.no_data:
            return words.tr("Ended without a good sample: {reason}", reason=reason)
        case Told.RESOLVED:
            return words.tr("Resolved: {reason}", reason=reason)


def _facts(news: AlertNews, lead: Episode, words: Words) -> Iterator[tuple[str, str]]:
    yield words.tr("What"), f"{words.say(lead.title)} ({lead.condition.check})"
    yield words.tr("Where"), f"{lead.condition.subject}, {news.service} ({news.environment})"
    yield words.tr("Since"), words.time(lead.since)
    if lead.resolved_at is not None:
        yield words.tr("Until"), words.time(lead.resolved_at)
    if lead.observed is not None:
        limit = f" ({words.quantity(lead.limit)})" if lead.limit is not None else ""
        yield words.tr("Observed"), f"{words.observed(lead.observed, lead.limit)}{limit}"
    yield words.tr("Level"), f"{int(news.level)} {words.say(names.SEVERITIES[news.level])}"
    yield words.tr("State"), _state(lead, words)
    yield words.tr("Alert"), str(lead.id)
    if lead.incident is not None:
        yield words.tr("Incident"), str(lead.incident)
    for other in news.episodes[1 : 1 + _MOST_OTHERS]:
        yield words.tr("Also"), f"{words.say(other.title)} – {other.condition.subject}"
    if (more := len(news.episodes) - 1 - _MOST_OTHERS) > 0:
        yield words.tr("Also"), words.tr("{number} more", number=more)
    for action in news.actions:
        yield words.tr("Action"), _action(action, words)
    if news.instead_of is not None:
        yield words.tr("In place of"), news.instead_of


def _state(lead: Episode, words: Words) -> str:
    state = words.say(phase_name(lead.phase))
    if lead.phase is Phase.ACKNOWLEDGED and lead.acknowledged_until is not None:
        return words.tr(
            "{state} by {by} until {at}", state=state, by=lead.acknowledged_by, at=words.time(lead.acknowledged_until)
        )
    marks = [
        words.say(mark)
        for mark, there in ((msg("no data"), lead.no_data), (msg("flapping"), lead.flapping))
        if there and lead.open
    ]
    return ", ".join([state, *marks])


def _action(action: ActionNews, words: Words) -> str:
    state, effect = words.say(ACTION_STATES[action.state]), EFFECTS.get(action.effect)
    if effect is None:  # nothing was done that could have one
        return words.tr("{name}: {state}", name=action.name, state=state)
    return words.tr("{name}: {state}, effect: {effect}", name=action.name, state=state, effect=words.say(effect))


def _notes(news: AlertNews, lead: Episode, words: Words) -> Iterator[str]:
    if lead.open and news.told is not Told.ACKNOWLEDGED:
        yield words.tr("Acknowledge on the command line: rounds alerts ack {number}", number=str(lead.id))
    if lead.clock:
        yield words.tr("The clock was set back during this alert: its times are not exact")
