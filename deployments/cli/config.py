"""`rounds config`: what a service file says."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.command import BROKEN, explained, fail, quiet, warn
from deployments.terminal import say_json

if TYPE_CHECKING:
    from tasks.settings import Settings

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

    Warns of alert levels that wake nobody, and of a rota that is named but missing.

    Exit status 3 if Prometheus could not be asked whether a bucket ends at each latency limit, or restore drills cannot
    be isolated on this machine.
    """
    with explained():
        import asyncio
        import json

        from tasks.alerts.reach import unreached, warnings
        from tasks.configuration import ConfigurationError
        from tasks.observation import ObservationError
        from tasks.secrets import check_secrets
        from tasks.security.findings.waiver_file import waiver_problems
        from tasks.settings import load_settings

        settings = load_settings(file)
        open_ = [*_isolation(settings)]
        problems = [*check_secrets(settings), *waiver_problems(settings.waivers), *unreached(settings)]
        problems = problems or _unusable_urls(settings)
        if not offline and not problems:
            quiet()
            from tasks.slo.look import objectives_of
            from tasks.slo.sli.buckets import bucket_problems

            try:
                problems += asyncio.run(bucket_problems(settings, objectives_of(settings)))
            except ObservationError as error:
                open_.append(f"the buckets of latency objectives were not checked: {error}")
        if problems:
            raise ConfigurationError(settings.path, problems)
        for text in warnings(settings):
            warn(f"{settings.path}: {text}")
        say_json(json.dumps(settings.model_dump(mode="json"), ensure_ascii=False, indent=2))
        if open_:
            fail("\n".join(open_), BROKEN)


def _unusable_urls(settings: "Settings") -> list[str]:
    """The keys of channels and people whose URL Apprise cannot send by; their secrets have been resolved before."""
    from tasks.alerts.addresses import urls
    from tasks.delivery.apprise import unusable
    from tasks.secrets import resolve

    return [text for key, url in urls(settings) if (text := unusable(resolve(url, settings, key), key))]


def _isolation(settings: "Settings") -> Iterator[str]:
    """Why no restore drill will run on this machine, if none will."""
    from tasks.backups.reasons import not_isolated
    from tasks.sandbox.available import NoSandbox, own_account, usable_bwrap

    if settings.backups is None or settings.backups.isolation != "required":
        return
    try:
        usable_bwrap(own_account())
    except NoSandbox as error:
        reason = not_isolated(str(error))
        yield f'{reason.text.format(**reason.params)}; [backups] isolation = "if-possible" runs drills all the same'
