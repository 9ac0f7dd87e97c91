"""What is given to commands that record something: whose settings, who records it, and when."""

import getpass
import os
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.command import service_file

if TYPE_CHECKING:
    from tasks.settings import Settings


def login() -> str:
    """Who runs this command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return f"uid {os.getuid()}"


ByOption = Annotated[str, typer.Option("--by", help="Who records it; default: the login.", default_factory=login)]


def settings_of(service: Path | None) -> "Settings":
    """The settings of the service file that is meant."""
    from tasks.settings import load_settings

    return load_settings(service_file(service))


def time_of(settings: "Settings", text: str, option: str) -> datetime | None:
    """A time that was given; an empty one, such as a pipeline's unset variable, was not."""
    return needed_time(settings, text, option) if text.strip() else None


def needed_time(settings: "Settings", text: str, option: str) -> datetime:
    """A time in the service's zone or with an offset; raises RecordRefused naming the option."""
    from tasks.records.rules import RecordRefused
    from tasks.records.words import parse_time

    try:
        return parse_time(text, settings.zone)
    except RecordRefused as error:
        raise RecordRefused(f"{option}: {error}") from None


def day_of(text: str, option: str) -> date | None:
    """A day that was given; raises UsageError."""
    from tasks.errors import UsageError

    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise UsageError(f"{option}: {text!r} is not a day such as 2026-12-01") from None
