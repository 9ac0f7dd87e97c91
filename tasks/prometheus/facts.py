"""What Prometheus answered."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one series; `at_s` is Unix time. The value may be NaN or infinite."""

    labels: Mapping[str, str]
    value: float
    at_s: float
