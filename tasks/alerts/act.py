"""Takes an action: a command of the configuration, or an HTTP call."""

import asyncio
import os
from pathlib import Path
from typing import Final

import httpx

from tasks.alerts.settings import Action
from tasks.alerts.store.actions import ActionState, Claimed, NotTaken, claim_by_hand, finish_action
from tasks.configuration import ConfigurationError
from tasks.errors import UsageError
from tasks.history.engine import History
from tasks.http import shared_trust
from tasks.outside import external_text
from tasks.processes import run
from tasks.records.rules import checked_by
from tasks.round import utc_now
from tasks.secrets import given_variables, resolve
from tasks.settings import Settings

_KEPT: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV")
_MOST_BYTES: Final = 256 * 1024
_MOST_SHOWN: Final = 2000
NOT_DONE: Final = frozenset({ActionState.FAILED, ActionState.HELD_BACK, ActionState.LOST})
"""How an action ends that somebody asked for and did not get."""


class ActionRefused(UsageError):
    """An action cannot be taken as asked; the text says why and what to do."""


async def take_action(settings: Settings, history: History, claimed: Claimed) -> str:
    """Take it, keep what it came to, and say that in a line. Raises HistoryError."""
    _, text = await _finished(settings, history, claimed)
    return text


async def act_by_hand(settings: Settings, history: History, number: int, name: str, by: str) -> tuple[ActionState, str]:
    """Take an action of the service file for an alert, because somebody asks for it: its state, and what it came to.

    Raises ActionRefused for an action or an alert that there is not, RecordRefused if nobody asks, and HistoryError.
    """
    service, actions = settings.service.name, () if settings.alerts is None else settings.alerts.action
    action = next((action for action in actions if action.name == name), None)
    if action is None:
        known = ", ".join(action.name for action in actions) or "none"
        raise ActionRefused(f"no action {name!r} in [[alerts.action]]; known: {known}")
    found = await asyncio.to_thread(claim_by_hand, history, service, number, action, checked_by(by), utc_now())
    if found is None:
        raise ActionRefused(f"{service} has no alert {number}. `rounds alerts list` shows them")
    if isinstance(found, NotTaken):
        return found.state, found.text
    return await _finished(settings, history, found)


async def _finished(settings: Settings, history: History, claimed: Claimed) -> tuple[ActionState, str]:
    state, output = await _taken(settings, claimed.action)
    await asyncio.to_thread(finish_action, history, settings.service.name, claimed, state, output, utc_now())
    return state, f"action {claimed.action.name}: {state.value}: {output[:200]}"


async def _taken(settings: Settings, action: Action) -> tuple[ActionState, str]:
    if action.url is not None:
        return await _call(settings, action, action.url)
    return await asyncio.to_thread(_run, settings.path.parent, action)


def _run(folder: Path, action: Action) -> tuple[ActionState, str]:
    assert action.command is not None
    program, *arguments = action.command
    argv = (str(folder / program) if "/" in program else program, *arguments)
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | given_variables(action)
    try:
        ended = run(argv, deadline_s=action.timeout_s, env=environment, cwd=folder, max_output_bytes=_MOST_BYTES)
    except OSError as error:
        return ActionState.FAILED, external_text(
            f"{program} cannot be run: {error.strerror or 'there is no such program'}"
        )
    output = _shown(ended.stdout + ended.stderr)
    if ended.timed_out:
        return ActionState.FAILED, f"ended after {action.timeout_s:g} s; {output}"
    if ended.truncated:
        return ActionState.FAILED, f"ended: it wrote more than {_MOST_BYTES} bytes; {output}"
    state = ActionState.DONE if ended.returncode == 0 else ActionState.FAILED
    return state, f"exit status {ended.returncode}; {output or 'no output'}"


async def _call(settings: Settings, action: Action, url: str) -> tuple[ActionState, str]:
    try:
        key = f"alerts.action.{action.name}.token"
        token = None if action.token is None else await asyncio.to_thread(resolve, action.token, settings, key)
    except ConfigurationError as error:
        return ActionState.FAILED, external_text(str(error))
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        async with (
            asyncio.timeout(action.timeout_s),
            httpx.AsyncClient(timeout=action.timeout_s, trust_env=False, verify=shared_trust(None, "alerts")) as client,
            client.stream(action.method, url, headers=headers) as response,
        ):
            body = b""
            async for piece in response.aiter_bytes():
                body = (body + piece)[:_MOST_SHOWN]
    except (TimeoutError, httpx.TimeoutException):
        return ActionState.FAILED, f"no answer within {action.timeout_s:g} s: whether it was done is not known"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return ActionState.FAILED, external_text(f"{type(error).__name__}")
    state = ActionState.DONE if response.is_success else ActionState.FAILED
    return state, f"HTTP {response.status_code}; {_shown(body)}"


def _shown(output: bytes) -> str:
    """On one line."""
    return external_text(" ".join(output.decode("utf-8", "replace").split()), _MOST_SHOWN)
