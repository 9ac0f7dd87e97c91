"""Lines that may have been failed requests."""

from dataclasses import dataclass

from tasks.logs.limits import LogLimits


@dataclass(frozen=True, slots=True)
class UnreadHour:
    """Lines of a source in one hour (since 1970, UTC) that may be torn requests, and requests of unknown status.

    `aborted` requests, whose client left before an answer, are neither among the unanswered ones nor the `requests`.
    """

    source: str
    hour: int
    torn: int
    unanswered: int
    aborted: int = 0
    requests: int = 0


def are_unanswered(unread: int, requests: int, limits: LogLimits) -> bool:
    """True for more requests without a status, aborted ones among them, than a day has beside `requests` with one."""
    return unread >= limits.min_bad_requests and unread > limits.max_unanswered_share * (requests + unread)
