"""The ways to people: what renders and sends a message of the outbox, by the channel that its row names."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from email.message import EmailMessage
from functools import partial
from typing import Final

from flows.messages import MAIL, report_mail
from reports.report import Report, Seal
from tasks.delivery.eml import write_eml
from tasks.delivery.server import SmtpServer, parse_smtp_url
from tasks.delivery.smtp import SmtpLink
from tasks.history.outbox import OutboxMessage
from tasks.secrets import resolve
from tasks.settings import Settings

Send = Callable[[OutboxMessage, Report, Seal], Awaitable[str]]
"""Sends a report as a message asks for, and says what was answered; raises DeliveryError."""


@asynccontextmanager
async def mail(settings: Settings) -> AsyncIterator[Send]:
    """Mail, through one connection or as files; raises ConfigurationError for a login that cannot be resolved."""
    if settings.mail.smtp is None:
        yield partial(_write_mail, settings)
    else:
        async with SmtpLink(_server(settings, settings.mail.smtp)) as link:
            yield partial(_send_mail, settings, link)


CHANNELS: Final[Mapping[str, Callable[[Settings], AbstractAsyncContextManager[Send]]]] = {MAIL: mail}
"""A new channel is a line here; its messages need no migration."""


async def _send_mail(settings: Settings, link: SmtpLink, message: OutboxMessage, report: Report, seal: Seal) -> str:
    rendered = await asyncio.to_thread(_rendered, settings, message, report, seal)
    return await link.send(rendered, settings.mail.sender, message.recipient)


async def _write_mail(settings: Settings, message: OutboxMessage, report: Report, seal: Seal) -> str:
    rendered = await asyncio.to_thread(_rendered, settings, message, report, seal)
    folder = settings.output / settings.service.name / "mail"
    return str(await asyncio.to_thread(write_eml, rendered, folder))


def _rendered(settings: Settings, message: OutboxMessage, report: Report, seal: Seal) -> EmailMessage:
    return report_mail(settings, report, seal, recipient=message.recipient, locale=message.locale)


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
