"""`rounds report`: the archive of reports."""

import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.cli.command import ServiceOption, explained, service_file
from deployments.terminal import say

app = typer.Typer(no_args_is_help=True, help="The archive of reports.")


@app.command("list")
def report_list(
    service: ServiceOption = None, most: Annotated[int, typer.Option(help="How many to list.")] = 20
) -> None:
    """List the newest reports of a service."""
    with explained():
        for stored, folder in _stored_reports(service, most):
            mark = "" if folder.exists() else "  (not in the archive: run `rounds report rebuild`)"
            say(f"{stored.flow}  {stored.period}  r{stored.revision}  {stored.verdict}  {folder}{mark}")


@app.command("open")
def report_open(service: ServiceOption = None) -> None:
    """Open the newest report in the browser."""
    with explained():
        for _, folder in _stored_reports(service, 1):
            page = folder / "report.html"
            say(str(page))
            webbrowser.open(page.as_uri())


@app.command("rebuild")
def report_rebuild(service: ServiceOption = None) -> None:
    """Write every report that is in the history but not in the archive."""
    with explained():
        from flows.messages import archive_missing, readable
        from tasks.history.opened import history_of
        from tasks.history.runs import read_runs
        from tasks.settings import load_settings

        settings = load_settings(service_file(service))
        runs = read_runs(history_of(settings), settings.service.name, most=100_000)
        for folder in archive_missing(settings, readable(reversed(runs))):
            say(f"written {folder}")


def _stored_reports(service: Path | None, most: int) -> list[tuple[Any, Path]]:
    from flows.messages import parse_report
    from reports.archive import folder_of
    from tasks.history.opened import history_of
    from tasks.history.runs import read_runs
    from tasks.settings import load_settings

    settings = load_settings(service_file(service))
    runs = read_runs(history_of(settings), settings.service.name, most=most)
    return [(stored, folder_of(parse_report(stored)[0], settings.output)) for stored in runs]
