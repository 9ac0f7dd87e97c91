"""The numbers of queues and business KPIs: what the service file asks of the database and of Prometheus."""

import asyncio
from collections.abc import Mapping, Sequence

from tasks.kpi.facts import Number, Numbers
from tasks.kpi.settings import Kpi, Query, Queue
from tasks.observation import Unobserved, seen
from tasks.prometheus.observe import Prometheus, read_number


def statements(queues: Sequence[Queue], kpis: Sequence[Kpi]) -> Mapping[str, str]:
    """What the database is asked for, by the names under which `numbers` takes the answers."""
    return {name: query.sql for name, query in _asked(queues, kpis).items() if query.sql is not None}


async def read_expressions(queues: Sequence[Queue], kpis: Sequence[Kpi], prometheus: Prometheus) -> dict[str, Number]:
    """The value of each expression by Prometheus, all queried at once."""
    asked = _asked(queues, kpis)
    expressions = {name: query.promql for name, query in asked.items() if query.promql is not None}
    found = await asyncio.gather(*(seen(read_number(prometheus, promql)) for promql in expressions.values()))
    return dict(zip(expressions, found, strict=True))


def numbers_of(queues: Sequence[Queue], kpis: Sequence[Kpi], answers: Mapping[str, Number]) -> Numbers:
    """The answers of both by queue and figure; settings see to it that each query has somewhere to ask."""
    return Numbers(
        {q.name: {figure: answers[f"queue:{q.name}:{figure}"] for figure, _, _ in q.figures} for q in queues},
        {kpi.name: answers[f"kpi:{kpi.name}"] for kpi in kpis},
    )


def unseen(queues: Sequence[Queue], kpis: Sequence[Kpi], why: Unobserved) -> Numbers:
    """What stands for every number when nothing can be observed."""
    return numbers_of(queues, kpis, dict.fromkeys(_asked(queues, kpis), why))


def _asked(queues: Sequence[Queue], kpis: Sequence[Kpi]) -> Mapping[str, Query]:
    asked = {f"queue:{queue.name}:{figure}": query for queue in queues for figure, query, _ in queue.figures}
    return asked | {f"kpi:{kpi.name}": kpi.query for kpi in kpis}
