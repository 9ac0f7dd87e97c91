"""The figures of several runs that can be compared with each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tasks.load.analysis.held import levels_of
from tasks.load.facts import LoadRun, RouteStats
from tasks.load.limits import LoadLimits
from tasks.load.settings import Gate

STATISTICS: Final = ("p50_ms", "p95_ms")
_FEWEST: Final = 20
"""Requests at one step below which it is left out of a figure: of 20 one lies above the p95."""

Key = tuple[str, str, str]
"""Module, route (empty: the whole module), statistic."""
Place = tuple[Key, int]
"""A figure at one level, by its users; 0 for all of a run's steps together."""


@dataclass(frozen=True, slots=True)
class _Figure:
    value: float
    requests: int


def compared_figures(
    runs: Sequence[LoadRun], gates: Sequence[Gate], limits: LoadLimits
) -> list[dict[Key, float]]:  # fmt: skip
    """In ms and by run, the figures that every run has of enough requests; the first run is the newest.

    Where the profile seeks the limit they are geometric means over those levels that most of the other runs held: at
    more load queues decide, which differ from run to run.
    """
    levels = _levels(runs, gates, limits)
    found = [_figures(run, levels) for run in runs]
    common = [place for place in found[0] if all(place in figures for figures in found)]
    keys = dict.fromkeys(key for key, _ in common)
    places = {key: [place for place in common if place[0] == key] for key in keys}
    enough = [
        key
        for key, mine in places.items()
        if all(sum(figures[place].requests for place in mine) >= limits.min_requests for figures in found)
    ]
    return [{key: _mean([figures[place].value for place in places[key]]) for key in enough} for figures in found]


def _levels(runs: Sequence[LoadRun], gates: Sequence[Gate], limits: LoadLimits) -> frozenset[int] | None:
    """The levels at which runs are compared; None: all steps together."""
    if not runs[0].seeks_limit:
        return None
    others = [{level.users for level in levels_of(run, gates, limits) if not level.failures} for run in runs[1:]]
    levels = {users for held in others for users in held}
    return frozenset(users for users in levels if 2 * sum(users in held for held in others) > len(others))


def _figures(run: LoadRun, levels: frozenset[int] | None) -> dict[Place, _Figure]:
    if levels is None:
        return dict(_of_parts(0, (*run.modules, *run.routes)))
    steps = [step for step in run.steps if step.users in levels]
    return {place: figure for step in steps for place, figure in _of_parts(step.users, (*step.modules, *step.routes))}


def _of_parts(users: int, parts: Sequence[RouteStats]) -> Iterator[tuple[Place, _Figure]]:
    for part in parts:
        for statistic in STATISTICS:
            value: float | None = getattr(part.succeeded, statistic)
            if value and part.succeeded.count >= _FEWEST:
                yield ((part.module, part.route, statistic), users), _Figure(value, part.succeeded.count)


def _mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))
