"""What of the configuration would keep an alert from people: nobody on call, a channel whose secret is not there."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

from tasks.alerts.addresses import names
from tasks.alerts.facts import Condition, Said, Signal
from tasks.alerts.settings import ON_CALL
from tasks.check_result import Message, Severity, msg, verbatim
from tasks.configuration import ConfigurationError, SecretRef
from tasks.oncall.facts import Turn
from tasks.secrets import resolve, secret_keys
from tasks.settings import Settings

SOURCE: Final = "configuration"
CHECK: Final = "alerts.configuration"
_KEYS = ("alerts.", "oncall.", "mail.")
_TITLE = msg("Configuration of alerts")


def configuration_signals(
    settings: Settings,
    turn: Turn,
    blind: Collection[tuple[str, Message]],
    open_conditions: Collection[Condition],
    now: datetime,
) -> tuple[Signal, ...]:
    """One for each problem, and that those which are open here are solved.

    `blind` are looks that have seen nothing for a while, and why.
    """
    problems = (*_problems(settings, turn), *blind)
    found = {s.condition.key: s for subject, reason in problems for s in (_bad(subject, reason, now),)}
    solved = (c for c in open_conditions if c.source == SOURCE and c.key not in found)
    return (*found.values(), *(_signal(condition, Said.GOOD, msg("Fixed"), now) for condition in solved))


def _problems(settings: Settings, turn: Turn) -> Iterator[tuple[str, Message]]:
    if turn.person is None and any(ON_CALL in names(settings, level) for level in Severity):
        nobody = msg("Nobody is on call: the whole team is notified. Add a [[oncall.shift]]")
        yield "oncall", nobody if turn.override is None else msg("The override names a person who is not in the team")
    for key, reference in secret_keys(settings):
        if key.startswith(_KEYS) and (why := _unresolved(settings, key, reference)) is not None:
            yield key, why


def _unresolved(settings: Settings, key: str, reference: SecretRef) -> Message | None:
    try:
        resolve(reference, settings, key)
    except ConfigurationError as error:
        return verbatim(error.problems[0])
    return None


def _bad(subject: str, reason: Message, now: datetime) -> Signal:
    return _signal(Condition(SOURCE, CHECK, subject), Said.BAD, reason, now)


def _signal(condition: Condition, said: Said, reason: Message, now: datetime) -> Signal:
    level = Severity.WARNING if said is Said.BAD else None
    return Signal(condition=condition, said=said, at=now, title=_TITLE, reason=reason, level=level)
