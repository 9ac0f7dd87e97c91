"""What every command shares: which service is meant, and how an error becomes a text and an exit status."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

USAGE, BROKEN = 2, 3
ServiceOption = Annotated[
    Path | None, typer.Option("--service", help="Service file; default: service.toml here, else the one of services/.")
]


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
    """Say something beside the output."""
    typer.echo(text, err=True)


def fail(text: str, status: int) -> NoReturn:
    """End the command with a text and an exit status."""
    typer.echo(text, err=True)
    raise typer.Exit(status)


@contextmanager
def explained() -> Iterator[None]:
    """Turn the errors that a user can mend into their text and an exit status."""
    from tasks.errors import ExplainedError, UsageError

    try:
        yield
    except ExplainedError as error:
        fail(str(error), USAGE if isinstance(error, UsageError) else BROKEN)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read our output has had enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except (typer.Exit, typer.Abort):
        raise
    except Exception:  # a bug: its own exit status would be 1, "checks failed"
        traceback.print_exc()
        raise typer.Exit(BROKEN) from None
