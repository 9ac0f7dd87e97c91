"""The tested service before and after the load: does it answer, and which environment does it say it is?"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from tasks.check_result import Message, msg
from tasks.http import CODINGS, Body, sendable, trust
from tasks.load.generator.plan import Plan
from tasks.observation import ObservationError
from tasks.outside import external_text

_MOST_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Look:
    """Why load must not be sent (None: nothing speaks against it), and the environment that the service named."""

    problem: Message | None
    environment: str | None


async def look_at_target(plan: Plan, headers: Mapping[str, str]) -> Look:
    """Asks for the identity's path, or the probe's where there is none. Raises UsageError for headers and CA file."""
    identity = plan.load.identity
    path = plan.load.probe.path if identity is None else identity.path
    timeout_s = plan.load.probe.timeout_s
    sent = httpx.Headers({"Cache-Control": "no-cache", **CODINGS})
    sent.update(sendable(headers, "load"))
    async with httpx.AsyncClient(
        headers=sent, verify=trust(plan.ca_file, "load"), timeout=timeout_s, trust_env=False
    ) as client:
        try:
            async with asyncio.timeout(timeout_s), client.stream("GET", plan.load.base_url + path) as response:
                taken = Body(response, _MOST_BYTES)
                async for piece in response.aiter_raw():
                    taken.take(piece)
                body = taken.end()
        except ObservationError as error:
            return Look(error.reason, None)
        except (TimeoutError, httpx.TimeoutException):
            return Look(msg("The tested service does not answer: {why}", why=f"timeout, {timeout_s:g} s"), None)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            why = external_text(str(error), 100) or type(error).__name__
            return Look(msg("The tested service does not answer: {why}", why=why), None)
    if not response.is_success:
        text = "The tested service answers HTTP {status} for {path}"
        return Look(msg(text, status=response.status_code, path=external_text(path)), None)
    if identity is None:
        return Look(None, None)
    return _environment(body, identity.field, plan.load.environment)


def _environment(body: bytes, field: str, meant: str) -> Look:
    try:
        named = json.loads(body)[field]
    except (ValueError, LookupError, TypeError):
        named = None
    if not isinstance(named, str) or not named:
        return Look(msg("The tested service does not say which environment it is: no text {field}", field=field), None)
    seen = external_text(named, 40)
    if seen != meant:
        return Look(msg("The tested service is {seen}, not {meant}", seen=seen, meant=meant), seen)
    return Look(None, seen)
