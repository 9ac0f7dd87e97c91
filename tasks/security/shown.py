"""A look at the running system as a task run of its own."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tasks.check_result import Message
from tasks.observation import Unobserved, seen
from tasks.visible import StepState, async_step

T = TypeVar("T")


async def shown(name: str, look: Callable[[], Awaitable[T]], words: Callable[[T], Message]) -> T | Unobserved:
    """What a look gives, or why it gives nothing; within a run it is a task run that ends green or red accordingly."""

    def state(found: T | Unobserved) -> StepState:
        if isinstance(found, Unobserved):
            return StepState("Unknown", found.reason, good=False)
        return StepState("Read", words(found), good=True)

    return await async_step(name, lambda: seen(look()), state)
