"""A clock on this side of a connection: a server that is stopped keeps no time limit of its own."""

import math
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import Row

from tasks.deadline import UNLIMITED, Deadline

T = TypeVar("T")


class ClockedConnection(psycopg.Connection[Row]):
    """Ends with OperationalError when the server is silent for `silence_s` in an answer, or at `deadline`.

    Everything that waits for the server is waited for here: statements, COPY, COMMIT, ROLLBACK and their pipelines.
    """

    silence_s: float = math.inf
    deadline: Deadline = UNLIMITED

    def wait(self, gen: PQGen[T], *args: Any, **options: Any) -> T:
        """Wait for the server as psycopg does, by the clock."""
        return super().wait(self._clocked(gen), *args, **options)

    def _clocked(self, gen: PQGen[T]) -> Generator[Any, Any, T]:
        silence = Deadline.after(self.silence_s)
        try:
            wanted = next(gen)
            while not self.deadline.passed:
                ready = yield wanted
                if ready:
                    silence = Deadline.after(self.silence_s)
                elif silence.passed:
                    break
                wanted = gen.send(ready)
        except StopIteration as ended:
            answer: T = ended.value
            return answer
        self.pgconn.finish()
        raise psycopg.OperationalError(
            "out of time" if self.deadline.passed else f"the server has been silent for {self.silence_s:g} s"
        )
