"""`rounds config`: what a service file says."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.command import BROKEN, explained, fail, quiet
from deployments.terminal import say_json

app = typer.Typer(no_args_is_help=True)


@app.callback()
def config() -> None:
    """Check service files."""


@app.command("check")
def config_check(
    file: Annotated[Path, typer.Argument(help="Service file.")],
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask Prometheus for its histogram buckets.")
    ] = False,
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
        from tasks.security.findings.waiver_file import waiver_problems
        from tasks.settings import load_settings

        settings = load_settings(file)
        unchecked = ""
        problems = [*check_secrets(settings), *waiver_problems(settings.waivers)]
        if not offline and not problems:
            quiet()
            from tasks.slo.look import objectives_of
            from tasks.slo.sli.buckets import bucket_problems

            try:
                problems += asyncio.run(bucket_problems(settings, objectives_of(settings)))
            except ObservationError as error:
                unchecked = f"the buckets of latency objectives were not checked: {error}"
        if problems:
            raise ConfigurationError(settings.path, problems)
        say_json(json.dumps(settings.model_dump(mode="json"), ensure_ascii=False, indent=2))
        if unchecked:
            fail(unchecked, BROKEN)
