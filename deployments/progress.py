"""What a command shows while it works: a spinner on a terminal, plain lines elsewhere; and what it held."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from rich.console import Console

from reports.archive import folder_of
from reports.schema import file_data
from reports.text import terminal
from reports.words import Words
from tasks.canonical import canonical
from tasks.settings import Settings

if TYPE_CHECKING:
    from deployments.run import Held

err = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def working(what: str) -> Iterator[Callable[[], None]]:
    """Show that something is being done; it ends with the block, or when the yielded function is called."""
    started = time.monotonic()
    status = err.status(f"{what} …") if err.is_terminal else nullcontext()
    told = False

    def done() -> None:
        nonlocal told
        if not told:
            told = True
            status.__exit__(None, None, None)
            err.print(f"{what}  {time.monotonic() - started:.1f} s", style="dim", markup=False)

    if not err.is_terminal:
        err.print(f"{what} …", markup=False)
    status.__enter__()
    try:
        yield done
    finally:
        done()


def show_held(held: "Held", settings: Settings, lang: str | None, as_json: bool) -> None:
    """Print a round: its report, where it is, and what became of its letters."""
    words = Words(lang or settings.reports.locales[0], settings.service.timezone)
    if held.report is None or held.seal is None:
        err.print(f"{held.state}: {held.message}", markup=False)
        return
    if as_json:
        sys.stdout.write(canonical(file_data(held.report, held.seal)) + "\n")
    else:
        Console(highlight=False).print(terminal(held.report, held.seal, words))
    out = err if as_json else Console(highlight=False, soft_wrap=True)
    folder = folder_of(held.report, settings.output)
    if folder.is_dir():
        out.print(words.tr("Report: {where}", where=str(folder / "report.html")), markup=False)
    else:  # the message says why it is not archived
        out.print(held.message, markup=False)
    out.print(words.tr("Mail: {letters}", letters=_letters(held, settings, words)), markup=False)


def _letters(held: "Held", settings: Settings, words: Words) -> str:
    told = {
        "sent": words.tr("sent") if settings.mail.smtp else words.tr("written as .eml"),
        "waiting": words.tr("waiting, tried again by the outbox flow or the next round"),
        "unknown": words.tr("perhaps delivered, sent once more"),
        "failed": words.tr("not delivered"),
    }
    return ", ".join(f"{count} {told[state]}" for state, count in held.letters.items()) or words.tr("nothing to send")
