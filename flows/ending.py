"""Ends a run at SIGTERM wherever its event loop happens to be."""

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Within, SIGTERM cancels the task that entered, besides what the process's handler does.

    Prefect's handler raises TerminationSignal in whatever the main thread is doing. In a callback of the event loop
    asyncio logs it and goes on; who cancelled the run then waits for its runner to kill it, which takes 30 seconds and
    ends nothing that the run has started. Outside the main thread it does nothing: no handler runs there.
    """
    task = asyncio.current_task()
    if task is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    heard, signals = socket.socketpair()
    with heard, signals:
        heard.setblocking(False)
        signals.setblocking(False)

        def hear() -> None:
            if signal.SIGTERM in heard.recv(4096) and not task.cancelling():
                task.cancel()

        before = signal.set_wakeup_fd(signals.fileno(), warn_on_full_buffer=False)
        loop.add_reader(heard, hear)
        try:
            yield
        finally:
            loop.remove_reader(heard)
            signal.set_wakeup_fd(before)
