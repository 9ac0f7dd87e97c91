"""What a pass over a log remembers from line to line, so that a log can be cut and its parts counted apart.

A part is counted with what is assumed to be remembered before it. Its counts are right if they do not rest on what was
assumed wrongly; otherwise it is counted again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.logs.lines.clock import BACK_MIN
from tasks.logs.lines.places import MOST_MODULES, MOST_ROUTES


@dataclass(frozen=True, slots=True)
class Memory:
    """Between two lines of a log.

    `minute` is that of the last line with a time, under which lines without one count, and `newest` the latest so far;
    both are whole ones since 1970. `routes` are learnt; `modules` are those kept apart, with the names they are given.
    """

    minute: int
    newest: int = 0
    routes: frozenset[str] = frozenset()
    modules: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Basis:
    """What the counts of a part rest on.

    `on_minute`: a line stands before the first with a time. `oldest`: the earliest minute that was taken, None without
    any. `unlearnt`: routes that were not known when a line asked for them and were not learnt, None for too many to
    tell. `other_modules`: there was no room for a module.
    """

    on_minute: bool
    oldest: int | None
    unlearnt: frozenset[str] | None
    other_modules: bool

    def holds(self, assumed: Memory, actual: Memory, after: Memory) -> bool:
        """True when counts that began with `assumed` and ended with `after` are those that begin with `actual`."""
        if self.on_minute and assumed.minute != actual.minute:
            return False
        if assumed.newest > actual.newest or (self.oldest is not None and self.oldest < actual.newest - BACK_MIN):
            return False
        return self._holds_for_routes(assumed, actual, after) and self._holds_for_modules(assumed, actual, after)

    def _holds_for_routes(self, assumed: Memory, actual: Memory, after: Memory) -> bool:
        if assumed.routes == actual.routes:
            return True
        if self.unlearnt is None or not assumed.routes <= actual.routes:
            return False
        return len(actual.routes | after.routes) <= MOST_ROUTES and not self.unlearnt & (actual.routes - assumed.routes)

    def _holds_for_modules(self, assumed: Memory, actual: Memory, after: Memory) -> bool:
        if assumed.modules.keys() == actual.modules.keys():
            return True
        if self.other_modules or not assumed.modules.keys() <= actual.modules.keys():
            return False
        return len(actual.modules.keys() | after.modules.keys()) <= MOST_MODULES


def joined(actual: Memory, after: Memory, basis: Basis) -> Memory:
    """What is remembered after a part whose counts hold."""
    return Memory(
        actual.minute if basis.oldest is None else after.minute,
        max(actual.newest, after.newest),
        actual.routes | after.routes,
        {**actual.modules, **after.modules},
    )
