"""Who is notified of an alert, and by which channel; who is notified instead where that cannot be done. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from tasks.alerts.settings import MAIL, ON_CALL, SEVERITIES, TEAM, Alerts, Channel
from tasks.check_result import Severity
from tasks.configuration import SecretRef
from tasks.delivery.settings import Recipient
from tasks.oncall.settings import Person
from tasks.settings import Settings

APPRISE: Final = "apprise"
_PERSON = f"{ON_CALL}:"


@dataclass(frozen=True, slots=True)
class Address:
    """One recipient, as the outbox's channel calls it: of `mail` a mail address, of `apprise` the name of a configured
    channel, or `oncall:NAME` for the url of a person.
    """

    channel: str
    recipient: str
    locale: str
    timezone: str


def addresses(settings: Settings, level: Severity, on_call: Person | None) -> tuple[Address, ...]:
    """Who is notified at a level, each once; `on_call` None is nobody's shift, and then the team takes it."""
    found = (address for name in names(settings, level) for address in _named(settings, name, on_call))
    return _each_once(found)


def names(settings: Settings, level: Severity) -> tuple[str, ...]:
    """What the service file says of a level: names of channels, `mail`, `oncall`, `team`."""
    alerts = _alerts(settings)
    [key] = [name for name, severity in SEVERITIES.items() if severity is level]
    chosen: tuple[str, ...] | None = getattr(alerts.levels, key)
    if chosen is not None:
        return chosen
    return tuple(channel.name for channel in alerts.channel if not channel.wakes) or (MAIL,)


def fallbacks_of(
    settings: Settings, channel: str, recipient: str, level: Severity | None = None
) -> tuple[Address, ...]:
    """Who may be notified instead where a message cannot be delivered, the first choice first.

    A channel falls back as configured, the url of a person to their mail, and both then to `[mail] to`; a mail address
    to the channels and urls of its level, then to the others of `[mail] to`. Last are the others of the level. A
    mail that is only written to a file is none of them.
    """
    others = _channels(settings) if level is None else addresses(settings, level, None)
    if channel == MAIL:
        first = [address for address in others if address.channel != MAIL]
    elif recipient.startswith(_PERSON):
        person = _person(settings, recipient)
        first = [] if person is None or person.mail is None else [_mail_of(settings, person)]
    else:
        known = channel_of(settings, recipient)
        other = None if known is None else channel_of(settings, known.fallback or "")
        first = [] if other is None else [_by_channel(settings, other)]
    found = _each_once(chain(first, _mails(settings), others))
    return tuple(
        address
        for address in found
        if (address.channel, address.recipient) != (channel, recipient) and is_sent(settings, address.channel)
    )


def url_of(settings: Settings, recipient: str) -> tuple[str, str | SecretRef] | None:
    """The url of an `apprise` recipient with its key in the service file; None for one that the file does not name."""
    return _urls(settings).get(recipient)


def urls(settings: Settings) -> tuple[tuple[str, str | SecretRef], ...]:
    """The url of each channel and person that has one, with its key in the service file."""
    return tuple(_urls(settings).values())


def channel_of(settings: Settings, name: str) -> Channel | None:
    """The channel of a name."""
    return next((channel for channel in _alerts(settings).channel if channel.name == name), None)


def is_sent(settings: Settings, channel: str) -> bool:
    """False for mail without a server: it is only written to a file."""
    return channel != MAIL or settings.mail.smtp is not None


def wakes(settings: Settings, address: Address) -> bool:
    """True for an address by which somebody is woken: a channel that says so, or a person's own url."""
    if address.channel != APPRISE:
        return False
    channel = channel_of(settings, address.recipient)
    return address.recipient.startswith(_PERSON) if channel is None else channel.wakes


def _alerts(settings: Settings) -> Alerts:
    return settings.alerts or Alerts()


def _urls(settings: Settings) -> dict[str, tuple[str, str | SecretRef]]:
    found = {
        channel.name: (f"alerts.channel.{place}.url", channel.url)
        for place, channel in enumerate(_alerts(settings).channel)
    }
    for place, person in enumerate(settings.oncall.person):
        if person.url is not None:
            found[f"{_PERSON}{person.name}"] = (f"oncall.person.{place}.url", person.url)
    return found


def _named(settings: Settings, name: str, on_call: Person | None) -> Iterator[Address]:
    if name == MAIL:
        yield from _mails(settings)
    elif name == TEAM or (name == ON_CALL and on_call is None):
        yield from _team(settings)
    elif name == ON_CALL and on_call is not None:
        yield _of_person(settings, on_call)
    elif (channel := channel_of(settings, name)) is not None:
        yield _by_channel(settings, channel)


def _team(settings: Settings) -> Iterator[Address]:
    if not settings.oncall.person:
        yield from _mails(settings)
    for person in settings.oncall.person:
        yield _of_person(settings, person)


def _of_person(settings: Settings, person: Person) -> Address:
    """By their url if they have one, else by mail."""
    if person.url is None:
        return _mail_of(settings, person)
    return Address(APPRISE, f"{_PERSON}{person.name}", *_language(settings, person.locale, person.timezone))


def _mail_of(settings: Settings, person: Person) -> Address:
    return Address(MAIL, person.mail or "", *_language(settings, person.locale, person.timezone))


def _mails(settings: Settings) -> Iterator[Address]:
    return (_by_mail(settings, to) for to in settings.mail.to)


def _by_mail(settings: Settings, to: Recipient) -> Address:
    return Address(MAIL, to.address, *_language(settings, to.locale, None))


def _by_channel(settings: Settings, channel: Channel) -> Address:
    return Address(APPRISE, channel.name, *_language(settings, channel.locale, None))


def _channels(settings: Settings) -> tuple[Address, ...]:
    return tuple(_by_channel(settings, channel) for channel in _alerts(settings).channel)


def _language(settings: Settings, locale: str | None, timezone: str | None) -> tuple[str, str]:
    return locale or settings.reports.locales[0], timezone or settings.service.timezone


def _person(settings: Settings, recipient: str) -> Person | None:
    name = recipient.removeprefix(_PERSON)
    return next((person for person in settings.oncall.person if person.name == name), None)


def _each_once(found: Iterable[Address]) -> tuple[Address, ...]:
    first: dict[tuple[str, str], Address] = {}
    for address in found:
        first.setdefault((address.channel, address.recipient), address)
    return tuple(first.values())
