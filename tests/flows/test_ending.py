"""SIGTERM ends a run wherever its event loop happens to be."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from flows.ending import ended_by_sigterm


class Raised(BaseException):
    """As Prefect's TerminationSignal."""


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    def terminate(*_: object) -> None:
        raise Raised

    before = signal.signal(signal.SIGTERM, terminate)
    yield
    signal.signal(signal.SIGTERM, before)


async def run() -> None:
    with ended_by_sigterm():
        await asyncio.sleep(60)


async def signalled_in_a_callback() -> None:
    asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGTERM)
    await run()


async def signalled_in_another_task() -> None:
    async def other() -> None:
        signal.raise_signal(signal.SIGTERM)

    kept = asyncio.create_task(other())
    try:
        await run()
    finally:
        assert isinstance(kept.exception(), Raised)


@pytest.mark.parametrize("signalled", [signalled_in_a_callback, signalled_in_another_task])
def test_where_the_loop_swallows_what_was_raised_the_run_is_cancelled(signalled) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(signalled())


def test_where_it_leaves_the_loop_the_run_is_cancelled_once() -> None:
    counts = []

    async def signalled() -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            await run()
        finally:
            counts.append(task.cancelling())

    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        with pytest.raises(Raised):
            asyncio.run(signalled())
    finally:
        signal.signal(signal.SIGALRM, before)
    assert counts == [1]


def test_another_signal_cancels_nothing_and_what_listened_before_listens_again() -> None:
    async def signalled() -> str:
        with ended_by_sigterm():
            signal.raise_signal(signal.SIGUSR1)
            await asyncio.sleep(0.05)
        return "ended"

    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        assert asyncio.run(signalled()) == "ended"
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert signal.set_wakeup_fd(-1) == -1


def test_outside_the_main_thread_it_does_nothing() -> None:
    async def elsewhere() -> None:
        await asyncio.to_thread(asyncio.run, quick())

    async def quick() -> None:
        with ended_by_sigterm():
            await asyncio.sleep(0)

    asyncio.run(elsewhere())
