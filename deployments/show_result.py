"""A round on the terminal: in short or in full, then where its report is and what became of its mail."""

import os
import sys

from deployments.language import terminal_language
from deployments.progress import err
from deployments.run import RunResult
from deployments.screen import Screen
from deployments.terminal import say_json
from reports.archive import folder_of
from reports.brief import brief
from reports.names import page_name
from reports.schema import file_data
from reports.terminal import STYLES, terminal
from reports.words import Words
from tasks.canonical import canonical
from tasks.guide.judge import Verdict
from tasks.settings import Settings

_PIPED = 100
"""Columns where there is no terminal."""


def show_result(
    result: RunResult, settings: Settings, lang: str | None, *, full: bool = False, as_json: bool = False
) -> None:
    """Print a round in the language of the terminal; with `as_json` its report's data alone on stdout."""
    words = Words(terminal_language(lang, settings.reports.locales, os.environ), settings.service.timezone)
    if result.report is None or result.seal is None:
        err.print(f"{result.state}: {result.message}")
        return
    out = err if as_json else console()
    is_broken = result.state not in set(Verdict)
    if is_broken:  # first what the exit status says: the round is stored, and what came after it broke
        out.print(f"✕ {result.state}: {result.message}", style=STYLES["fail"], soft_wrap=True)
    if as_json:
        say_json(canonical(file_data(result.report, result.seal)))
    elif full:
        out.print(terminal(result.report, result.seal, words))
    else:
        out.print(brief(result.report, result.seal, words, out.width))
    for line in (
        *_places(result, settings, words, is_said=is_broken),
        words.tr("Mail: {messages}", messages=_mail(result, settings, words)),
    ):
        out.print(line, soft_wrap=True)


def console() -> Screen:
    """Standard output; where it is no terminal it has a fixed width."""
    return Screen(width=None if sys.stdout.isatty() else _PIPED)


def _places(result: RunResult, settings: Settings, words: Words, *, is_said: bool) -> tuple[str, ...]:
    assert result.report is not None
    folder = folder_of(result.report, settings.output)
    if not folder.is_dir():
        return () if is_said else (result.message,)  # it says why the report is not archived
    locales = settings.reports.locales
    report = folder / page_name("report", words.locale, locales)
    index = settings.output / page_name("index", words.locale, locales)
    return words.tr("Report: {where}", where=str(report)), words.tr("All reports: {where}", where=str(index))


def _mail(result: RunResult, settings: Settings, words: Words) -> str:
    states = {
        "sent": words.tr("sent") if settings.mail.smtp else words.tr("written as .eml"),
        "waiting": words.tr("waiting, the monitoring or the next round retries"),
        "unknown": words.tr("delivery unknown, resent once"),
        "failed": words.tr("not delivered"),
    }
    if result.mail is None:
        return states["waiting"]
    return ", ".join(f"{count} {states[state]}" for state, count in result.mail.items()) or words.tr("nothing to send")
