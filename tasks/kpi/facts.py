"""What was seen of queues and business KPIs."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.observation import Unobserved

Number = float | Unobserved


@dataclass(frozen=True, slots=True)
class Numbers:
    """The answers to all queries: of queues by name and figure (`depth`, `oldest_s`, `failed`), of figures by name."""

    queues: Mapping[str, Mapping[str, Number]]
    kpis: Mapping[str, Number]
