"""A look, or a part of one, as a task run of its own: Prefect's run graph shows its name and what it came to."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar, cast

from prefect import State, Task, task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext, TaskRunContext
from prefect.states import Completed, Failed
from prefect.transactions import BaseTransaction

from tasks.check_result import Message, in_english
from tasks.outside import external_text

P = ParamSpec("P")
T = TypeVar("T")
_MOST_WORDS = 1000
Say = Callable[[Message], str]


@dataclass(frozen=True, slots=True)
class StepState:
    """What a step came to: the name of its task run's state, and why; `good` decides between green and red."""

    name: str
    reason: Message
    good: bool


_say: ContextVar[Say] = ContextVar("say", default=in_english)


@contextmanager
def speaking(say: Say) -> Iterator[None]:
    """Steps within give their reasons by `say`, in the language of the service."""
    token = _say.set(say)
    try:
        yield
    finally:
        _say.reset(token)


_plainly: ContextVar[bool] = ContextVar("plainly", default=False)


@contextmanager
def plainly() -> Iterator[None]:
    """Looks and steps within are plain calls: each task run costs events, too many for what happens every minute."""
    token = _plainly.set(True)
    try:
        yield
    finally:
        _plainly.reset(token)


class Look(Generic[P, T]):
    """A function that looks at something: within a run each call is a task run. `fn` is the function itself."""

    def __init__(self, fn: Callable[P, T], name: str, timeout_s: float | None) -> None:
        self.fn = fn
        self._task: Task[P, T] = Task(
            fn,
            task_run_name=name,
            retries=0,
            timeout_seconds=timeout_s,
            cache_policy=NO_CACHE,
            persist_result=False,
        )
        update_wrapper(self, fn)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        if _plainly.get():
            return self.fn(*args, **kwargs)
        run = cast("Callable[P, T]", self._task)  # its own type has a case for each kind of result
        return run(*args, **kwargs)


def look(name: str, *, timeout_s: float | None = None) -> Callable[[Callable[P, T]], Look[P, T]]:
    """Makes a function a look; `name` is that of its task runs, with its arguments in braces.

    `timeout_s` is for coroutines: Prefect cannot end a thread, and warns at every run.
    """
    return lambda fn: Look(fn, name, timeout_s)


def step(name: str, work: Callable[[], T], state_of: Callable[[T], StepState]) -> T:
    """What the work gives; within a run it is a task run of this name. Whatever the work raises is raised."""
    if not _in_a_run():
        return work()
    taken = _Taken[T](name)

    def observed() -> State[Any]:
        with taken.remembering():
            return taken.ended(work(), state_of)

    run: Any = take_step  # a task that returns a State has wrong types with return_state
    return taken.value(run(name, observed, return_state=True))


async def async_step(name: str, work: Callable[[], Awaitable[T]], state_of: Callable[[T], StepState]) -> T:
    """The same for work that is a coroutine."""
    if not _in_a_run():
        return await work()
    taken = _Taken[T](name)

    async def observed() -> State[Any]:
        with taken.remembering():
            return taken.ended(await work(), state_of)

    run: Any = take_async_step
    return taken.value(await run(name, observed, return_state=True))


class _Taken(Generic[T]):
    """What came of a step beside its state: a Failed state carries no value, and its error cannot be read in threads
    of an asynchronous flow.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: list[T] = []
        self._error: Exception | None = None

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Keeps the error that it lets through."""
        try:
            yield
        except Exception as error:
            self._error = error
            raise

    def ended(self, value: T, state_of: Callable[[T], StepState]) -> State[Any]:
        """The state of a step that gave a value."""
        of = state_of(value)
        words = external_text(_say.get()(of.reason), _MOST_WORDS)
        state: State[Any] = (Completed if of.good else Failed)(name=of.name, message=words)
        self._values.append(value)
        return state

    def value(self, state: State[Any]) -> T:
        """The value, once the task run is over; raises what the step raised."""
        if self._error is not None:
            raise self._error
        if not self._values:
            raise RuntimeError(f"the step {self._name!r} was not taken: {state.name}: {state.message}")
        return self._values[0]


def _never(*_: object) -> bool:
    """A retry that is never granted: with retries=0 Prefect logs a Failed state twice, once with "NoneType: None"."""
    return False


@task(task_run_name="{name}", retries=1, retry_condition_fn=_never, cache_policy=NO_CACHE, persist_result=False)
def take_step(name: str, work: Callable[[], State[Any]]) -> State[Any]:
    """A step as a task run that ends in the state that its work gives."""
    with _no_transaction():
        return work()


@task(task_run_name="{name}", retries=1, retry_condition_fn=_never, cache_policy=NO_CACHE, persist_result=False)
async def take_async_step(name: str, work: Callable[[], Awaitable[State[Any]]]) -> State[Any]:
    """The same for work that is a coroutine."""
    with _no_transaction():
        return await work()


def _in_a_run() -> bool:
    return not _plainly.get() and (FlowRunContext.get() is not None or TaskRunContext.get() is not None)


@contextmanager
def _no_transaction() -> Iterator[None]:
    """Tasks below share no transaction with this one: else one that fails names all the others RolledBack."""
    token = BaseTransaction.__var__.set(None)  # type: ignore[arg-type]
    try:
        yield
    finally:
        BaseTransaction.__var__.reset(token)
