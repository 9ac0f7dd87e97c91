"""What Prometheus answered."""

from collections.abc import Mapping
from dataclasses import dataclass

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
