"""Whether durations can be what they are read as: a forgotten `duration_unit` makes every request quick."""

from tasks.check_result import Message, msg
from tasks.logs.settings import Logs, Source

_DIGITS = 3


def doubtful_durations(logs: Logs, median_ms: float | None, timed: int) -> Message | None:
    """Why response times cannot be trusted: half of the requests took less, or more, than requests do.

    A unit that is written out in the service file is believed: there are services that are so quick.
    """
    limits = logs.limits
    if median_ms is None or timed < limits.min_timed_requests:
        return None
    if limits.min_median_ms <= median_ms <= limits.max_median_ms:
        return None
    unsure = [source for source in logs.source if is_unsure(source, is_long=median_ms > limits.max_median_ms)]
    if not unsure:
        return None
    names, median = ", ".join(source.name for source in unsure), float(f"{median_ms:.{_DIGITS}g}")
    if all(source.format == "combined" for source in unsure):
        return msg(
            "The median of {timed} response times is {median} ms: log {sources} must write durations in seconds",
            timed=timed,
            median=median,
            sources=names,
        )
    return msg(
        "The median of {timed} response times is {median} ms: set duration_unit in [[logs.source]] {sources}, even if "
        "it is ms",
        timed=timed,
        median=median,
        sources=names,
    )


def is_unsure(source: Source, *, is_long: bool) -> bool:
    """True when a log's durations may be in another unit than they are read in.

    An access log has seconds, in which a quick request is 0.000; Apache's microseconds look long.
    """
    if not source.requests:
        return False
    return is_long if source.format == "combined" else "duration_unit" not in source.model_fields_set
