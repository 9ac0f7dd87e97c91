"""Whether durations can be what they are read as: a forgotten `duration_unit` makes every request quick."""

from tasks.check_result import Message, msg
from tasks.logs.settings import Logs, Source

_DIGITS = 3


def doubtful_durations(logs: Logs, median_ms: float | None, timed: int) -> Message | None:
    """Why response times cannot be trusted: half of the requests took less, or more, than requests do.

    A unit that is written out in the service file is believed: there are services that are so quick.
    """
    limits, unsure = logs.limits, [source.name for source in logs.source if not is_unit_sure(source)]
    if not unsure or median_ms is None or timed < limits.min_timed_requests:
        return None
    if limits.min_median_ms <= median_ms <= limits.max_median_ms:
        return None
    return msg(
        "The median of {timed} response times is {median} ms: set duration_unit in [[logs.source]] {sources}, even if "
        "it is ms",
        timed=timed,
        median=float(f"{median_ms:.{_DIGITS}g}"),
        sources=", ".join(unsure),
    )


def is_unit_sure(source: Source) -> bool:
    """True when a log's unit is written out, is part of its format, or no request of it is counted."""
    return not source.requests or source.format == "combined" or "duration_unit" in source.model_fields_set
