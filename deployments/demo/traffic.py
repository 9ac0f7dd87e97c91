"""Traffic for the demo service: what its users do, in bounded numbers and on this machine only."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from deployments.demo.service.users import sample_logins
from tasks.configuration import is_loopback
from tasks.deadline import Deadline

_REQUEST_TIMEOUT_S = 3.0


class NotLoopback(ValueError):
    """Traffic was asked for an address beyond this machine."""


@dataclass(frozen=True)
class TrafficSummary:
    """What was sent and what came back; `by_class` counts the answers as 2xx, 4xx, 5xx."""

    sent: int
    answered: int
    by_class: Mapping[str, int]
    no_answer: int


@dataclass(frozen=True)
class _Call:
    method: str
    path: str
    body: Mapping[str, Any] | None = None


async def make_traffic(
    base_urls: Sequence[str],
    *,
    requests: int,
    seconds: float,
    concurrency: int = 8,
    seed: int = 0,
) -> TrafficSummary:
    """Sends up to `requests` requests, starting none after `seconds`, spread over the instances.

    One request takes 3 s at most, so that everything ends within `seconds` + 3. The same seed asks for the
    same things in the same order. Raises NotLoopback.
    """
    for base_url in base_urls:
        _refuse_beyond_loopback(base_url)
    chance = random.Random(seed)
    calls = iter([(base_urls[n % len(base_urls)], _call(chance)) for n in range(requests)])
    deadline = Deadline.after(seconds)
    seen: Counter[str] = Counter()

    async def send_in_turn(client: httpx.AsyncClient) -> None:
        for base_url, call in calls:
            if deadline.passed:
                return
            seen[await _send(client, base_url, call)] += 1

    async with httpx.AsyncClient(timeout=_REQUEST_TIMEOUT_S, trust_env=False) as client:
        await asyncio.gather(*(send_in_turn(client) for _ in range(concurrency)))
    no_answer = seen.pop("none", 0)
    return TrafficSummary(seen.total() + no_answer, seen.total(), dict(sorted(seen.items())), no_answer)


def _refuse_beyond_loopback(base_url: str) -> None:
    if not is_loopback(urlsplit(base_url).hostname or ""):
        raise NotLoopback(f"{base_url}: demo traffic goes to this machine only (127.0.0.1, ::1 or localhost)")


async def _send(client: httpx.AsyncClient, base_url: str, call: _Call) -> str:
    try:
        async with asyncio.timeout(_REQUEST_TIMEOUT_S):
            answer = await client.request(call.method, base_url.rstrip("/") + call.path, json=call.body)
    except (TimeoutError, httpx.TransportError):
        return "none"
    return f"{answer.status_code // 100}xx"


def _call(chance: random.Random) -> _Call:
    """One thing a user does: mostly looking, sometimes writing, now and then a mistake."""
    email, password = chance.choice(list(sample_logins().items()))
    items = [{"ingredientId": chance.randint(1, 20), "quantity": chance.randint(1, 3)} for _ in range(3)]
    name = f"旬の野菜 {uuid4()}"  # names are unique, also over several runs
    meal = {"ownerId": chance.randint(1, 8), "title": "夕食", "items": items}
    weighted = [
        (24, _Call("GET", "/api/ingredients")),
        (24, _Call("GET", f"/api/ingredients/{chance.randint(1, 20)}")),
        (14, _Call("GET", "/api/shopping/lists")),
        (14, _Call("GET", f"/api/shopping/lists/{chance.randint(1, 6)}")),
        (4, _Call("GET", "/api/users")),
        (8, _Call("GET", f"/api/users/{chance.randint(1, 8)}")),
        (5, _Call("POST", "/api/users/login", {"email": email, "password": password})),
        (1, _Call("POST", "/api/users/login", {"email": email, "password": "forgotten"})),
        (3, _Call("POST", "/api/shopping/lists", meal)),
        (1, _Call("POST", "/api/ingredients", {"name": name, "unit": "袋", "priceYen": 198})),
        (1, _Call("GET", "/api/ingredients/999999")),
        (1, _Call("GET", "/api/shopping/lists/999999")),
    ]
    return chance.choices([call for _, call in weighted], [weight for weight, _ in weighted])[0]
