"""By when work has ended: what is left, which reason is given then, and what is not taken for it."""

import asyncio
import math
import time
from collections.abc import Iterator
from threading import Event
from typing import NoReturn

import pytest

from tasks.check_result import msg
from tasks.deadline import NO_TIME_LEFT, Deadline
from tasks.observation import ObservationError, Unobserved
from tasks.progress import progress

LATE = msg("The round has to end by {at}", at="09:30")
AGO = Deadline.after(-1.0, LATE)
SOON_S = 0.1


@pytest.fixture
def reported() -> Iterator[list[tuple[str, int, int, str]]]:
    heard: list[tuple[str, int, int, str]] = []
    token = progress.set(lambda *what: heard.append(what))
    yield heard
    progress.reset(token)


def test_what_is_left() -> None:
    deadline = Deadline.after(60.0)
    assert 59.0 < deadline.left_s <= 60.0 and not deadline.passed
    assert (AGO.left_s, AGO.passed) == (0.0, True)
    assert Deadline.after(0.0).passed
    never = Deadline(math.inf)
    assert never.left_s == math.inf and not never.passed


def test_it_does_not_move() -> None:
    deadline = Deadline.after(SOON_S)
    first = deadline.left_s
    time.sleep(SOON_S)
    assert first > deadline.left_s == 0.0 and deadline.passed


def test_one_within_it_is_the_earlier_with_the_same_reason() -> None:
    deadline = Deadline.after(60.0, LATE)
    assert deadline.within(600.0) == deadline
    assert 9.0 < deadline.within(10.0).left_s <= 10.0
    assert deadline.within(10.0).reason is LATE
    assert Deadline(math.inf).within(10.0).left_s <= 10.0
    assert AGO.within(10.0) == AGO


def test_what_is_required_is_there_or_the_reason_is_raised() -> None:
    assert 59.0 < Deadline.after(60.0, LATE).require() <= 60.0
    with pytest.raises(ObservationError, match="The round has to end by 09:30") as late:
        AGO.require()
    assert late.value.reason == LATE
    with pytest.raises(ObservationError, match="Time ran out"):
        Deadline.after(0.0).require()


def test_progress_is_reported_until_no_time_is_left(reported: list[tuple[str, int, int, str]]) -> None:
    Deadline.after(60.0).progress("bytes")(1, 3)
    with pytest.raises(ObservationError, match="09:30"):
        AGO.progress("bytes")(2, 3)
    assert reported == [("bytes", 1, 3, "")]


def test_a_block_is_cut() -> None:
    async def wait(deadline: Deadline) -> None:
        async with deadline.timeout():
            await asyncio.sleep(60.0)

    for deadline in (AGO, Deadline.after(SOON_S)):
        with pytest.raises(TimeoutError):
            asyncio.run(wait(deadline))
        assert deadline.passed


class TestInTime:
    async def soon(self) -> str:
        await asyncio.sleep(0)
        return "seen"

    async def hang(self) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError

    async def fail(self, error: BaseException) -> NoReturn:
        raise error

    def test_what_ends_in_time_is_what_came_of_it(self) -> None:
        for deadline in (Deadline.after(600.0), Deadline(math.inf)):
            assert asyncio.run(deadline.in_time(self.soon())) == "seen"

    def test_what_does_not_end_is_not_seen_for_the_reason(self) -> None:
        assert asyncio.run(AGO.in_time(self.hang())) == Unobserved(LATE)
        began = time.monotonic()
        assert asyncio.run(Deadline.after(SOON_S).in_time(self.hang())) == Unobserved(NO_TIME_LEFT)
        assert SOON_S <= time.monotonic() - began < 30

    def test_a_thread_is_not_waited_for(self) -> None:
        released = Event()

        async def look() -> object:
            try:
                return await Deadline.after(SOON_S, LATE).in_time(asyncio.to_thread(released.wait, 60))
            finally:
                released.set()

        assert asyncio.run(look()) == Unobserved(LATE)

    @pytest.mark.parametrize("error", [TimeoutError("the work's own"), ObservationError(LATE), KeyError("a bug")])
    def test_errors_of_the_work_are_its_own(self, error: Exception) -> None:
        with pytest.raises(type(error)) as raised:
            asyncio.run(Deadline.after(600.0).in_time(self.fail(error)))
        assert raised.value is error

    def test_an_outer_end_is_not_taken_for_this_one(self) -> None:
        async def outer() -> None:
            async with asyncio.timeout(SOON_S):
                await Deadline.after(600.0).in_time(self.hang())

        with pytest.raises(TimeoutError):
            asyncio.run(outer())
