"""Errors on the terminal. What comes from a log is shown as text, never as markup."""

from datetime import datetime
from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from deployments.screen import Screen
from deployments.terminal import counted
from tasks.logs.facts import LogReview
from tasks.logs.judge.states import ErrorState, error_state
from tasks.logs.limits import LogLimits
from tasks.logs.store.triage import KnownError
from tasks.observation import printable

SHORT = 8
_MOST_CHARS = 1000
out = Screen()


def show_errors(review: LogReview, limits: LogLimits, zone: ZoneInfo, *, everything: bool) -> None:
    """The errors of a period, the most frequent first."""
    left_out = {ErrorState.GONE} if everything else {ErrorState.GONE, ErrorState.IGNORED}
    with_state = [(group, error_state(group, review, limits)) for group in review.errors]
    listed = sorted(((g, s) for g, s in with_state if s not in left_out), key=lambda pair: -pair[0].lines)
    table = Table(
        title=f"{counted(len(listed), 'error')} since {_when(review.since, zone)}", title_justify="left", box=None
    )
    for name in ("Fingerprint", "State", "Lines", "Module", "Last seen", "Assigned to", "Error"):
        table.add_column(name, justify="right" if name == "Lines" else "left", overflow="fold")
    for group, state in listed:
        title = f"{group.name}: {group.message}" if group.name else group.message
        last = _when(group.last_seen, zone)
        cells = (group.fingerprint[:SHORT], state, str(group.lines), group.module, last, group.assignee or "-", title)
        table.add_row(*(Text(printable(cell, _MOST_CHARS)) for cell in cells))
    out.print(table)


def show_error(known: KnownError, zone: ZoneInfo) -> None:
    """Everything known about one error."""
    table = Table(show_header=False, box=None)
    state = f"{known.state} in {known.resolved_release}" if known.resolved_release else known.state
    for name, value in (
        ("Fingerprint", known.fingerprint),
        ("State", state),
        ("Assigned to", known.assignee or "-"),
        ("Module", known.module),
        ("Name", known.name or "-"),
        ("Message", known.message),
        ("Location", known.frame or "-"),
        ("First seen", f"{_when(known.first_seen, zone)} {known.first_release}"),
        ("Last seen", f"{_when(known.last_seen, zone)} {known.last_release}"),
        ("Example line", f"{known.exemplar.level} {known.exemplar.request} {known.exemplar.request_id}"),
        ("", known.exemplar.message),
        ("Stack", known.exemplar.stack or "-"),
    ):
        shown = value.strip() if name == "Stack" else printable(value.strip(), _MOST_CHARS)
        table.add_row(Text(name, style="bold"), Text(shown))
    for decided in known.decisions:
        text = f"{_when(decided.at, zone)} {decided.by}: {decided.action} {decided.detail}"
        table.add_row(Text("Decided", style="bold"), Text(printable(text.strip(), _MOST_CHARS)))
    out.print(table)


def _when(at: datetime | None, zone: ZoneInfo) -> str:
    return "-" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
