"""Pieces of a long look as task runs of their own: their names, what they came to, and bugs that are not lost."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from prefect import flow

from tasks import secrets
from tasks.check_result import msg
from tasks.secrets import keep_secret
from tasks.visible import StepState, async_step, step, take_async_step, take_step


@pytest.fixture
def shown(prefect: Any) -> Iterator[list[tuple[str, str, str, str]]]:
    """Type, name and message of the state of each step's task run, after the run's name."""
    runs: list[tuple[str, str, str, str]] = []

    def note(_task: Any, run: Any, state: Any) -> None:
        if run.name != "line":
            runs.append((run.name, state.type.value, state.name, state.message))

    hooks = [hooks for t in (take_step, take_async_step) for hooks in (t.on_completion_hooks, t.on_failure_hooks)]
    for each in hooks:
        each.append(note)
    yield runs
    for each in hooks:
        each.remove(note)


def came_to(count: int) -> StepState:
    return StepState("Read" if count else "Empty", msg("{count} lines", count=count), good=count > 0)


def within_a_line(look: Callable[[], Awaitable[int]]) -> int:
    """The look as part of a line of a checklist."""

    @flow
    async def checklist() -> int:
        return await async_step("line", look, lambda _: StepState("Passed", msg("looked at"), good=True))

    return asyncio.run(checklist())


def in_a_thread(count: int) -> Callable[[], Awaitable[int]]:
    return lambda: asyncio.to_thread(step, f"read {count}", lambda: count, came_to)


def as_coroutine(count: int) -> Callable[[], Awaitable[int]]:
    async def work() -> int:
        await asyncio.sleep(0)
        return count

    return lambda: async_step(f"read {count}", work, came_to)


KINDS = pytest.mark.parametrize("kind", [in_a_thread, as_coroutine])


@KINDS
def test_a_step_is_shown_by_its_name_with_what_it_came_to(kind: Any, shown: list[Any]) -> None:
    assert [within_a_line(kind(count)) for count in (3, 0)] == [3, 0]
    assert shown == [("read 3", "COMPLETED", "Read", "3 lines"), ("read 0", "FAILED", "Empty", "0 lines")]


@KINDS
def test_outside_a_line_a_step_is_a_plain_call(kind: Any, shown: list[Any]) -> None:
    assert asyncio.run(kind(3)()) == 3
    assert shown == []


async def broken() -> int:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "look",
    [
        lambda: async_step("read", broken, came_to),
        lambda: asyncio.to_thread(step, "read", lambda: 1 // 0, came_to),
        lambda: asyncio.to_thread(step, "read", lambda: 1, lambda _: 1 // 0),
    ],
    ids=["as_coroutine", "in_a_thread", "in_what_it_came_to"],
)
def test_a_bug_in_a_step_is_raised_as_it_is(look: Any, shown: list[Any]) -> None:
    with pytest.raises(ZeroDivisionError):
        within_a_line(look)
    assert [kind for _, kind, _, _ in shown] == ["FAILED"]


def test_a_step_that_is_cut_leaves_its_line_to_go_on(shown: list[Any]) -> None:
    async def endless() -> int:
        await asyncio.sleep(60)
        return 1

    async def look() -> int:
        try:
            async with asyncio.timeout(0.2):
                return await async_step("read", endless, came_to)
        except TimeoutError:
            return -1

    assert within_a_line(look) == -1
    assert shown == []


@pytest.fixture
def own_secrets() -> Iterator[None]:
    before = frozenset(secrets._resolved)
    yield
    secrets._resolved.intersection_update(before)


@pytest.mark.usefixtures("own_secrets")
def test_a_state_holds_no_secret_and_no_personal_data(shown: list[Any]) -> None:
    keep_secret("postgresql://shop:hush-hush-4711@db/shop")
    why = "no login with hush-hush-4711 for jane.doe@example.com"
    state = StepState("Unknown", msg("It cannot be read: {why}", why=why), good=False)
    within_a_line(lambda: asyncio.to_thread(step, "read", lambda: 1, lambda _: state))
    [(_, _, _, message)] = shown
    assert message.startswith("It cannot be read: no login with ")
    assert "hush-hush" not in message and "jane.doe" not in message
