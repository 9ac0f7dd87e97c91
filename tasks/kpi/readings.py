"""Queues and business KPIs as minute samples."""

from collections.abc import Sequence

from tasks.kpi.facts import Numbers
from tasks.kpi.judge import kpi_subject, queue_subject
from tasks.kpi.settings import Kpi
from tasks.observation import Unobserved
from tasks.samples.facts import Reading

_NAMES = {"depth": ("queue.depth", ""), "oldest_s": ("queue.oldest", "s"), "failed": ("queue.failed", "")}


def number_readings(seen: Numbers, kpis: Sequence[Kpi]) -> tuple[Reading, ...]:
    """Every number that was seen."""
    units = {kpi.name: kpi.unit for kpi in kpis}
    queues = [
        Reading(_NAMES[figure][0], queue_subject(name), value, _NAMES[figure][1])
        for name, figures in seen.queues.items()
        for figure, value in figures.items()
        if not isinstance(value, Unobserved)
    ]
    figures = [
        Reading("kpi.value", kpi_subject(name), value, units[name])
        for name, value in seen.kpis.items()
        if not isinstance(value, Unobserved)
    ]
    return (*queues, *figures)


def unseen_numbers(seen: Numbers) -> tuple[Unobserved, ...]:
    """Why numbers are missing."""
    every = [*(value for figures in seen.queues.values() for value in figures.values()), *seen.kpis.values()]
    return tuple(value for value in every if isinstance(value, Unobserved))
