"""`rounds findings`: what the security scans found, and what is done about it."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.command import BROKEN, ServiceOption, explained, service_file, warn
from deployments.cli.given import login
from deployments.terminal import say
from tasks.security.facts.scans import Kind, Rating
from tasks.security.findings.reasons import Scope, WaiverReason

if TYPE_CHECKING:
    from deployments.findings import Findings

app = typer.Typer(no_args_is_help=True, help="Findings of the security scans, and what is done about them.")
_TESTS_FAILED = 1
FindingArgument = Annotated[str, typer.Argument(help="Fingerprint, or its first eight or more characters.")]


class Format(StrEnum):
    """What findings are exported as."""

    SARIF = "sarif"
    CYCLONEDX = "cyclonedx"
    CSV = "csv"


@app.command("list")
def list_findings(
    service: ServiceOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Include fixed findings.")] = False,
    kind: Annotated[Kind | None, typer.Option(help="Only findings of this kind.")] = None,
    severity: Annotated[Rating | None, typer.Option(help="Only findings of this severity or a higher one.")] = None,
) -> None:
    """List the open findings, the most severe first.

    Exit status: 3 if something was not scanned completely, or if the waivers file cannot be used; then no finding is
    shown as waived.
    """
    with explained():
        from deployments.show_findings import show_findings

        found = _opened(service)
        show_findings(found.reviewed(everything=everything, kind=kind, severity=severity), found.by)
        _end_incomplete(found, found.unscanned)


@app.command("show")
def show(finding: FindingArgument, service: ServiceOption = None) -> None:
    """Show one finding: its details, its events, its waiver, and what fixes it.

    Exit status: 3 if the waivers file cannot be used; then the finding is not shown as waived.
    """
    with explained():
        from deployments.show_findings import show_finding

        found = _opened(service)
        one = found.named(finding)
        show_finding(one, found.events(one.known), found.by)
        _end_incomplete(found, [])


@app.command("waive")
def waive_finding(
    finding: FindingArgument,
    reason: Annotated[WaiverReason, typer.Option(help="Why it is not fixed now.")],
    expires: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day on which the waiver holds.")],
    owner: Annotated[str, typer.Option(help="Who answers for it; default: the login.", default_factory=login)],
    service: ServiceOption = None,
    scope: Annotated[
        Scope, typer.Option(help="This finding; or its package, advisory, or rule in its file.")
    ] = Scope.FINDING,
    note: Annotated[str, typer.Option(help="More about the reason.")] = "",
) -> None:
    """Pause the alerts of a finding: write a waiver into the waivers file. Its age goes on."""
    with explained():
        from tasks.security.findings.writing import Wish, record

        found = _opened(service)
        wish = Wish(finding, reason, owner, expires.date(), note, scope)
        say(f"{found.settings.waivers}: {record(found.settings.waivers, found.known, wish, found.today).words}")


@app.command("export")
def export(
    format: Annotated[Format, typer.Option("--format", help="Format of the export.")],
    output: Annotated[str, typer.Option(help="File to write, or - for stdout.")],
    service: ServiceOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Include fixed findings (SARIF and CSV).")] = False,
) -> None:
    """Write the findings as SARIF 2.1.0, CycloneDX 1.6 (with all packages of the lock files) or CSV.

    The file is written as a whole or not at all. Exit status: 3 if something was not scanned completely (the file says
    so, but for CSV), or if a lock file cannot be read (CycloneDX; nothing is written).
    """
    with explained():
        from deployments.findings import export_text
        from deployments.write_output import write_output

        found = _opened(service)
        text, warnings = export_text(found, format.value, everything=everything)
        for warning in warnings:
            warn(warning)
        write_output(output, text)
        _end_incomplete(found, found.unscanned)


@app.command("fix")
def fix(
    service: ServiceOption = None,
    patch: Annotated[str, typer.Option(help="File for the patch, or - for stdout; default: no patch.")] = "",
    no_test: Annotated[bool, typer.Option("--no-test", help="Do not run [security] test.")] = False,
) -> None:
    """List the upgrades that fix vulnerable packages; write them as a patch, and test a patched copy of the tree.

    The tree itself is not changed. Exit status: 1 if the tests fail with the patch, 3 if they could not be run, or if
    something was not scanned completely.
    """
    with explained():
        from deployments.fix_findings import make_fix_of, try_fix_of
        from deployments.show_updates import show_fix, show_trial
        from deployments.write_output import write_output
        from tasks.security.fix.trial import TrialEnd

        found = _opened(service)
        made = make_fix_of(found.settings, found.known)
        show_fix(made, err=patch == "-")
        if patch and not made.changed:
            warn("no patch: no file can be changed by one")
        elif patch:
            write_output(patch, made.patch)
            trial = None if no_test else try_fix_of(found.settings, made)
            if trial is None:
                warn("not tested: --no-test" if no_test else "not tested: [security] test is not set")
            elif (ended := show_trial(trial)) is not TrialEnd.PASSED:
                raise typer.Exit(BROKEN if ended is TrialEnd.NOT_RUN else _TESTS_FAILED)
        _end_incomplete(found, found.unscanned)


def _opened(service: Path | None) -> "Findings":
    from deployments.findings import open_findings
    from tasks.history.opened import history_of
    from tasks.settings import load_settings

    settings = load_settings(service_file(service))
    return open_findings(settings, history_of(settings), datetime.now(UTC))


def _end_incomplete(found: "Findings", unscanned: list[str]) -> None:
    """Say what may be missing, with an exit status for it."""
    for gap in unscanned:
        warn(f"not scanned completely: {gap}")
    if found.rejected:
        warn(found.rejected)
    if unscanned or found.rejected:
        raise typer.Exit(BROKEN)
