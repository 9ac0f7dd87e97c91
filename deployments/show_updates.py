"""Upgrades of vulnerable packages on the terminal, and how the tests of a patched copy ended."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from deployments.screen import Screen
from tasks.outside import external_text
from tasks.security.fix.patch import ByCommand, Fix
from tasks.security.fix.trial import Trial, TrialEnd
from tasks.security.fix.updates import Update


def show_fix(fix: Fix, *, err: bool) -> None:
    """What the patch upgrades, what is left to commands, and what has no fix; on stderr where stdout is the patch."""
    out = Screen(stderr=err)
    if not (fix.patched or fix.by_command or fix.unfixed):
        out.print(Text("no open finding of a package"))
    columns = ("Package", "Version", "Upgrade to", "Severity", "File", "Advisories")
    _show(out, "By the patch", columns, map(_upgrade, fix.patched))
    _show(out, "By command", ("Package", "Upgrade to", "Command", "Why"), map(_command, fix.by_command))
    unfixed = [u for u in (*fix.patched, *(one.update for one in fix.by_command), *fix.unfixed) if u.stays]
    _show(out, "No fix is published", ("Package", "Version", "Severity", "File", "Findings"), map(_stays, unfixed))


def show_trial(trial: Trial) -> TrialEnd:
    """How the tests ended, with their last lines unless they passed; on stderr."""
    err = Screen(stderr=True)
    err.print(Text(f"{trial.end}: {trial.reason.text.format(**trial.reason.params)}"))
    for line in trial.last_lines if trial.end != "passed" else ():
        err.print(Text(f"  {line}"))
    return trial.end


def _show(out: Screen, title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table = Table(title=title, title_justify="left", box=None)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(external_text(cell)) for cell in row))
    if table.row_count:
        out.print(table)


def _upgrade(update: Update) -> tuple[str, ...]:
    advisories = " ".join(update.advisories)
    return update.package, update.version, update.to or "-", update.rating, update.path, advisories


def _command(one: ByCommand) -> tuple[str, ...]:
    return one.update.package, one.update.to or "-", one.command, one.reason.text.format(**one.reason.params)


def _stays(update: Update) -> tuple[str, ...]:
    findings = " ".join(fingerprint[:8] for fingerprint in update.stays)
    return update.package, update.version, update.rating, update.path, findings
