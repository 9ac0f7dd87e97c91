"""What a command shows while it works: a spinner or a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.columns import Columns
from rich.console import RenderableType
from rich.filesize import decimal
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress_bar import ProgressBar
from rich.text import Text

from deployments.screen import Screen
from tasks.progress import DAYS, LOAD, TABLES, progress

err = Screen(stderr=True, soft_wrap=True)
_MIN_PROGRESS_BYTES = 100_000_000
"""Fewer bytes are read in a second or two."""
_LOAD_LINE_S = 10


@contextmanager
def working(what: str) -> Iterator[Callable[[], None]]:
    """Show that something is being done; it ends with the block, or when the yielded function is called.

    While log files or backups are read, a bar shows how many of their bytes are; while one is restored, of its tables;
    while a load test runs, of its seconds, with its figures; while alerts are replayed, of their days.
    """
    started = time.monotonic()
    shown = _Bar(what) if err.is_terminal else _Lines(what)
    before = progress.set(shown.read)
    ended = False

    def done() -> None:
        nonlocal ended
        if not ended:
            ended = True
            shown.end()
            err.print(f"{what}  {time.monotonic() - started:.1f} s", style="dim")

    try:
        yield done
    finally:
        progress.reset(before)
        done()


class _Bar:
    """A spinner on a terminal, with a bar of bytes once there are some to read."""

    def __init__(self, what: str) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), _Done())
        self._progress = Progress(*columns, console=err, transient=True)
        self._task = self._progress.add_task(f"{what} …", total=None, counted="", figures="")
        self._progress.start()

    def read(self, counted: str, done: int, of: int, figures: str) -> None:
        self._progress.update(self._task, completed=done, total=of, counted=counted, figures=figures)

    def end(self) -> None:
        self._progress.stop()


class _Done(ProgressColumn):
    """The bar and its figures; nothing while it is not known how much there is."""

    def render(self, task: Task) -> RenderableType:
        if not task.total:
            return Text("")
        bar = ProgressBar(total=task.total, completed=task.completed, width=30)
        fields = task.fields
        return Columns([bar, _counted(fields["counted"], int(task.completed), int(task.total), fields["figures"])])


def _counted(what: str, done: int, of: int, figures: str) -> str:
    if what == LOAD:
        return f"{done} of {of} s, {figures}"
    return f"{done} of {of} {what}" if what in (TABLES, DAYS) else f"{decimal(done)} of {decimal(of)} of {what}"


class _Lines:
    """Plain lines where there is no terminal: one at the start, one a tenth of the bytes, one in 10 s of load."""

    def __init__(self, what: str) -> None:
        self._what, self._tenths, self._load_lines = what, 0, 0
        err.print(f"{what} …")

    def read(self, counted: str, done: int, of: int, figures: str) -> None:
        if counted == LOAD:
            if done // _LOAD_LINE_S > self._load_lines:
                err.print(f"{self._what}: {_counted(counted, done, of, figures)}")
            self._load_lines = done // _LOAD_LINE_S
            return
        tenths = done * 10 // of if of else 0
        if counted not in (TABLES, DAYS) and of >= _MIN_PROGRESS_BYTES and tenths > self._tenths:
            err.print(f"{self._what}: {_counted(counted, done, of, figures)} read")
        self._tenths = tenths

    def end(self) -> None:
        pass
