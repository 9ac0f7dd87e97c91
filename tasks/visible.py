"""A piece of a long look, seen in Prefect's run graph by its name and by what it came to."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from prefect import State, task
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext
from prefect.states import Completed, Failed
from prefect.transactions import BaseTransaction

T = TypeVar("T")


def never(*_: object) -> bool:
    """A retry that is never granted: with retries=0 Prefect logs a Failed state twice, once with "NoneType: None"."""
    return False


@contextmanager
def no_transaction() -> Iterator[None]:
    """Tasks below are no transaction with the one around them: else one failed look calls all others RolledBack."""
    token = BaseTransaction.__var__.set(None)  # type: ignore[arg-type]
    try:
        yield
    finally:
        BaseTransaction.__var__.reset(token)


@task(task_run_name="{name}", retries=1, retry_condition_fn=never, cache_policy=NO_CACHE, persist_result=False)
def take_step(name: str, work: Callable[[], tuple[bool, str, str]]) -> State[Any]:
    """Do the work; `work` says whether that went well, the state's name, and why."""
    good, state, why = work()
    return (Completed if good else Failed)(name=state, message=why)


def step(name: str, work: Callable[[], T], came_to: Callable[[T], tuple[bool, str, str]]) -> T:
    """What the work gives; inside a task it is a task run of its own, named and with what it came to as its state.

    A bug in it is raised as it is.
    """
    if TaskRunContext.get() is None:
        return work()
    given: list[T] = []

    def observed() -> tuple[bool, str, str]:
        value = work()
        came = came_to(value)
        given.append(value)
        return came

    run: Any = take_step
    state: State[Any] = run(name, observed, return_state=True)
    if not given:
        state.result(_sync=True)  # type: ignore[call-overload]  # in a thread of an async task it would be a coroutine
    return given[0]


@task(task_run_name="{name}", retries=1, retry_condition_fn=never, cache_policy=NO_CACHE, persist_result=False)
async def take_async_step(name: str, work: Callable[[], Awaitable[tuple[bool, str, str]]]) -> State[Any]:
    """The same for work that is a coroutine."""
    good, state, why = await work()
    return (Completed if good else Failed)(name=state, message=why)


async def async_step(name: str, work: Callable[[], Awaitable[T]], came_to: Callable[[T], tuple[bool, str, str]]) -> T:
    """The same as `step` for work that is a coroutine."""
    if TaskRunContext.get() is None:
        return await work()
    given: list[T] = []

    async def observed() -> tuple[bool, str, str]:
        value = await work()
        came = came_to(value)
        given.append(value)
        return came

    run: Any = take_async_step
    state: State[Any] = await run(name, observed, return_state=True)
    if not given:
        await state.aresult()  # without `await` a bug would be lost
    return given[0]
