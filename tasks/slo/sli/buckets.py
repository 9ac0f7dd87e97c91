"""Whether Prometheus has a bucket that ends at each latency limit: only then is the share within it exact."""

from collections.abc import Iterable

from tasks.prometheus.opened import prometheus_of
from tasks.settings import Settings
from tasks.slo.settings import Latency, Objective
from tasks.slo.sli.prometheus import read_bucket_bounds


async def bucket_problems(settings: Settings, objectives: Iterable[Objective]) -> list[str]:
    """One sentence for each objective whose limit is no bucket's end; asks Prometheus if any needs one.

    Raises ObservationError if it does not answer, and UsageError as its client does.
    """
    asked = [o for o in objectives if isinstance(o, Latency) and o.source == "prometheus"]
    if not asked or settings.metrics is None:
        return []
    async with prometheus_of(settings, settings.metrics) as prometheus:
        bounds = await read_bucket_bounds(prometheus, settings.slo.prometheus)
    there = ", ".join(f"{bound:g}" for bound in bounds) or "none"
    return [
        f"slo: objective {o.name!r}: no bucket of {settings.slo.prometheus.duration} ends at {o.within_ms:g} ms; there "
        f"are {there}: use one of them, or add this one to the exporter"
        for o in asked
        if o.within_ms not in bounds
    ]
