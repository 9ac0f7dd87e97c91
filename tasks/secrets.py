"""Secrets are resolved at each run, and every text that leaves passes through `masked`."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import httpx
from prefect.blocks.system import Secret
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_API_URL

from tasks.concealment import Concealment
from tasks.configuration import SECRET_NAME, ConfigurationError, GivenVariables, SecretRef
from tasks.settings import Settings

_SHORTEST = 4
_SHORTEST_PART = 8
"""`Bearer 0123abcd` may come back as `0123abcd`; a shorter part may be an ordinary word."""
_resolved: set[str] = set()
Data = TypeVar("Data")
Kind = TypeVar("Kind")


def resolve(reference: str | SecretRef, settings: Settings, key: str) -> str:
    """The value behind a reference; raises ConfigurationError naming the key and the place of the secret."""
    if isinstance(reference, str):
        return reference
    value = _look_up(reference, settings, key)
    if not value:
        raise ConfigurationError(settings.path, [f"{key}: the secret is empty"])
    if len(value) >= _SHORTEST:
        _resolved.add(value)
    _resolved.update(part for part in (*value.split(), *_passwords(value)) if len(part) >= _SHORTEST_PART)
    return value


def keep_secret(value: str) -> None:
    """Take out of every text a secret that a program has printed, such as the address of a copy with its password."""
    _resolved.update(part for part in (value, *_passwords(value)) if len(part) >= _SHORTEST_PART)


def _passwords(value: str) -> tuple[str, ...]:
    """The password of an address as it is written there, and as a program says it."""
    try:
        parts = urlsplit(value)
        password = parts.password or ""
    except ValueError:
        return ()
    asked = (pair.partition("=") for pair in parts.query.split("&"))
    written = [password, *(value for key, _, value in asked if "password" in key.lower())]
    return (*written, *map(unquote, written))


def masked(data: Data, own: frozenset[str] = frozenset()) -> Data:
    """The same JSON data with every secret that this process has resolved taken out of its strings.

    Keys, the values of keys in `own` and the wording of messages are the program's own words and stay: a secret that
    reads `FAIL` would break what is stored.
    """
    return _masked(data, own)  # type: ignore[no-any-return]


def concealment() -> Concealment:
    """What takes the secrets out of a text that this process has resolved so far, in another process too."""
    return Concealment(tuple(sorted(_resolved, key=len, reverse=True)))  # one may be part of another


def check_secrets(settings: Settings) -> list[str]:
    """One sentence for each secret of a service file that cannot be resolved here."""
    problems: list[str] = []
    for key, reference in secret_keys(settings):
        try:
            resolve(reference, settings, key)
        except ConfigurationError as error:
            problems.extend(error.problems)
    return problems


def secret_keys(settings: Settings) -> list[tuple[str, SecretRef]]:
    """Every secret reference of a service file with its key."""
    return list(_found(SecretRef, dict(settings), ""))


def named_variables(settings: Settings) -> set[str]:
    """Every variable of the environment that a service file names: its secrets, and what its own commands are given."""
    given = (name for _, command in _found(GivenVariables, dict(settings), "") for name in command.environment)
    return {*given, *(ref.env for _, ref in secret_keys(settings) if ref.env is not None)}


def given_variables(command: GivenVariables) -> dict[str, str]:
    """What a command finds in its environment of what it is given; the command may print a secret among it."""
    found = {name: os.environ[name] for name in command.environment if name in os.environ}
    for name, value in found.items():
        if SECRET_NAME.search(name):
            keep_secret(value)
    return found


def _found(kind: type[Kind], value: Any, key: str) -> Iterator[tuple[str, Kind]]:
    """Everything of a kind in settings, with its key."""
    if isinstance(value, kind):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _found(kind, inner, f"{key}.{name}".lstrip("."))
    elif isinstance(value, tuple):
        for place, inner in enumerate(value):
            yield from _found(kind, inner, f"{key}.{place}")
    elif hasattr(value, "model_fields_set"):
        yield from _found(kind, dict(value), key)


def _look_up(reference: SecretRef, settings: Settings, key: str) -> str:
    if reference.env is not None:
        value = os.environ.get(reference.env)
        if value is None:
            raise ConfigurationError(settings.path, [f"{key}: the environment variable {reference.env} is not set"])
        return value
    if reference.file is not None:
        path = settings.path.parent / reference.file
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ConfigurationError(settings.path, [f"{key}: the secret file {path} cannot be read: {why}"]) from None
    assert reference.block is not None  # SecretRef holds exactly one place
    return _look_up_block(reference.block, settings, key)


def _look_up_block(name: str, settings: Settings, key: str) -> str:
    api_url = PREFECT_API_URL.value()
    if not api_url:  # Prefect would start a server of its own, in which no block is
        text = f"{key}: the block secret/{name} is on a Prefect server: set PREFECT_API_URL, or start rounds up"
        raise ConfigurationError(settings.path, [text])
    try:
        # Inside a flow, and so in each of its threads, a plain load would be a coroutine.
        block = Secret.load(name, _sync=True)  # type: ignore[call-arg]
    except ValueError:
        raise ConfigurationError(
            settings.path, [f"{key}: no Prefect block secret/{name} exists on {api_url}"]
        ) from None
    except (httpx.HTTPError, PrefectException) as error:
        text = f"{key}: the block secret/{name} cannot be read from {api_url}: {type(error).__name__}"
        raise ConfigurationError(settings.path, [text]) from None
    assert isinstance(block, Secret)  # a coroutine without _sync
    return str(block.get())


def _masked(data: Any, own: frozenset[str]) -> Any:
    if isinstance(data, str):
        return concealment()(data)
    if isinstance(data, dict):
        kept = own | {"text"} if "params" in data else own
        return {
            key: value if key in kept else _masked(value, frozenset() if key == "params" else own)
            for key, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [_masked(value, own) for value in data]
    return data
