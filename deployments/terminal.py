"""The one way to the terminal: a text from outside says what it says there, and does nothing."""

import json
import sys

import typer

from tasks.observation import spelt_out

_CONTINUED = "\n  "


def say(*lines: str, err: bool = False) -> None:
    """Print lines, each of which stays one line."""
    for line in lines:
        typer.echo(spelt_out(line), err=err)


def say_text(text: str, *, err: bool = False) -> None:
    """Print a text of several lines; none but the first begins where a verdict would."""
    typer.echo(_CONTINUED.join(map(spelt_out, text.split("\n"))), err=err)


def write_data(text: str) -> None:
    """Write what programs read to stdout as it is; on a terminal a person reads it, and it is spelt out."""
    sys.stdout.write(lines_spelt_out(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def say_json(text: str) -> None:
    """Print JSON; what a terminal would obey is an escape in it, which means the same."""
    typer.echo("".join(c if c.isprintable() or c in "\u3000\n" else json.dumps(c)[1:-1] for c in text))


def counted(number: int, thing: str) -> str:
    """A number of things, such as `1 day` or `2 days`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def lines_spelt_out(text: str) -> str:
    """A text of several lines, each of them spelt out."""
    return "\n".join(map(spelt_out, text.split("\n")))
