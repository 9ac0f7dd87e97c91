"""The demo service for `rounds up --demo`: without faults, and in use for as long as it runs."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from deployments.demo.backups import bring_backups
from deployments.demo.past.bring import bring_log
from deployments.demo.past.history import WEEKS, Shape
from deployments.demo.run import demo_service
from deployments.demo.traffic import make_traffic
from deployments.progress import working
from tasks.settings import Settings, load_settings

_EVERY_S = 60.0
_REQUESTS, _SECONDS = 2, 5.0
"""So few that refused logins among them are no more than usual."""


@contextmanager
def demo_with_traffic(folder: Path, output: Path) -> Iterator[Path]:
    """The demo service without faults and in use; yields its service file."""
    with (
        demo_service(folder, output, frozenset(), watched=True) as file,
        background_traffic(load_settings(file), WEEKS, _EVERY_S),
    ):
        with working("backups"):
            bring_backups(file, (), datetime.now(UTC))
        yield file


@contextmanager
def background_traffic(settings: Settings, shape: Shape, every_s: float) -> Iterator[None]:
    """Some requests, and more of the made-up log, again and again until the end."""
    stop = threading.Event()
    thread = threading.Thread(target=_use, args=(settings, shape, every_s, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_SECONDS + 5)


def _use(settings: Settings, shape: Shape, every_s: float, stop: threading.Event) -> None:
    urls = [instance.base_url for instance in settings.targets()]
    while not stop.wait(every_s):
        now = datetime.now(UTC)
        with suppress(OSError):  # a full disk; the next turn makes up for this one
            bring_log(settings, shape, False, now)
        asyncio.run(make_traffic(urls, requests=_REQUESTS, seconds=_SECONDS, seed=int(now.timestamp())))
