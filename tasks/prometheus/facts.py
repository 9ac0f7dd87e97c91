"""What Prometheus answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one series; `at_s` is Unix time. The value may be NaN or infinite."""

    labels: Mapping[str, str]
    value: float
    at_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The values of one series at the steps at which it has any; `times_s` (Unix time) rise. Values may be NaN."""

    labels: Mapping[str, str]
    times_s: Numbers
    values: Numbers


@dataclass(frozen=True, slots=True)
class PrometheusAlert:
    """An alert of a Prometheus's own rules; one that is not `firing` is pending. `summary` is its annotation."""

    labels: Mapping[str, str]
    firing: bool
    since: datetime
    summary: str
