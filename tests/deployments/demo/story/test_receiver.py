"""The chat and the pager that the demo plays, with what Apprise really sends."""

import asyncio
from datetime import UTC, datetime

import httpx

from deployments.demo.story.receiver import Arrived, receiving
from tasks.delivery.apprise import send

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_what_apprise_sends_is_kept_by_its_place_and_anything_else_is_refused() -> None:
    with receiving() as (receiver, port):
        for place in ("chat", "pager"):
            asyncio.run(send(f"json://127.0.0.1:{port}/{place}", "url", f"to {place}", "準備 (readiness)", NOW))
        refused = [httpx.post(f"http://127.0.0.1:{port}/chat", content=body, trust_env=False) for body in (b"?", b"[]")]
    assert receiver.arrived == [
        Arrived("chat", "to chat", "準備 (readiness)"),
        Arrived("pager", "to pager", "準備 (readiness)"),
    ]
    assert [answer.status_code for answer in refused] == [400, 400]
