"""The `rounds` command. Heavy imports stand inside the commands, so that `rounds --help` is quick."""

import typer

from deployments.cli import (
    alerts,
    backup,
    config,
    db,
    errors,
    findings,
    incident,
    init,
    oncall,
    record,
    report,
    run,
    serve,
    silence,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it prints local variables, secrets among them
    help="The operations guide, executed.",
)
for commands in (run, init, serve):
    app.add_typer(commands.app)
for group in (config, db, report, backup, errors, findings, record, incident, alerts, oncall, silence):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2])

if __name__ == "__main__":
    app()
