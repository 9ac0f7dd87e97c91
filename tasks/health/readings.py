"""A probe as minute samples."""

from tasks.health.facts import Sampled
from tasks.samples.facts import Reading


def probe_readings(name: str, probe: Sampled, instance: str) -> tuple[Reading, ...]:
    """1 when every request was answered with 2xx, else 0; and how long the slowest answer took."""
    good = Reading(name, instance, float(all(answer.succeeded for answer in probe.answers)), "")
    answered = [answer.ms for answer in probe.answers if answer.status is not None]
    return (good, Reading(f"{name}.latency", instance, max(answered), "ms")) if answered else (good,)
