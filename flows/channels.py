"""The ways to people: how a message of the outbox is sent, by the channel that its row names."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from flows.messages import MAIL
from reports.notice import Notice
from tasks.alerts.addresses import APPRISE, channel_of, url_of
from tasks.alerts.settings import PER_MINUTE
from tasks.configuration import ConfigurationError
from tasks.delivery import apprise
from tasks.delivery.eml import write_eml
from tasks.delivery.errors import permanent
from tasks.delivery.server import SmtpServer, parse_smtp_url
from tasks.delivery.smtp import SmtpLink
from tasks.history.outbox import OutboxMessage, Route
from tasks.round import utc_now
from tasks.secrets import resolve
from tasks.settings import Settings

Send = Callable[[OutboxMessage, Notice], Awaitable[str]]
"""Sends what is said to the recipient of a message, and says what was answered.

Raises DeliveryError, and ConfigurationError for a secret that cannot be resolved.
"""


@asynccontextmanager
async def mail(settings: Settings) -> AsyncIterator[Send]:
    """Mail, through one connection or as files; every message fails if the login cannot be resolved."""
    if settings.mail.smtp is None:
        yield partial(_write_mail, settings)
        return
    try:
        server = _server(settings, settings.mail.smtp)
    except ConfigurationError as error:
        yield partial(_send_nothing, error)
        return
    async with SmtpLink(server) as link:
        yield partial(_send_mail, settings, link)


@asynccontextmanager
async def by_apprise(settings: Settings) -> AsyncIterator[Send]:
    """Chats, pagers and whatever else Apprise knows; each recipient is a URL of its own."""
    yield partial(_notify, settings)


CHANNELS: Final[Mapping[str, Callable[[Settings], AbstractAsyncContextManager[Send]]]] = {
    MAIL: mail,
    APPRISE: by_apprise,
}
"""A new channel is a line here; its messages need no migration."""


def route(message: OutboxMessage) -> Route:
    """What goes one after another, and stops together: all mails, but of other channels each recipient."""
    return message.channel, None if message.channel == MAIL else message.recipient


def gap(settings: Settings, message: OutboxMessage) -> timedelta:
    """The least time from a message to the next one to the same recipient."""
    if message.channel != APPRISE:
        return timedelta(0)
    channel = channel_of(settings, message.recipient)
    return timedelta(minutes=1) / (PER_MINUTE if channel is None else channel.per_minute)


async def _notify(settings: Settings, message: OutboxMessage, notice: Notice) -> str:
    found = url_of(settings, message.recipient)
    if found is None:
        raise permanent(f"the service file no longer names {message.recipient}")
    key, reference = found
    url = await asyncio.to_thread(resolve, reference, settings, key)
    return await apprise.send(url, key, notice.title, notice.text, utc_now(), tone=notice.tone)


async def _send_mail(settings: Settings, link: SmtpLink, message: OutboxMessage, notice: Notice) -> str:
    rendered = await asyncio.to_thread(notice.mail)
    return await link.send(rendered, settings.mail.sender, message.recipient)


async def _send_nothing(why: ConfigurationError, _message: OutboxMessage, _notice: Notice) -> str:
    raise why


async def _write_mail(settings: Settings, _message: OutboxMessage, notice: Notice) -> str:
    rendered = await asyncio.to_thread(notice.mail)
    folder = settings.output / settings.service.name / "mail"
    return str(await asyncio.to_thread(write_eml, rendered, folder))


def _server(settings: Settings, url: str) -> SmtpServer:
    mail, address = settings.mail, parse_smtp_url(url)
    return SmtpServer(
        host=address.host,
        port=address.port,
        security=address.security,
        username=None if mail.username is None else resolve(mail.username, settings, "mail.username"),
        password=None if mail.password is None else resolve(mail.password, settings, "mail.password"),
        ca_file=None if mail.ca_file is None else settings.path.parent / mail.ca_file,
        timeout_s=mail.timeout_s,
    )
