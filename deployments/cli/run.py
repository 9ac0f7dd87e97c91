"""`rounds run`: one checklist or report, now."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand

from deployments.cli.command import (
    USAGE,
    FullOption,
    Lang,
    LangOption,
    ServiceOption,
    explained,
    fail,
    impatient,
    quiet,
    service_file,
    warn,
)

app = typer.Typer()


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


@app.command(cls=RunCommand, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    flow: Annotated[str, typer.Argument(metavar="FLOW")],
    service: ServiceOption = None,
    period: Annotated[
        str | None,
        typer.Option(
            "--for",
            help="Day (2026-11-24), week (2026-W48) or month (2026-11); default: today, last full week or month.",
        ),
    ] = None,
    mail: Annotated[
        bool, typer.Option("--mail", help="Send mail even if nothing changed since the last revision.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout, everything else on stderr.")] = False,
    lang: LangOption = None,
    full: FullOption = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show Prefect's log.")] = False,
) -> None:
    """Run one checklist or report now.

    Exit status: 0 passed or attention, 1 checks failed, 2 usage or configuration, 3 incomplete or broken.
    """
    given = _flow_options(context.args) | ({} if period is None else {"for": period})
    raise typer.Exit(run_round(flow, service, given, mail=mail, as_json=as_json, lang=lang, full=full, verbose=verbose))


def _flow_options(words: list[str]) -> dict[str, str]:
    """Options of one flow, as they were typed: `--depth files`, `--depth=files`, or `--rescan` without a value: ""."""
    given, left = {}, list(words)
    while left:
        name, equals, value = left.pop(0).partition("=")
        if not name.startswith("--"):
            fail(f"{name!r} is neither a flow nor an option: see `rounds run --help`", USAGE)
        if not equals and left and not left[0].startswith("--"):
            value = left.pop(0)
        given[name.removeprefix("--")] = value
    return given


def run_round(
    flow: str,
    service: Path | None,
    given: dict[str, str],
    *,
    mail: bool = False,
    as_json: bool = False,
    lang: Lang | None = None,
    full: bool = False,
    verbose: bool = False,
) -> int:
    """Run a checklist, show its report and return the exit status."""
    with explained():
        impatient()
        if not verbose:
            quiet()  # before the catalogue brings Prefect
        from deployments.prefect_server import usable_server
        from deployments.progress import working
        from deployments.run import of_server, run_now
        from deployments.show_result import show_result
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
    show_result(result, settings, lang, full=full, as_json=as_json)
    return result.exit_status
