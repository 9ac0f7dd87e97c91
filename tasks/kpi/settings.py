"""[[queues]] and [[kpi]] of a service file."""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from tasks.configuration import Model, Slug

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
NotNegative = Annotated[float, Field(ge=0)]
_ONE_OF = 'a query is { sql = "SELECT …" } or { promql = "…" }: exactly one of them'


class Query(Model):
    """Where a number comes from: one row and column of SQL, or one series of PromQL."""

    sql: Text | None = None
    """One statement that gives one row with one number; needs `[database]`, runs in a read-only transaction. Exactly
    one of `sql` and `promql`."""

    promql: Text | None = None
    """One expression that gives one finite series; needs `[metrics]`."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.sql is None) == (self.promql is None):
            raise ValueError(_ONE_OF)
        return self


class Queue(Model):
    """A queue of jobs; each figure that is asked for has its limit."""

    name: Slug
    """In the form of `[service] name`; each once."""

    depth: Query | None = None
    """Waiting jobs. At least one of `depth`, `oldest_s` and `failed`."""

    oldest_s: Query | None = None
    """Age of the oldest waiting job, in seconds."""

    failed: Query | None = None
    """Failed jobs."""

    max_depth: NotNegative | None = None
    """Limit of `depth`; above it FAIL."""

    max_oldest_s: NotNegative | None = None
    """Limit of `oldest_s`; above it FAIL."""

    max_failed: NotNegative | None = None
    """Limit of `failed`; above it FAIL."""

    @property
    def figures(self) -> tuple[tuple[str, Query, float], ...]:
        """What is asked for: the figure's name, its query and its limit."""
        return tuple(
            (name, query, limit)
            for name in ("depth", "oldest_s", "failed")
            if (query := getattr(self, name)) is not None and (limit := getattr(self, f"max_{name}")) is not None
        )

    @model_validator(mode="after")
    def _limits(self) -> Self:
        for name in ("depth", "oldest_s", "failed"):
            query, limit = getattr(self, name), getattr(self, f"max_{name}")
            if (query is None) != (limit is None):
                there, missing = (f"max_{name}", name) if query is None else (name, f"max_{name}")
                raise ValueError(f"{there} needs {missing}: a figure and its limit go together")
        if not self.figures:
            raise ValueError("a queue needs at least one of depth, oldest_s, failed")
        return self


class Kpi(Model):
    """A business KPI and the range in which it is expected."""

    name: Slug
    """In the form of `[service] name`; each once."""

    unit: str = ""
    """Shown behind the value."""

    sql: Text | None = None
    """One statement that gives one row with one number; needs `[database]`, runs in a read-only transaction. Exactly
    one of `sql` and `promql`."""

    promql: Text | None = None
    """One expression that gives one finite series; needs `[metrics]`."""

    floor: float | None = None
    """Below it FAIL. At least one of `floor` and `ceiling`."""

    ceiling: float | None = None
    """Above it FAIL."""

    @property
    def query(self) -> Query:
        """Where the figure comes from."""
        return Query(sql=self.sql, promql=self.promql)

    @model_validator(mode="after")
    def _range(self) -> Self:
        if (self.sql is None) == (self.promql is None):
            raise ValueError("a figure needs sql or promql: exactly one of them")
        if self.floor is None and self.ceiling is None:
            raise ValueError("a figure needs an expected range: floor, ceiling or both")
        if self.floor is not None and self.ceiling is not None and self.floor > self.ceiling:
            raise ValueError("floor must not be above ceiling")
        return self


def need_sources(named: Iterable[tuple[str, Query]], *, database: bool, metrics: bool) -> None:
    """Raise ValueError for a query that has nowhere to ask; `named` gives each with its place in the list."""
    for key, query in named:
        if query.sql is not None and not database:
            raise ValueError(f"{key}: sql needs [database]: set its url")
        if query.promql is not None and not metrics:
            raise ValueError(f"{key}: promql needs [metrics]: set its prometheus_url")
