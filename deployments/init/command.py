"""`rounds init`: examines a service, prints what was found, and writes its file."""

import asyncio
import ipaddress
import os
import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from deployments.init.database import database_problem, database_source
from deployments.init.discovery import Discovery
from deployments.init.guide import read_checklist
from deployments.init.infer import infer
from deployments.init.metrics import ask_prometheus, histograms_of
from deployments.init.notes import said
from deployments.init.probe import open_prober
from deployments.init.samples import sample_command, sample_files
from deployments.init.source import examine_source
from deployments.init.summary import summary
from deployments.init.write import document
from reports.words import Words
from tasks.configuration import ConfigurationError, http_url, time_zones
from tasks.errors import UsageError
from tasks.files import new_file
from tasks.logs.settings import SINCE
from tasks.observation import printable
from tasks.personal import Kind, find_kinds
from tasks.settings import Settings, load_settings

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_NO_SLUG = re.compile(r"[^a-z0-9]+")
_FROM_ENVIRONMENT = re.compile(r"\$\{?[A-Za-z_]\w*\}?|\$\([^)]*\)", re.ASCII)
_ZONES = "/zoneinfo/"
_MOST_CANDIDATES = 10
_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Given:
    """The arguments of `rounds init`; `language` is the main one of the reports, and that of what is printed."""

    url: str
    output: Path
    logs: tuple[str, ...] = ()
    log_command: str | None = None
    prometheus: str | None = None
    database: str | None = None
    guide: Path | None = None
    source: Path | None = None
    name: str | None = None
    timezone: str | None = None
    force: bool = False
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Written:
    """The service file that was written, and what a person should do next."""

    settings: Settings
    edits: tuple[str, ...]
    words: Words


def write_service_file(given: Given, now: datetime, say: Callable[[str], None]) -> Written:
    """Examine a service and write its file; `say` gets a line for each thing found or not found.

    Raises UsageError for a wrong argument or an existing file, NoAnswer if the service does not answer.
    """
    discovery = _examine(_checked(given), now)
    words = Words(given.language, discovery.timezone)
    for note in summary(discovery):
        say(printable(said(note, words), _SHOWN_CHARS * 2))
    settings = _write(given, document(discovery, words))
    say(words.tr("written: {file}", file=str(given.output)))
    return Written(settings, tuple(said(edit, words) for edit in discovery.edits()), words)


def _checked(given: Given) -> Given:
    """The arguments, once every one that is wrong in itself has been refused."""
    _refuse_existing(given)
    _address(given.url, "URL")
    if given.prometheus is not None:
        _address(given.prometheus, "--prometheus")
    if given.name is not None and not _SLUG.fullmatch(given.name):
        raise UsageError("--name: must be 1 to 40 of a-z, 0-9 and -, beginning with a letter or a digit")
    if given.timezone is not None and given.timezone not in time_zones():
        raise UsageError(f"--timezone {given.timezone}: use an IANA time zone such as Asia/Tokyo or UTC")
    if not given.output.absolute().parent.is_dir():
        raise UsageError(f"--output {given.output}: its folder does not exist")
    return given


def _examine(given: Given, now: datetime) -> Discovery:
    base_url = _address(given.url, "URL")
    host = urlsplit(base_url).hostname or ""
    name = given.name or _name(host)
    command = _command(given.log_command)
    checklist = None if given.guide is None else read_checklist(given.guide)
    place = None if given.database is None else database_source(given.database, name)
    source = None if given.source is None else examine_source(given.source, given.output)
    with open_prober(base_url) as prober:
        found = prober.look()
        logs = [infer(sample_files(path)) for path in given.logs]
        logs += [infer(sample_command(command, now))] if command else []
        own = {found.live, found.ready, found.report, found.metrics}
        candidates = [path for log in logs for path in log.gets if path not in own][:_MOST_CANDIDATES]
        requests = prober.answered(candidates)
    modules = {name for log in logs for name in log.modules}
    prometheus = None if given.prometheus is None else _address(given.prometheus, "--prometheus")
    return Discovery(
        base_url=base_url,
        name=name,
        timezone=given.timezone or _machine_zone(),
        zone_given=given.timezone is not None,
        local=_is_local(host),
        found=found,
        requests=requests,
        logs=tuple(logs),
        prometheus_url=prometheus,
        known=None if prometheus is None else asyncio.run(ask_prometheus(prometheus, base_url, modules)),
        histograms=histograms_of(found.metrics_text),
        database=place,
        database_problem=() if place is None else database_problem(place),
        checklist=checklist,
        source=source,
    )


def _write(given: Given, text: str) -> Settings:
    """Put the file in its place once it has proved to be valid."""
    output = given.output.absolute()
    try:
        with new_file(output, over=given.force) as made:
            made.write_text(text, encoding="utf-8")
            _check(made)
    except FileExistsError:
        raise _there_already(given) from None
    except OSError as error:
        raise UsageError(f"--output {given.output}: cannot be written: {error.strerror}") from None
    return load_settings(output)


def _check(made: Path) -> None:
    try:
        load_settings(made)
    except ConfigurationError as error:  # nobody asked for this: it is no usage error
        raise RuntimeError(f"rounds init made an invalid file: {'; '.join(error.problems)}") from None


def _refuse_existing(given: Given) -> None:
    if not given.force and os.path.lexists(given.output):
        raise _there_already(given)


def _there_already(given: Given) -> UsageError:
    return UsageError(f"{given.output} exists already: choose another --output, or overwrite it with --force")


def _address(url: str, what: str) -> str:
    try:
        return http_url(url)
    except ValueError as error:
        raise UsageError(f"{what} {error}") from None


def _command(given: str | None) -> tuple[str, ...]:
    if given is None:
        return ()
    try:
        parts = tuple(shlex.split(given))
    except ValueError as error:
        raise UsageError(f"--log-command: {error}") from None
    if not any(SINCE in part for part in parts):
        raise UsageError(f"--log-command must contain {SINCE}, the time from which it prints lines")
    if find_kinds(_FROM_ENVIRONMENT.sub("***", given)) & {Kind.PASSWORD, Kind.JWT}:
        raise UsageError(
            "--log-command seems to contain a secret, which would stand in the file and be seen in the list of "
            "processes: let the program read it from a file, such as curl -H @/run/secrets/log-header …"
        )
    return parts


def _name(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        label = host.removeprefix("www.").partition(".")[0]
        return _NO_SLUG.sub("-", label.lower()).strip("-")[:40].strip("-") or "service"
    return "service"


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _machine_zone() -> str:
    """The zone of this machine where it is known, else UTC."""
    zone = os.environ.get("TZ", "").removeprefix(":") or os.path.realpath("/etc/localtime").partition(_ZONES)[2]
    return zone if zone in time_zones() and zone != "Etc/UTC" else "UTC"
