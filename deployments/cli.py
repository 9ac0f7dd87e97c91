"""The `rounds` command. Heavy imports stand inside the commands, so that `rounds --help` is quick."""

import os
import webbrowser
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand

from deployments import cli_backup, cli_errors, cli_record
from deployments.command import BROKEN, USAGE, ServiceOption, explained, fail, service_file, warn

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it prints local variables, secrets among them
    help="The operations guide, executed.",
)
config_app = typer.Typer(no_args_is_help=True, help="Service files.")
db_app = typer.Typer(no_args_is_help=True, help="The history database.")
report_app = typer.Typer(no_args_is_help=True, help="The archive of reports.")
app.add_typer(config_app, name="config")
app.add_typer(db_app, name="db")
app.add_typer(report_app, name="report")
app.add_typer(cli_backup.app, name="backup")
app.add_typer(cli_errors.app, name="errors")
app.add_typer(cli_record.app, name="record")


class Lang(StrEnum):
    """The languages of reports."""

    JA = "ja"
    EN = "en"


class RunCommand(TyperCommand):
    """Names the flows and their options only when its help is asked for: the catalogue costs a second of imports."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Fill in what the catalogue of flows knows."""
        from flows.catalogue import CHECKLISTS

        [flow] = (parameter for parameter in self.params if isinstance(parameter, TyperArgument))
        flow.help = f"One of {', '.join(CHECKLISTS)}."
        own = {name: ", ".join(f"--{option}" for option in c.form.own()) for name, c in CHECKLISTS.items()}
        self.epilog = "  ".join(f"{name} also takes {options}." for name, options in own.items() if options)
        super().format_help(ctx, formatter)


LangOption = Annotated[Lang | None, typer.Option(help="Language; default: the service file's first one.")]
_DEMO_OUTPUT = Path("reports/output")
ServicesOption = Annotated[
    Path | None, typer.Option(help="Folder of service files, or one file; default: OPSROUNDS_SERVICES, else services/.")
]


@app.command(cls=RunCommand, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    flow: Annotated[str, typer.Argument(metavar="FLOW")],
    service: ServiceOption = None,
    period: Annotated[
        str | None,
        typer.Option(
            "--for",
            help="Day (2026-11-24), week (2026-W48) or month (2026-11); default: today, the last whole week or month.",
        ),
    ] = None,
    mail: Annotated[bool, typer.Option("--mail", help="Mail even if a rerun says nothing new.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON, and nothing else there.")] = False,
    lang: LangOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show Prefect's log.")] = False,
) -> None:
    """Hold one round now. Exit status: 0 passed or attention, 1 checks failed, 2 usage, 3 incomplete or broken."""
    given = _flow_options(context.args) | ({} if period is None else {"for": period})
    raise typer.Exit(_run(flow, service, given, mail=mail, as_json=as_json, lang=lang, verbose=verbose))


def _flow_options(words: list[str]) -> dict[str, str]:
    """Options that belong to one flow, as they were written: `--depth files` or `--depth=files`."""
    given, left = {}, iter(words)
    for word in left:
        name, equals, value = word.partition("=")
        if not name.startswith("--"):
            fail(f"{word!r} is neither a flow nor an option; see: rounds run --help", USAGE)
        if not equals and (value := next(left, "")) == "":
            fail(f"{name} needs a value", USAGE)
        given[name.removeprefix("--")] = value
    return given


def _run(
    flow: str,
    service: Path | None,
    given: dict[str, str],
    *,
    mail: bool = False,
    as_json: bool = False,
    lang: Lang | None = None,
    verbose: bool = False,
) -> int:
    """Hold a round and show it; gives its exit status."""
    with explained():
        if not verbose:
            _quiet()  # before the catalogue brings Prefect
        from deployments.prefect_server import usable_server
        from deployments.progress import working
        from deployments.run import of_server, run_now
        from flows.catalogue import checklist_of
        from flows.options import options_of
        from tasks.settings import load_settings, use_services

        file = service_file(service)
        settings = load_settings(file)
        checklist = checklist_of(flow)
        options = options_of(checklist.form, given, datetime.now(UTC), settings.zone, mail=mail)
        use_services(file)
        with working("Prefect server") as done, usable_server() as variables, of_server(variables):
            done()
            with working(f"{flow} / {settings.service.name}"):
                result = run_now(checklist, settings, options, warn)
    _show(result, settings, lang, as_json)
    return result.exit_status


@app.command()
def init(
    url: Annotated[str, typer.Argument(help="Address of the service, http:// or https://.")],
    log: Annotated[list[str] | None, typer.Option("--log", help="Log file or glob pattern, repeatable.")] = None,
    log_command: Annotated[
        str | None, typer.Option(help="Command that prints the log from {since} on, such as kubectl or ssh.")
    ] = None,
    prometheus: Annotated[str | None, typer.Option(help="Address of a Prometheus that knows the service.")] = None,
    database: Annotated[
        str | None, typer.Option(help="PostgreSQL: postgresql://… or the NAME of an environment variable with it.")
    ] = None,
    guide: Annotated[Path | None, typer.Option(help="Operations guide in Markdown: its daily checklist.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the service; default: from its address.")] = None,
    timezone: Annotated[str | None, typer.Option(help="IANA time zone; default: this machine's.")] = None,
    output: Annotated[Path, typer.Option(help="The service file to write.")] = Path("service.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    no_run: Annotated[bool, typer.Option("--no-run", help="Hold no first daily round.")] = False,
) -> None:
    """Look at a service, write its service file, and hold a first daily round. Exit status: that of the round."""
    with explained():
        _quiet()
        from deployments.init.command import Given, look_and_write

        given = Given(
            url, output, tuple(log or ()), log_command, prometheus, database, guide, name, timezone, force=force
        )
        written = look_and_write(given, datetime.now(UTC), typer.echo)
    try:
        if not no_run:
            raise typer.Exit(_run("daily-checklist", output, {}))
    finally:  # the round ends with its exit status
        typer.echo(f"To do in {output}:")
        for number, edit in enumerate(written.edits, 1):
            typer.echo(f"  {number}. {edit}")


@app.command()
def up(
    services: ServicesOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Prefect server and UI; default 4200, or a free one.")] = None,
    archive_port: Annotated[int | None, typer.Option(help="Archive of reports; default 4280, or a free one.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Operate the demo service, started here too.")] = False,
) -> None:
    """Prefect server, UI, scheduled rounds and the archive on this machine, until Ctrl-C or SIGTERM."""
    with explained():
        from deployments.up import UpOptions, stop_on_signals
        from deployments.up import up as run_until_stopped
        from tasks.settings import services_folder

        stop = stop_on_signals()
        if demo:
            from deployments.demo.lively import demo_with_traffic

            with demo_with_traffic(Path(".demo"), _DEMO_OUTPUT) as file:
                run_until_stopped(UpOptions(file, host, port, archive_port), typer.echo, stop)
        else:
            run_until_stopped(UpOptions(services or services_folder(), host, port, archive_port), typer.echo, stop)


@app.command()
def register(
    work_pool: Annotated[str, typer.Option(help="A work pool that exists on the server.")],
    services: ServicesOption = None,
    worker_services: Annotated[
        Path | None, typer.Option(help="The same folder as the workers see it; default: the same path.")
    ] = None,
) -> None:
    """Put the deployments on the Prefect server of PREFECT_API_URL, for workers of a work pool."""
    with explained():
        from deployments.prefect_server import usable_server
        from tasks.settings import find_services, services_folder

        if "PREFECT_API_URL" not in os.environ:
            fail("register needs PREFECT_API_URL, the address of the Prefect server", USAGE)
        place = services or services_folder()
        found = find_services(place)
        with usable_server():
            from deployments.register import register_deployments

            for name in register_deployments(found, work_pool, (worker_services or place).absolute()):
                typer.echo(f"registered {name}")


@app.command()
def demo(
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Fault to plant, repeatable; `none` for none.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path(".demo"),
    lang: LangOption = None,
) -> None:
    """The whole product on embedded defaults. Exit status 0 only if exactly the planted faults were found."""
    with explained():
        _quiet()
        from deployments.demo.faults import DEFAULT_FAULTS, Fault

        names = fault if fault is not None else [f.value for f in DEFAULT_FAULTS]
        unknown = sorted(set(names) - {f.value for f in Fault} - {"none"})
        if unknown or ("none" in names and len(names) > 1):
            fail(f"--fault takes {', '.join(f.value for f in Fault)}, or none alone; not {', '.join(names)}", USAGE)
        from deployments.demo.run import run_demo

        exact = run_demo(folder, _DEMO_OUTPUT, frozenset(Fault(name) for name in names if name != "none"), lang)
    raise typer.Exit(0 if exact else 1)


@config_app.command("check")
def config_check(
    file: Annotated[Path, typer.Argument(help="Service file.")],
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask Prometheus for its buckets.")] = False,
) -> None:
    """Print the resolved configuration with secrets masked, or every error with its key.

    Exit status 3 if Prometheus could not be asked whether a bucket ends at each latency limit.
    """
    with explained():
        import asyncio
        import json

        from tasks.configuration import ConfigurationError
        from tasks.observation import ObservationError
        from tasks.secrets import check_secrets
        from tasks.settings import load_settings

        settings = load_settings(file)
        unchecked = ""
        problems = list(check_secrets(settings))
        if not offline and not problems:
            _quiet()
            from tasks.slo.look import objectives_of
            from tasks.slo.sli.buckets import bucket_problems

            try:
                problems += asyncio.run(bucket_problems(settings, objectives_of(settings)))
            except ObservationError as error:
                unchecked = f"the buckets of latency objectives were not checked: {error}"
        if problems:
            raise ConfigurationError(settings.path, problems)
        typer.echo(json.dumps(settings.model_dump(mode="json"), ensure_ascii=False, indent=2))
        if unchecked:
            fail(unchecked, BROKEN)


@db_app.command("upgrade")
def db_upgrade(service: ServiceOption = None) -> None:
    """Bring the history database to this version's schema; a copy of an SQLite file is kept first."""
    with explained():
        from tasks.history import migrate

        engine = _history(service)
        before = migrate.current(engine)
        copy = migrate.upgrade(engine, datetime.now(UTC)) if before != migrate.head() else None
        typer.echo(f"schema {before or 'none'} -> {migrate.current(engine)}" + (f", copy kept: {copy}" if copy else ""))


@db_app.command("status")
def db_status(service: ServiceOption = None) -> None:
    """Say where the history database is and which schema it has. Exit status 3 if it is not this version's."""
    with explained():
        from tasks.history import migrate
        from tasks.history.engine import shown_url

        engine = _history(service)
        current = migrate.current(engine)
        typer.echo(f"{shown_url(engine)}\nschema {current or 'none'}, this version's is {migrate.head()}")
        if current != migrate.head():
            fail("run: rounds db upgrade", BROKEN)


@db_app.command("verify")
def db_verify(
    service: ServiceOption = None,
    anchor: Annotated[str | None, typer.Option(help="The hash printed in a mail or page: it must be there.")] = None,
) -> None:
    """Recompute the hash chain of every service, and the hashes of its frozen months.

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
        fail(f"{shown_url(engine)} holds no run of {name}: nothing of it was verified", BROKEN)
    broken = False
    for verdict in verdicts:
        problems = (*verdict.problems, *months.get(verdict.service, ()))
        typer.echo(f"{verdict.service}: {verdict.length} runs, {'broken' if problems else 'whole'}, {verdict.chained}")
        for problem in problems:
            typer.echo(f"  {problem}")
        broken = broken or bool(problems)
    raise typer.Exit(1 if broken else 0)


@report_app.command("list")
def report_list(service: ServiceOption = None, most: Annotated[int, typer.Option(help="How many.")] = 20) -> None:
    """The newest reports of a service."""
    with explained():
        for stored, folder in _stored_reports(service, most):
            mark = "" if folder.exists() else "  (not in the archive: rounds report rebuild)"
            typer.echo(f"{stored.flow}  {stored.period}  r{stored.revision}  {stored.verdict}  {folder}{mark}")


@report_app.command("open")
def report_open(service: ServiceOption = None) -> None:
    """Open the newest report in the browser."""
    with explained():
        for _, folder in _stored_reports(service, 1):
            page = folder / "report.html"
            typer.echo(str(page))
            webbrowser.open(page.as_uri())


@report_app.command("rebuild")
def report_rebuild(service: ServiceOption = None) -> None:
    """Write every report again that is in the history but not in the archive."""
    with explained():
        from flows.messages import archive_missing
        from flows.rounds import readable
        from tasks.history.opened import history_of
        from tasks.history.runs import read_runs
        from tasks.settings import load_settings

        settings = load_settings(service_file(service))
        runs = read_runs(history_of(settings), settings.service.name, most=100_000)
        for folder in archive_missing(settings, readable(reversed(runs))):
            typer.echo(f"written {folder}")


def _quiet() -> None:
    """Keep Prefect's log off the terminal; it is on the server."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")


def _stored_reports(service: Path | None, most: int) -> list[tuple[Any, Path]]:
    from flows.rounds import parse_report
    from reports.archive import folder_of
    from tasks.history.opened import history_of
    from tasks.history.runs import read_runs
    from tasks.settings import load_settings

    settings = load_settings(service_file(service))
    runs = read_runs(history_of(settings), settings.service.name, most=most)
    return [(stored, folder_of(parse_report(stored)[0], settings.output)) for stored in runs]


def _history(service: Path | None) -> Any:
    from tasks.history.opened import open_history_of
    from tasks.settings import load_settings

    return open_history_of(load_settings(service_file(service)))


def _show(result: Any, settings: Any, lang: str | None, as_json: bool) -> None:
    from deployments.progress import show_result

    show_result(result, settings, lang, as_json)


if __name__ == "__main__":
    app()
