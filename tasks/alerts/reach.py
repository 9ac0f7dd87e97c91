"""Whether the alerts of each level reach anybody, and wake somebody where they should. Pure."""

from collections.abc import Iterator

from tasks.alerts.addresses import addresses, is_sent, names, wakes
from tasks.alerts.settings import ON_CALL, SEVERITIES
from tasks.check_result import Severity
from tasks.oncall.settings import Person
from tasks.settings import Settings

_HOW = "name a channel with wakes = true, or give people a url"


def unreached(settings: Settings) -> list[str]:
    """A sentence for each level of which nobody would be notified; a mail that is only written to a file does not."""
    return [] if settings.alerts is None else [*_unreached(settings)]


def _unreached(settings: Settings) -> Iterator[str]:
    for key, level in SEVERITIES.items():
        found = [addresses(settings, level, person) for person in _on_call(settings, level)]
        if not all(found):
            yield f"alerts.levels.{key}: nobody is notified: set [mail] to, or name a channel of [[alerts.channel]]"
        elif not all(any(is_sent(settings, address.channel) for address in to) for to in found):
            yield (
                f"alerts.levels.{key}: nobody is notified: without [mail] smtp, mails are only written to files; "
                "set it, or name a channel of [[alerts.channel]]"
            )


def warnings(settings: Settings) -> list[str]:
    """A sentence for each level that wakes nobody, and for a rota that is named but missing."""
    return [] if settings.alerts is None else [*_no_rota(settings), *_asleep(settings)]


def _no_rota(settings: Settings) -> Iterator[str]:
    for key, level in SEVERITIES.items():
        if ON_CALL in names(settings, level) and not settings.oncall.shift:
            yield f"alerts.levels.{key}: oncall is named, but there is no [[oncall.shift]]: the whole team is notified"


def _asleep(settings: Settings) -> Iterator[str]:
    for key, level in SEVERITIES.items():
        if level is Severity.INFORMATION:
            continue
        asleep = [
            person
            for person in _on_call(settings, level)
            if not any(wakes(settings, address) for address in addresses(settings, level, person))
        ]
        if asleep:
            people = " or ".join(person.name for person in asleep if person is not None)
            when = f" while {people} is on call" if people else ""
            yield f"alerts.levels.{key}: nobody is woken{when}: {_HOW}"


def _on_call(settings: Settings, level: Severity) -> list[Person | None]:
    """Everybody who may be on call, where the level says that who is on call is notified."""
    listed = {name for shift in settings.oncall.shift for name in shift.people}
    if ON_CALL not in names(settings, level) or not listed:
        return [None]
    return [person for person in settings.oncall.person if person.name in listed]
