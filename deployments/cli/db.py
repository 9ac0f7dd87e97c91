"""`rounds db`: the history database."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.cli.command import BROKEN, ServiceOption, explained, fail, service_file
from deployments.terminal import say

app = typer.Typer(no_args_is_help=True, help="The history database.")


@app.command("upgrade")
def db_upgrade(service: ServiceOption = None) -> None:
    """Upgrade the history database to this version's schema; an SQLite file is copied first."""
    with explained():
        from tasks.history import migrate

        engine = _history(service)
        before = migrate.current(engine)
        copy = migrate.upgrade(engine, datetime.now(UTC)) if before != migrate.head() else None
        say(f"schema {before or 'none'} -> {migrate.current(engine)}" + (f", copy kept: {copy}" if copy else ""))


@app.command("status")
def db_status(service: ServiceOption = None) -> None:
    """Show the history database's address and schema. Exit status 3 if the schema is not this version's."""
    with explained():
        from tasks.history import migrate
        from tasks.history.engine import shown_url

        engine = _history(service)
        current = migrate.current(engine)
        say(shown_url(engine), f"schema {current or 'none'}, this version's is {migrate.head()}")
        if current != migrate.head():
            fail("run: rounds db upgrade", BROKEN)


@app.command("verify")
def db_verify(
    service: ServiceOption = None,
    anchor: Annotated[
        str | None, typer.Option(help="Chain hash from a mail or report page; fail unless the chain contains it.")
    ] = None,
) -> None:
    """Recompute the hash chain of every service and the hashes of its frozen months.

    Exit status 1 if a run or a month was changed, removed or added by hand, 3 if there is no run to verify.
    """
    with explained():
        from tasks.history.chain import verify_chains
        from tasks.history.engine import is_missing, reading, shown_url
        from tasks.history.migrate import require_current
        from tasks.history.opened import open_history_of
        from tasks.settings import load_settings
        from tasks.slo.store.months import month_problems

        settings = load_settings(service_file(service))
        engine = open_history_of(settings)
        if is_missing(engine):
            fail(f"there is no history database at {shown_url(engine)}: nothing was verified", BROKEN)
        require_current(engine)
        with reading(engine) as connection:
            verdicts = verify_chains(connection, anchor)
            months = month_problems(connection)
    name = settings.service.name
    if not any(verdict.service == name and verdict.length for verdict in verdicts):
        fail(f"{shown_url(engine)} has no run of {name}: nothing was verified", BROKEN)
    broken = False
    for verdict in verdicts:
        problems = (*verdict.problems, *months.get(verdict.service, ()))
        say(f"{verdict.service}: {verdict.length} runs, {'broken' if problems else 'intact'}, {verdict.chained}")
        for problem in problems:
            say(f"  {problem}")
        broken = broken or bool(problems)
    raise typer.Exit(1 if broken else 0)


def _history(service: Path | None) -> Any:
    from tasks.history.opened import open_history_of
    from tasks.settings import load_settings

    return open_history_of(load_settings(service_file(service)))
