"""What an objective's figures leave open: whether it would still be met if all that nobody saw was bad."""

from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from tasks.check_result import Message, moment, msg
from tasks.slo.budget.budget import allowed
from tasks.slo.settings import ErrorRate, Latency, Measured, counts_requests
from tasks.slo.sli.minutes import Tally
from tasks.slo.windows import Window


def met(objective: Measured, tally: Tally) -> bool:
    """True when the counted events reach the target; an error rate at its very limit does not."""
    if isinstance(objective, ErrorRate):
        return not Tally(tally.bad, tally.total, 0, 0).meets(objective.max_share) and tally.total > 0
    return tally.meets(objective.target)


def doubt_of(
    objective: Measured,
    counted: Tally,
    window: Window,
    values: tuple[str, ...] = (),
    since: datetime | None = None,
    silent: tuple[str, ...] = (),
) -> Message | None:
    """Why the target may have been missed unseen, with what was not seen and what the budget has left; else None.

    What was counted unread is held against the target as it stands; time that was not measured against the budget of
    the whole window, which a gap on its first day does not exhaust. `since` is when the measurements began, if after
    the window; `silent` are the logs that had no requests while others had some.
    """
    if counted.unread and not met(objective, replace(counted, total=counted.total + counted.unread)):
        return _unread(objective, counted, values)
    if not counted.lost or not window.elapsed_min or not objective.measures_always:
        return None
    total = counted.total + counted.unread + counted.lost
    whole = allowed(objective.target) * total * Fraction(window.length_min, window.elapsed_min)
    left = whole - counted.bad - counted.unread
    if counted.lost <= left:
        return None
    return _silent(counted, left, silent) if silent else _lost(objective, counted, left, since)


def _unread(objective: Measured, counted: Tally, values: tuple[str, ...]) -> Message:
    unread, total = counted.unread, counted.total + counted.unread
    left = max(0, int(allowed(objective.target) * total) - counted.bad)
    if values:
        return msg(
            "{unread} of {total} requests cannot be judged ({values}), and only {left} more may be bad: correct the "
            "labels, bad_status or good_status in [slo.prometheus]",
            unread=unread,
            total=total,
            values=", ".join(values),
            left=left,
        )
    if not counts_requests(objective):
        return msg(
            "{unread} of {total} minutes may have been bad, for what could not be read of them; the error budget has "
            "{left} left",
            unread=unread,
            total=total,
            left=left,
        )
    if isinstance(objective, Latency):
        return msg(
            "{unread} of {total} requests have no duration or could not be read, and only {left} more may be slow",
            unread=unread,
            total=total,
            left=left,
        )
    return msg(
        "{unread} of {total} requests have no status or could not be read, and only {left} more may fail",
        unread=unread,
        total=total,
        left=left,
    )


def _silent(counted: Tally, left: Fraction, logs: tuple[str, ...]) -> Message:
    return msg(
        "{logs} had no requests while other logs did: at least {lost} requests usually come in the time that was not "
        "measured, and the error budget has {left} left. If a log is no longer written, remove it from the service "
        "file",
        logs=", ".join(logs),
        lost=counted.lost,
        left=max(0, int(left)),
    )


def _lost(objective: Measured, counted: Tally, left: Fraction, since: datetime | None) -> Message:
    minutes = counted.expected_min - counted.measured_min
    rest = max(0.0, round(float(left), 1))
    if counts_requests(objective) and since is not None:
        return msg(
            "{minutes} minutes were not measured, none before {since}; {lost} requests are usual in so long, and the "
            "error budget has {left} left. If the service started then, set [slo] since",
            minutes=minutes,
            since=moment(since),
            lost=counted.lost,
            left=int(rest),
        )
    if counts_requests(objective):
        return msg(
            "{minutes} minutes were not measured, in which {lost} requests are usual; the error budget has {left} left",
            minutes=minutes,
            lost=counted.lost,
            left=int(rest),
        )
    if since is not None:
        return msg(
            "{minutes} minutes were not measured, none before {since}; the error budget has {left} min left. If the "
            "service started then, set [slo] since",
            minutes=counted.lost,
            since=moment(since),
            left=rest,
        )
    return msg(
        "{minutes} minutes were not measured; the error budget has {left} min left",
        minutes=counted.lost,
        left=rest,
    )
