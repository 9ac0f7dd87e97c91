"""What rules would have fired, on the terminal. What comes from outside is shown as text, never as markup."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from deployments.screen import Screen
from deployments.terminal import counted
from tasks.alerts.judge.account import RuleAccount
from tasks.alerts.replay import Replayed
from tasks.observation import printable

out = Screen()
_COLUMNS = ("Check", "Sample", "Subjects", "Fired 1/2/3", "Messages 1/2/3", "Escalated", "Open", "Longest", "Note")
_MOST_NAMED = 3
_HOUR, _DAY = 60, 24 * 60


def show_replay(found: Replayed, zone: ZoneInfo) -> None:
    """The rules that fired, what pages most first; then those that did not or had nothing to judge, and the totals."""
    shown = sorted((rule for rule in found.rules if not rule.quiet), key=_by_pages)
    if shown:
        table = Table(box=None)
        for name in _COLUMNS:
            table.add_column(name, overflow="fold")
        for rule in shown:
            table.add_row(*(Text(printable(cell)) for cell in _cells(rule)))
        out.print(table)
    quiet = [rule for rule in found.rules if rule.quiet and rule.series]
    if quiet:
        out.print(Text(f"Would not have fired: {_named(quiet)}"))
    unknown = [rule for rule in found.rules if not rule.series]
    if unknown:
        out.print(Text(f"Unknown, no samples: {_named(unknown)}"))
    if found.gaps:
        out.print(Text(f"Without samples, nothing judged: {_gaps(found.gaps, zone)}"))
    out.print(Text("Not replayed: burn rates, checklists, Prometheus' alerts, acknowledgements"))
    out.print(Text(totals(found)))


def totals(found: Replayed) -> str:
    """One line of all rules."""
    levels = [sum(rule.messages[level] for rule in found.rules) for level in (1, 2, 3)]
    again = sum(rule.escalated + rule.repeated for rule in found.rules)
    parts = [f"{_days(found)}: {counted(sum(levels), 'message')}, {levels[2]} of level 3"]
    if again:
        parts.append(f"{again} of them because nobody acknowledges in a replay")
    if ended := sum(rule.ended for rule in found.rules):
        parts.append(f"{ended} more about alerts that ended")
    if suppressed := sum(rule.suppressed for rule in found.rules):
        parts.append(f"{counted(suppressed, 'alert')} suppressed")
    return "; ".join([", ".join(parts), f"{_lasted(found.gap_minutes)} without samples"])


def _by_pages(rule: RuleAccount) -> tuple[int, int, int, str]:
    messages = rule.messages
    return -messages[3] - messages[2], -sum(messages.values()), -rule.open_min, rule.check


def _cells(rule: RuleAccount) -> Sequence[str]:
    return (
        rule.check,
        rule.sample,
        _first(sorted(rule.subjects, key=lambda subject: -rule.subjects[subject])),
        "/".join(str(number) for number in rule.fired.values()),
        "/".join(str(number) for number in rule.messages.values()),
        str(rule.escalated),
        _lasted(rule.open_min),
        _lasted(rule.longest_min),
        _note(rule),
    )


def _note(rule: RuleAccount) -> str:
    marks = (
        (rule.repeated, f"repeated {rule.repeated} times"),
        (rule.flapping, f"flapping {rule.flapping} times"),
        (rule.no_data, f"no data {rule.no_data} times"),
        (rule.suppressed, f"suppressed {rule.suppressed} times"),
        (rule.suppressed_min, f"suppressed for {_lasted(rule.suppressed_min)}"),
    )
    return "; ".join(text for number, text in marks if number) or "-"


def _named(rules: Iterable[RuleAccount]) -> str:
    return ", ".join(dict.fromkeys(f"{rule.check} ({rule.sample})" for rule in rules))


def _first(names: Sequence[str]) -> str:
    more = f", {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _gaps(gaps: Sequence[tuple[datetime, datetime]], zone: ZoneInfo) -> str:
    longest = sorted(gaps, key=lambda gap: gap[0] - gap[1])[:_MOST_NAMED]
    named = [f"{a.astimezone(zone):%m-%d %H:%M} to {b.astimezone(zone):%m-%d %H:%M}" for a, b in sorted(longest)]
    more = f", {len(gaps) - _MOST_NAMED} shorter ones" if len(gaps) > _MOST_NAMED else ""
    return f"{', '.join(named)} {zone.key}{more}"


def _days(found: Replayed) -> str:
    return counted(round((found.end - found.first).total_seconds() / 60 / _DAY), "day")


def _lasted(minutes: int) -> str:
    if minutes < _HOUR:
        return f"{minutes} min"
    return f"{minutes // _HOUR} h" if minutes % _HOUR == 0 else f"{minutes / _HOUR:.1f} h"
