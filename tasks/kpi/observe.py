"""Asks the database and Prometheus for the numbers of queues and business figures."""

import asyncio
from collections.abc import Mapping, Sequence

from tasks.database.connection import Server
from tasks.database.observe import read_numbers
from tasks.kpi.facts import Number, Numbers
from tasks.kpi.settings import Kpi, Query, Queue
from tasks.observation import ObservationError, Unobserved, seen
from tasks.prometheus.observe import Prometheus, read_number


async def look_at_numbers(
    queues: Sequence[Queue], kpis: Sequence[Kpi], server: Server | None, prometheus: Prometheus | None
) -> Numbers:
    """Every number of the service file; settings see to it that each query has somewhere to ask."""
    asked = {f"queue:{queue.name}:{figure}": query for queue in queues for figure, query, _ in queue.figures}
    asked |= {f"kpi:{kpi.name}": kpi.query for kpi in kpis}
    numbers = {**await _of_database(asked, server), **await _of_prometheus(asked, prometheus)}
    return Numbers(
        {q.name: {figure: numbers[f"queue:{q.name}:{figure}"] for figure, _, _ in q.figures} for q in queues},
        {kpi.name: numbers[f"kpi:{kpi.name}"] for kpi in kpis},
    )


def unseen(queues: Sequence[Queue], kpis: Sequence[Kpi], why: Unobserved) -> Numbers:
    """What stands for every number when nothing is looked at."""
    return Numbers(
        {queue.name: {figure: why for figure, _, _ in queue.figures} for queue in queues},
        {kpi.name: why for kpi in kpis},
    )


async def _of_database(asked: Mapping[str, Query], server: Server | None) -> Mapping[str, Number]:
    statements = {name: query.sql for name, query in asked.items() if query.sql is not None}
    if not statements or server is None:
        return {}
    try:
        return await asyncio.to_thread(read_numbers, server, statements)
    except ObservationError as error:
        return dict.fromkeys(statements, Unobserved(error.reason))


async def _of_prometheus(asked: Mapping[str, Query], prometheus: Prometheus | None) -> Mapping[str, Number]:
    if prometheus is None:
        return {}
    expressions = {name: query.promql for name, query in asked.items() if query.promql is not None}
    numbers = await asyncio.gather(*(seen(read_number(prometheus, promql)) for promql in expressions.values()))
    return dict(zip(expressions, numbers, strict=True))
