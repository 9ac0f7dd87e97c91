"""`rounds init`: writes the service file of a running service."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.command import Lang, explained, quiet
from deployments.cli.run import run_round
from deployments.terminal import say

app = typer.Typer()


@app.command()
def init(
    url: Annotated[str, typer.Argument(help="Address of the service, http:// or https://.")],
    log: Annotated[list[str] | None, typer.Option("--log", help="Log file or glob pattern; repeatable.")] = None,
    log_command: Annotated[
        str | None, typer.Option(help="Command that prints the log since {since}, such as kubectl or ssh.")
    ] = None,
    prometheus: Annotated[str | None, typer.Option(help="Address of the Prometheus that scrapes the service.")] = None,
    database: Annotated[
        str | None, typer.Option(help="postgresql://… address, or the NAME of an environment variable that holds it.")
    ] = None,
    guide: Annotated[Path | None, typer.Option(help="Operations guide in Markdown, for its daily checklist.")] = None,
    source: Annotated[Path | None, typer.Option(help="Folder of the source tree, for the security scan.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the service; default: from its address.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA time zone; default: this machine's.")] = None,
    output: Annotated[Path, typer.Option(help="Service file to write.")] = Path("service.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    lang: Annotated[
        Lang | None,
        typer.Option(help="Language printed, and main one of the reports; default: the terminal's."),
    ] = None,
    no_run: Annotated[bool, typer.Option("--no-run", help="Skip the first run.")] = False,
) -> None:
    """Examine a service, write its service file, and run a first daily checklist.

    Exit status: that of the run; 2 usage, 3 if the service does not answer (then nothing is written).
    """
    with explained():
        quiet()
        from deployments.init.command import Given, write_service_file
        from deployments.language import terminal_language
        from reports.words import LOCALES

        given = Given(
            url,
            output,
            tuple(log or ()),
            log_command,
            prometheus,
            database,
            guide,
            source,
            name,
            timezone,
            force=force,
            language=terminal_language(lang, LOCALES, os.environ),
        )
        written = write_service_file(given, datetime.now(UTC), say)
    try:
        if not no_run:
            raise typer.Exit(run_round("daily-checklist", output, {}, lang=lang))
    finally:  # the run ends with its exit status
        say(written.words.tr("To do in {file}:", file=str(output)))
        for number, edit in enumerate(written.edits, 1):
            say(f"  {number}. {edit}")
