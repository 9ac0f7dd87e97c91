"""What every flow shares: how a round begins, what could not be seen, and the one way in which it ends."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import httpx
from prefect import State
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.delivery import deliver
from flows.messages import archive_missing, parse_report, readable, report_messages
from flows.options import RoundOptions, refuse_future
from flows.timing import SKIPPED, Timing, missed, planned_start
from reports import artifacts
from reports.archive import folder_of
from reports.compose import RoundFacts, compose_report
from reports.folders import ArchiveError
from reports.mail import report_path
from reports.report import OWN_WORDS, Report, Seal, UnreadableReport, from_text, to_data
from reports.sentences import verdict_sentence
from reports.words import Words
from tasks.canonical import canonical
from tasks.check_result import Message, msg
from tasks.errors import ExplainedError
from tasks.guide.judge import Verdict
from tasks.guide.lines import GuideLine
from tasks.history.engine import HistoryError
from tasks.history.opened import history_of
from tasks.history.runs import (
    AlreadyRecorded,
    NewRun,
    RunKey,
    RunPlace,
    StoredRun,
    is_scheduled_run_recorded,
    read_runs,
    record_run,
)
from tasks.observation import Unobserved
from tasks.round import Round, utc_now
from tasks.secrets import masked
from tasks.section import Section
from tasks.settings import Settings, find_service

NOT_ARCHIVED = "NotArchived"
_RECENT = 20
recorded: ContextVar[Callable[[StoredRun], None] | None] = ContextVar("recorded", default=None)
"""Told which run a round has stored: whoever started it shows this one, and no other of the same time or verdict, and
sends its messages."""
_CLOSING = timedelta(minutes=5)
"""What storing, archiving, mailing and showing a round may take."""
_MAILING_S = 60.0


async def begin_round(flow: str, service: str, options: RoundOptions, timing: Timing) -> Round | State[Any]:
    """A round ready to start, or the state that ends a run which comes too late or a second time.

    Raises ConfigurationError, HistoryError, or RoundRefused for a period that has not begun.
    """
    settings = await asyncio.to_thread(find_service, service)
    now = utc_now()
    planned = planned_start()
    begins = planned or now
    period = options.period(begins.astimezone(settings.zone).date(), settings.zone)
    refuse_future(period, now, settings.zone)
    key = RunKey(service, flow, period.key, "hand" if planned is None else "schedule")
    history = await asyncio.to_thread(history_of, settings)
    if planned is not None and await asyncio.to_thread(is_scheduled_run_recorded, history, key):
        return Completed(name=SKIPPED, message=f"{flow} {key.period} is already recorded by its schedule")
    if (late := missed(planned, timing, now)) is not None:
        return late
    present = period.start <= begins < period.end
    past = None if present else Unobserved(msg("Only the present can be checked, not {day}", day=period.key))
    return Round(key, settings, history, now, now + timing.deadline - _CLOSING, past, options.mail)


async def close_round(
    run: Round,
    sections: Sequence[Section],
    lines: tuple[GuideLine, ...],
    title: Message,
    notes: tuple[Message, ...] = (),
) -> State[Any]:
    """Store, archive and show what was found, and give the run its outcome; `notes` come before all others."""
    try:
        stored = await asyncio.to_thread(_store, run, tuple(sections), lines, title, notes)
    except AlreadyRecorded as error:
        return Completed(name=SKIPPED, message=str(error))
    if (tell := recorded.get()) is not None:
        tell(stored)
    report, seal = parse_report(stored)
    words = Words(run.settings.reports.locales[0], run.settings.service.timezone)
    broken = await asyncio.to_thread(_archive, run)
    await _show(report, seal, words, _address(report, run.settings))
    if tell is None:
        await _send(run)
    return outcome(report, words, broken)


def _known(stored: StoredRun | None) -> Report | None:
    """A run that this round is compared with; one that cannot be read stops no round."""
    with suppress(UnreadableReport):
        return None if stored is None else from_text(stored.report)
    return None


def outcome(report: Report, words: Words, broken: str | None = None) -> State[Any]:
    """The state of the flow run; `broken` says why a round that was judged could not be handed over."""
    text = verdict_sentence(report, words)
    if report.verdict in (Verdict.FAILED, Verdict.INCOMPLETE):
        return Failed(name=report.verdict.value, message=f"{text} {broken}" if broken else text)
    if broken is not None:
        return Failed(name=NOT_ARCHIVED, message=broken)
    return Completed(name=report.verdict.value, message=text)


def _store(
    run: Round,
    sections: tuple[Section, ...],
    lines: tuple[GuideLine, ...],
    title: Message,
    notes: tuple[Message, ...],
) -> StoredRun:
    return record_run(run.history, run.key, lambda place: _compose(run, sections, lines, title, notes, place))


def _compose(
    run: Round,
    sections: tuple[Section, ...],
    lines: tuple[GuideLine, ...],
    title: Message,
    notes: tuple[Message, ...],
    place: RunPlace,
) -> NewRun:
    settings, key = run.settings, run.key
    before, same_period = _known(place.previous), _known(place.same_period)
    finished_at = run.now()
    facts = RoundFacts(
        service=key.service,
        environment=settings.service.environment,
        timezone=settings.service.timezone,
        owner=settings.service.owner,
        flow=key.flow,
        title=title,
        period=key.period,
        trigger=key.trigger,
        started_at=run.started_at,
        finished_at=finished_at,
        lines=lines,
        notes=(*notes, *_notes(settings, unreadable=place.previous is not None and before is None)),
    )
    data = masked(to_data(compose_report(facts, sections, place.revision, before)), own=OWN_WORDS)
    text = canonical(data)
    report = from_text(text)  # masked, as the one that it is compared with
    messages = report_messages(settings, report, same_period, mail_unchanged=run.mail_unchanged)
    results: Any = data["results"]
    return NewRun(report.verdict.value, finished_at, text, results, messages)


def _notes(settings: Settings, *, unreadable: bool) -> tuple[Message, ...]:
    notes = []
    if settings.mail.smtp is None:
        notes.append(msg("No mail server is configured: mails are written as .eml files"))
    if unreadable:
        notes.append(msg("The previous round cannot be read, so nothing is compared: run `rounds db verify`"))
    return tuple(notes)


def _archive(run: Round) -> str | None:
    """Write this report, and those of recent rounds that were killed before they got here."""
    try:
        recent = read_runs(run.history, run.key.service, most=_RECENT)
        archive_missing(run.settings, (found for found in readable(reversed(recent)) if _is_kept(run, found[0])))
    except (ArchiveError, HistoryError) as error:
        return f"{error}; the round is stored, `rounds report rebuild` writes its report again"
    return None


def _is_kept(run: Round, report: Report) -> bool:
    """False for a report whose pages housekeeping removes."""
    days = run.settings.reports.keep_days
    return days is None or report.finished_at > run.now() - timedelta(days=days)


async def _send(run: Round) -> None:
    """Send what the round has caused; what cannot be sent now waits for the monitoring."""
    warn = get_run_logger().warning
    try:
        await deliver(run.settings, run.history, warn, _MAILING_S)
    except ExplainedError as error:
        warn(f"mail was not sent, the monitoring tries again: {error}")


def _address(report: Report, settings: Settings) -> str:
    """Where people find the report: its page in the archive, or its file."""
    if settings.reports.base_url is not None:
        return f"{settings.reports.base_url.rstrip('/')}/{report_path(report, 'report.html')}"
    return str((folder_of(report, settings.output) / "report.html").resolve())


async def _show(report: Report, seal: Seal, words: Words, address: str) -> None:
    key = f"{report.service}-{report.flow}"
    if FlowRunContext.get() is None:
        return
    get_run_logger().info(f"{verdict_sentence(report, words)} {address}")
    try:
        await acreate_table_artifact(artifacts.table(report, words), key=f"{key}-results")
        await acreate_markdown_artifact(artifacts.markdown(report, seal, words), key=f"{key}-report")
    except (httpx.HTTPError, PrefectException) as error:  # the report is stored, archived and on its way by mail
        get_run_logger().warning(f"Prefect took no artifacts: {type(error).__name__}")
