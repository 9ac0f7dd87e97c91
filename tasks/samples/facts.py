"""Figures that are sampled into the history every minute."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure of one moment: `name` such as `disk.used`, `subject` such as `host/disk:/var`, `unit` such as `%`."""

    name: str
    subject: str
    value: float
    unit: str
