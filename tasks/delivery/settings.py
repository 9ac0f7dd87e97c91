"""[mail] of a service file."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from tasks.configuration import Called, Locale, Model, SecretRef, TextOrSecret, each_once
from tasks.delivery.server import parse_smtp_url

_ADDRESS = re.compile(r"[^\s@<>\",;:()\\]+@[^\s@<>\",;:()\\]+")
_LONGEST_ADDRESS = 320
MailAddress = Annotated[str, Called("mail address", "mail addresses")]


class Recipient(Model):
    """A person or list who gets the reports."""

    address: MailAddress
    """One plain address; each once."""

    locale: Locale | None = None
    """Language of the mails; default: the first of `[reports] locales`."""

    @field_validator("address")
    @classmethod
    def _address(cls, value: str) -> str:
        if not (_ADDRESS.fullmatch(value) and value.isprintable() and len(value) <= _LONGEST_ADDRESS):
            raise ValueError("must be one plain address such as ops@example.com")
        return value


class Mail(Model):
    """Who gets the reports, and through which server; without `smtp` they become .eml files."""

    sender: MailAddress = "opsrounds@localhost"
    """Sender of the mails."""

    to: tuple[Recipient, ...] = ()
    """Recipients."""

    smtp: Annotated[str, Called("address", "addresses")] | None = None
    """`smtp://host[:25]`, `smtp+starttls://host[:587]` or `smtps://host[:465]`. Without it mails are written to `.eml`
    files."""

    username: TextOrSecret | None = None
    """Together with `password`, or neither; sent only over TLS or to this machine."""

    password: SecretRef | None = None
    """Together with `username`."""

    ca_file: Path | None = None
    """CA certificates that are trusted for the mail server in addition to the system's."""

    timeout_s: Annotated[float, Field(gt=0, le=30)] = 20.0
    """Longest time of one step with the mail server."""

    @field_validator("sender")
    @classmethod
    def _sender(cls, value: str) -> str:
        return Recipient(address=value).address

    @field_validator("smtp")
    @classmethod
    def _smtp(cls, value: str | None) -> str | None:
        if value is not None:
            parse_smtp_url(value)
        return value

    @field_validator("to")
    @classmethod
    def _to(cls, value: tuple[Recipient, ...]) -> tuple[Recipient, ...]:
        each_once((recipient.address for recipient in value), "an address")
        return value

    @model_validator(mode="after")
    def _login(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together: set both, or neither for a server without a login")
        return self
