"""How long half of the requests took, by module."""

from collections import defaultdict

import numpy as np
from sqlalchemy import select

from tasks.history.engine import History, reading
from tasks.history.tables import services
from tasks.logs.count.packed import BINS, quantiles_ms, unpack_many
from tasks.logs.tables import traffic_minutes, traffic_series


def read_medians(history: History, service: str, first: int, end: int, every: int) -> dict[str, tuple[int, float]]:
    """By module, how many requests had a duration and their median in ms, in every n-th minute of a span.

    Raises HistoryError, and ValueError for a stored sketch that is none.
    """
    c = traffic_minutes.c
    query = (
        select(traffic_series.c.module, c.sketch)
        .join(traffic_series, traffic_series.c.id == c.series_id)
        .join(services, services.c.id == traffic_series.c.service_id)
        .where(services.c.name == service, c.minute >= first, c.minute < end, c.minute % every == 0, c.timed > 0)
    )
    sketches: dict[str, list[bytes]] = defaultdict(list)
    with reading(history) as connection:
        for module, sketch in connection.execute(query):
            if sketch:
                sketches[module].append(bytes(sketch))
    return {module: _median(packed) for module, packed in sketches.items()}


def _median(sketches: list[bytes]) -> tuple[int, float]:
    starts = np.cumsum([0, *(len(sketch) for sketch in sketches[:-1])])
    _, index, counts = unpack_many(np.frombuffer(b"".join(sketches), dtype=np.uint8), starts)
    bins = np.bincount(index, counts, BINS).astype(np.int64)
    return int(bins.sum()), float(quantiles_ms(bins, 0.5))
