"""What a serving process is told: its address in its arguments, its credential in its environment alone."""

import argparse
import os
from collections.abc import Iterable

from deployments.serving.guard import Door

AUTH_VARIABLE = "PREFECT_SERVER_API_AUTH_STRING"


def orders(*options: str, flags: Iterable[str] = ()) -> tuple[argparse.Namespace, Door]:
    """The arguments of this process, with `options` that have a value and `flags`, and whom it lets in."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--allowed-host", action="append", default=[])
    for option in options:
        parser.add_argument(option, required=True)
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    given = parser.parse_args()
    names = frozenset(name.lower() for name in given.allowed_host)
    return given, Door(os.environ.get(AUTH_VARIABLE), given.host, names)


def arguments(host: str, port: int, allowed: Iterable[str]) -> list[str]:
    """The same, for the process that starts it."""
    return ["--host", host, "--port", str(port), *(word for name in allowed for word in ("--allowed-host", name))]
