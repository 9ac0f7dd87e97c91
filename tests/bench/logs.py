"""Logs in the guide's format, the same ones for the same seed: for the scan's tests, its oracle and its bench."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

START = datetime(2026, 11, 25, 0, 0, tzinfo=UTC)
MODULES = {
    "ingredients": ("/api/ingredients", "/api/ingredients/{}", "/api/ingredients/{}/stock?unit=g", "/api/categories"),
    "shopping": ("/api/lists/{}", "/api/lists/{}/items", "/api/lists/{}/items/{}"),
    "users": ("/api/users/{}", "/api/users/{}/preferences", "/api/sessions"),
    "recipes": ("/api/recipes?season=autumn&page={}", "/api/recipes/{}", "/api/recipes/{}/comments"),
}
_PLACES = [(module, route) for module, routes in MODULES.items() for route in routes]
_METHODS = ("GET",) * 7 + ("POST", "PUT", "DELETE")
_STATUSES = (200,) * 90 + (201,) * 4 + (304, 400, 401, 403, 404, 404)
_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0.0.0 Safari/537.36",
    "kondate-app/4.2.1 (Android 15)",
)
_MESSAGES = ("GET answered", "request completed", "買い物リストを返しました")
_ERRORS = ("DatabaseError", "TimeoutError", "ValidationError", "StockError")
_STACK = (
    "{name}: {message}\n    at Store.find (/srv/app/src/{module}/store.ts:{line}:17)\n"
    "    at async Service.answer (/srv/app/src/{module}/service.ts:88:5)\n"
    "    at Layer.handle (/srv/app/node_modules/express/lib/router/layer.js:95:5)"
)


@dataclass(frozen=True)
class LogShape:
    """What a made-up log is like; `gap_ms` is the mean time between two lines.

    With `many_addresses` nearly every request has an address of its own, with ids of many kinds in it.
    """

    lines: int
    seed: int
    malformed_share: float = 0.05
    error_share: float = 0.005
    gap_ms: float = 20.0
    many_addresses: bool = False


def log_lines(shape: LogShape, start: datetime = START) -> Iterator[bytes]:
    """The lines without their line breaks; a malformed one is none that DuckDB or a person would call JSON."""
    draw = random.Random(shape.seed)
    at, encode = start, msgspec.json.encode
    for number in range(shape.lines):
        at += timedelta(milliseconds=draw.expovariate(1 / shape.gap_ms))
        line = _healthy(draw, at) if draw.random() >= shape.error_share else _failing(draw, at, number)
        if shape.many_addresses:
            line["url"] = _address(draw)
        encoded = encode(line)
        yield encoded if draw.random() >= shape.malformed_share else _spoilt(draw, encoded)


def nginx_lines(shape: LogShape) -> Iterator[bytes]:
    """The same as nginx writes it with a JSON log format."""
    for line in _records(shape):
        fields = {
            "time_iso8601": line["timestamp"],
            "host": line["module"],
            "request": f"{line['method']} {line['url']} HTTP/1.1",
            "status": line["status"],
            "request_time": round(line["duration"] / 1000, 3),
            "upstream_response_time": str(round(line["duration"] / 1000, 3)),
            "http_user_agent": line["userAgent"],
        }
        yield msgspec.json.encode(fields)


def combined_lines(shape: LogShape) -> Iterator[bytes]:
    """The same in the combined format."""
    for line in _records(shape):
        at = datetime.fromisoformat(line["timestamp"])
        request, seconds = f"{line['method']} {line['url']} HTTP/1.1", line["duration"] / 1000
        yield (
            f'203.0.113.9 - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "{request}" {line["status"]} 512 "-" '
            f'"{line["userAgent"]}" rt={seconds:.3f}'
        ).encode()


def _records(shape: LogShape) -> Iterator[dict[str, Any]]:
    for line in log_lines(replace(shape, malformed_share=0.0)):
        yield msgspec.json.decode(line)


def write_log(path: Path, shape: LogShape) -> Path:
    """Write a log file."""
    return write_lines(path, log_lines(shape))


def write_lines(path: Path, lines: Iterable[bytes]) -> Path:
    """Write lines to a file."""
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in lines)
    return path


def _healthy(draw: random.Random, at: datetime) -> dict[str, object]:
    module, route = _PLACES[draw.randrange(len(_PLACES))]
    status = _STATUSES[draw.randrange(len(_STATUSES))]
    return {
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": "warn" if status in (401, 403) else "info",
        "service": "kondate",
        "environment": "production",
        "message": _MESSAGES[draw.randrange(len(_MESSAGES))],
        "module": module,
        "requestId": _uuid(draw),
        "method": _METHODS[draw.randrange(len(_METHODS))],
        "url": route.format(int(1000 * draw.random() ** 4), draw.randrange(12)),  # some are asked for often
        "status": status,
        "duration": round(draw.lognormvariate(4.2, 1.1), 1),
        "userAgent": _AGENTS[draw.randrange(len(_AGENTS))],
        "error": None,
    }


def _address(draw: random.Random) -> str:
    _, route = _PLACES[draw.randrange(len(_PLACES))]
    number = draw.getrandbits(80)
    letters = "".join(draw.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=25))
    ids = (
        str(number % 10**9),
        _uuid(draw),
        f"{number:024x}",
        f"0{letters}",
        f"order-{number % 10**7}",
        f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}",
        letters[:9].lower() + "".join(draw.choices("abcdefghijklmnopqrstuvwxyz_-", k=40)),
        f"{number % 10**10}.json",
    )
    return route.format(ids[draw.randrange(len(ids))], ids[draw.randrange(len(ids))])


def _failing(draw: random.Random, at: datetime, number: int) -> dict[str, object]:
    line = _healthy(draw, at)
    name = _ERRORS[draw.randrange(len(_ERRORS))]
    message = f"no answer for row {number} after {draw.randrange(5000)} ms"
    stack = _STACK.format(name=name, message=message, module=line["module"], line=draw.randrange(3) + 40)
    error = {"name": name, "message": message, "stack": stack}
    return line | {"level": "error", "status": draw.choice((500, 500, 502, 503)), "error": error}


def _spoilt(draw: random.Random, line: bytes) -> bytes:
    kind = draw.randrange(6)
    if kind == 0:  # torn
        return line[: draw.randrange(1, len(line))]
    if kind == 1:  # two writers at once
        return line[: len(line) // 2] + line
    if kind == 2:
        return b"    at Store.find (/srv/app/src/store.ts:41:17)"
    if kind == 3:
        return line.replace(b'"status":', b'"status":=', 1)
    if kind == 4:
        return b"[" + line + b"]"
    return line[1:]


def _uuid(draw: random.Random) -> str:
    digits = f"{draw.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
