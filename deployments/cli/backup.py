"""`rounds backup`: takes backups, writes manifests for the team's own, and lists what is there."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.command import BROKEN, ServiceOption, explained, service_file, warn
from deployments.terminal import say

if TYPE_CHECKING:
    from tasks.backups.settings import Backups
    from tasks.backups.targets import Target
    from tasks.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Backups of the history and of the service's databases.")


@app.command("take")
def take_backups(
    names: Annotated[
        list[str] | None, typer.Argument(help="Databases; default: all that have `pattern` and `live`.")
    ] = None,
    service: ServiceOption = None,
) -> None:
    """Back up databases to their `pattern`, each with a manifest.

    Exit status: 0 all taken, 2 usage or configuration (none taken), 3 at least one not taken.
    """
    with explained():
        from deployments.progress import working
        from tasks.backups.files.manifest import files_of
        from tasks.backups.take.destination import destination
        from tasks.backups.take.take import take
        from tasks.observation import ObservationError, printable

        settings, backups = _settings(service)
        chosen = _chosen(settings, names or [])
        for target in chosen:  # refused before the first backup is taken
            destination(target, datetime.now(UTC))
        programs = [settings.path.parent / folder for folder in backups.postgres]
        failed = False
        for target in chosen:
            began = time.monotonic()
            try:
                with working(f"backup of {target.name}"):
                    path = take(target, datetime.now(UTC), programs, backups.deadline_min * 60)
            except ObservationError as error:
                warn(f"{target.name}: no backup was taken: {error}")
                failed = True
                continue
            size = sum(part.stat().st_size for part in files_of(path))
            say(f"{printable(str(path))}  {size} bytes  {time.monotonic() - began:.1f} s")
    raise typer.Exit(BROKEN if failed else 0)


@app.command("manifest")
def write_manifest(
    file: Annotated[Path, typer.Argument(help="Backup: a file, or a folder of pg_dump -Fd or pg_basebackup.")],
    database: Annotated[str, typer.Option("--database", help="Database in the service file that it is a backup of.")],
    service: ServiceOption = None,
    started: Annotated[str, typer.Option(help="Start of the backup; default: its last modification.")] = "",
    no_counts: Annotated[bool, typer.Option("--no-counts", help="Do not read the live database.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite an existing manifest.")] = False,
) -> None:
    """Write FILE.manifest.json for a backup of your own: hashes, and schema and row counts of the database."""
    with explained():
        from deployments.progress import working
        from tasks.backups.reasons import LATE
        from tasks.backups.take.describe import describe
        from tasks.deadline import Deadline
        from tasks.observation import ObservationError, printable
        from tasks.records.rules import RecordRefused
        from tasks.records.words import parse_time

        settings, backups = _settings(service)
        [target] = _chosen(settings, [database])
        try:
            started_at = parse_time(started, settings.zone) if started.strip() else None
        except RecordRefused as error:
            raise RecordRefused(f"--started: {error}") from None
        if target.live is None and not no_counts:
            warn(f"{target.name}: live is not set, so only the files are recorded")
        try:
            with working(f"manifest of {printable(file.name, 120)}"):
                path = describe(
                    target, file, started_at, datetime.now(UTC), Deadline.after(backups.deadline_min * 60, LATE),
                    exact_rows=None if no_counts else backups.exact_rows, replace=replace,
                )  # fmt: skip
        except ObservationError as error:
            warn(f"{target.name}: no manifest was written: {error}")
            raise typer.Exit(BROKEN) from None
        say(printable(str(path)))


@app.command("list")
def list_backups(service: ServiceOption = None) -> None:
    """List the backups of every database, the newest first."""
    with explained():
        from deployments.show_backups import show_backups

        settings, _ = _settings(service)
        show_backups(settings)


def _settings(service: Path | None) -> "tuple[Settings, Backups]":
    from tasks.configuration import ConfigurationError
    from tasks.settings import load_settings

    settings = load_settings(service_file(service))
    if settings.backups is None:
        text = "backups: [backups] is missing; add it (it may be empty)"
        raise ConfigurationError(settings.path, [text])
    return settings, settings.backups


def _chosen(settings: "Settings", names: list[str]) -> "list[Target]":
    """The databases named, in the order of the service file; all that can be backed up if none is."""
    from tasks.backups.databases import targets_of
    from tasks.backups.errors import BackupRefused
    from tasks.backups.take.destination import left_out
    from tasks.observation import printable

    targets = targets_of(settings)
    if unknown := [name for name in names if name not in {target.name for target in targets}]:
        known = ", ".join(target.name for target in targets) or "none"
        raise BackupRefused(f"no database is named {printable(unknown[0], 80)!r}; there are: {known}")
    if names:
        return [target for target in targets if target.name in names]
    for target in targets:
        if why := left_out(target):
            warn(f"{target.name}: left out: {why}")
    chosen = [target for target in targets if not left_out(target)]
    if not chosen:
        raise BackupRefused("there is no database to back up: one needs pattern and live")
    return chosen
