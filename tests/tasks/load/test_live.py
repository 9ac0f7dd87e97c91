"""A running load test on the terminal and in Prefect's UI."""

import asyncio

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from tasks.load.facts import Live
from tasks.load.live import figures, shown_live
from tasks.progress import LOAD, progress

HALF = Live(30.2, 60.0, 2, 6, 20, 183.4, 3, 45.6)
OVER = Live(60.2, 60.0, 6, 6, 120, 310.0, 3, 81.0)


def test_the_figures_in_a_few_words() -> None:
    assert figures(HALF) == "step 2/6, 20 users, 183 requests/s, p95 46 ms, 3 failed"
    assert figures(Live(0.0, 20.0, 0, 1, 0, 0.0, 0, None)) == "0 users, 0 requests/s, p95 –, 0 failed"


def test_the_terminal_hears_of_it() -> None:
    heard: list[tuple[str, int, int, str]] = []

    async def show() -> None:
        async with shown_live("load-test") as tell:
            tell(HALF)

    token = progress.set(lambda *what: heard.append(what))
    asyncio.run(show())
    progress.reset(token)
    assert heard == [(LOAD, 30, 60, figures(HALF))]


def test_the_ui_shows_how_far_it_is(prefect: SyncPrefectClient) -> None:
    key = ArtifactFilter(key=ArtifactFilterKey(any_=["live-load-shop"]))

    def artifacts() -> list[tuple[str | None, str | None]]:
        return [(found.type, found.description) for found in prefect.read_artifacts(artifact_filter=key)]

    @flow(name="live-load")
    async def watched() -> None:
        async with shown_live("live-load-shop") as tell:
            tell(HALF)
            for _ in range(600):
                if found := await asyncio.to_thread(artifacts):
                    assert found == [("progress", f"30 of 60 s, {figures(HALF)}")]
                    break
                await asyncio.sleep(0.05)
            tell(OVER)

    asyncio.run(watched())
    assert artifacts() == [("progress", f"60 of 60 s, {figures(OVER)}")], "what it came to stays"
