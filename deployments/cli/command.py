"""What the commands share: the service file they are about, and errors as texts and exit statuses."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from deployments.terminal import say, say_text

USAGE, BROKEN = 2, 3
ServiceOption = Annotated[
    Path | None,
    typer.Option("--service", help="Service file; default: ./service.toml, else the only file in services/."),
]


class Lang(StrEnum):
    """The languages of reports."""

    JA = "ja"
    EN = "en"


LangOption = Annotated[
    Lang | None, typer.Option(help="Language; default: the terminal's locale, else the service file's first one.")
]
FullOption = Annotated[bool, typer.Option("--full", help="Print all results, not only the most important ones.")]


def service_file(chosen: Path | None) -> Path:
    """The service file that is meant; ends the command if it is not clear which."""
    from tasks.settings import find_services, services_folder

    if chosen is not None:
        return chosen.absolute()
    here = Path("service.toml")
    if here.exists():
        return here.absolute()
    found = find_services(services_folder())
    if len(found) > 1:
        fail(f"--service FILE is needed: {services_folder()} holds {', '.join(sorted(found))}", USAGE)
    return next(iter(found.values())).path


def warn(text: str) -> None:
    """Print a warning on stderr."""
    say_text(text, err=True)


def fail(text: str, status: int) -> NoReturn:
    """Print a text on stderr and end with an exit status."""
    say_text(text, err=True)
    raise typer.Exit(status)


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors that a user can fix into their text and an exit status."""
    from tasks.configuration import ConfigurationError
    from tasks.errors import ExplainedError, UsageError

    try:
        yield
    except ConfigurationError as error:
        say(*str(error).split("\n"), err=True)
        raise typer.Exit(USAGE) from None
    except ExplainedError as error:
        fail(str(error), USAGE if isinstance(error, UsageError) else BROKEN)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of the output is gone, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except (typer.Exit, typer.Abort):
        raise
    except Exception:  # a bug: its own exit status would be 1, "checks failed"
        say_text(traceback.format_exc(), err=True)
        raise typer.Exit(BROKEN) from None


def impatient() -> None:
    """Ask a Prefect server that is gone three times, not five: the waits double, and a round ends without it too."""
    os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "3")


def quiet() -> None:
    """Keep Prefect's log off the terminal; it is on the server."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
