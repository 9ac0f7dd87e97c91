"""`rounds up`, `ui`, `register`, `demo`: the whole product on this machine, or on a Prefect server."""

import os
import sys
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.command import BROKEN, USAGE, FullOption, LangOption, explained, fail, quiet
from deployments.terminal import say, say_text

app = typer.Typer()
_DEMO_OUTPUT = Path("reports/output")
ServicesOption = Annotated[
    Path | None, typer.Option(help="Folder of service files, or one file; default: OPSROUNDS_SERVICES, else services/.")
]


@app.command()
def up(
    services: ServicesOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Port of the Prefect server and UI; default: 4200, or a free one.")
    ] = None,
    archive_port: Annotated[
        int | None, typer.Option(help="Port of the report archive; default: 4280, or a free one.")
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", help="Name under which a reverse proxy offers UI and archive; repeatable."),
    ] = None,
    new_credential: Annotated[
        bool, typer.Option("--new-credential", help="Make a new credential; the old one is refused from now on.")
    ] = False,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Ask for no credential: every account of this machine is let in.")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Also start and check the demo service.")] = False,
) -> None:
    """Start a Prefect server with its UI, the schedules and the report archive here, until Ctrl-C or SIGTERM.

    Both ask for a credential, which `rounds ui` shows.
    """
    with explained():
        os.environ.setdefault("DO_NOT_TRACK", "1")  # else Prefect says that it collects usage data
        from deployments.up import UpOptions, stop_on_signals
        from deployments.up import up as run_until_stopped
        from tasks.settings import services_folder

        stop = stop_on_signals()
        options = UpOptions(
            services or services_folder(),
            host,
            port,
            archive_port,
            tuple(allowed_host or ()),
            new_credential=new_credential,
            no_auth=no_auth,
        )
        if demo:
            from deployments.demo.lively import demo_with_traffic

            with demo_with_traffic(Path(".demo"), _DEMO_OUTPUT) as file:
                run_until_stopped(replace(options, services=file), say_text, stop)
        else:
            run_until_stopped(options, say_text, stop)


@app.command()
def ui() -> None:
    """Open the UI of the running `rounds up` in the browser; on a terminal, show its address and its credential."""
    with explained():
        from deployments.credential import credential_file, credential_lines, read_credential
        from deployments.state import AsksFor, read_state

        state = read_state()
        if state is None:
            fail("no rounds up is running here; start it with `rounds up`", BROKEN)
        for line in state.lines:
            say(line)
        credential = read_credential() if state.asks_for is AsksFor.CREDENTIAL else None
        if state.asks_for is AsksFor.CHOSEN:
            say("Credential  that of PREFECT_SERVER_API_AUTH_STRING, with which rounds up was started")
        elif state.asks_for is AsksFor.NOTHING:
            say("Credential  none (--no-auth)")
        elif credential is None:
            fail(f"{credential_file()} is gone: stop rounds up, and start it again with --new-credential", BROKEN)
        elif sys.stdout.isatty():
            for line in credential_lines(credential):
                say(line)
        else:
            say(f"Credential  in {credential_file()}; it is shown on a terminal only")
        webbrowser.open(state.ui_url)


@app.command()
def register(
    work_pool: Annotated[str, typer.Option(help="Name of a work pool that exists on the server.")],
    services: ServicesOption = None,
    worker_services: Annotated[
        Path | None, typer.Option(help="Path of the same folder on the workers; default: the same path.")
    ] = None,
) -> None:
    """Create or update the deployments on the Prefect server at PREFECT_API_URL, for the workers of a work pool."""
    with explained():
        from datetime import UTC, datetime

        from deployments.prefect_server import usable_server
        from deployments.schedules import note_schedules
        from tasks.settings import find_services, services_folder

        if "PREFECT_API_URL" not in os.environ:
            fail("register needs PREFECT_API_URL, the address of the Prefect server", USAGE)
        place = services or services_folder()
        found = find_services(place)
        with usable_server() as variables:
            from deployments.register import register_deployments
            from deployments.run import of_server

            with of_server(variables):
                for name in register_deployments(found, work_pool, (worker_services or place).absolute()):
                    say(f"registered {name}")
        for problem in note_schedules(found, datetime.now(UTC)):
            say_text(problem)


@app.command()
def demo(
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Fault to plant; repeatable; `none` for none.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Folder for the data of the demo.")] = Path(".demo"),
    lang: LangOption = None,
    full: FullOption = False,
) -> None:
    """Run the whole product on an embedded service with planted faults.

    Exit status 0 only if exactly the planted faults were found and the alert beside them came out as planned.
    """
    with explained():
        quiet()
        from deployments.demo.faults import DEFAULT_FAULTS, Fault

        names = fault if fault is not None else [f.value for f in DEFAULT_FAULTS]
        unknown = sorted(set(names) - {f.value for f in Fault} - {"none"})
        if unknown or ("none" in names and len(names) > 1):
            fail(f"--fault takes {', '.join(f.value for f in Fault)}, or none alone; not {', '.join(names)}", USAGE)
        from deployments.demo.run import run_demo

        planted = frozenset(Fault(name) for name in names if name != "none")
        exact = run_demo(folder, _DEMO_OUTPUT, planted, lang, full=full)
    raise typer.Exit(0 if exact else 1)
