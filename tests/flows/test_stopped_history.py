"""A history whose server is stopped while a flow runs: the run ends and says so, and the next one is well."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from flows.daily_checklist import daily_checklist
from flows.monitoring import monitoring
from flows.options import DailyOptions
from flows.outbox import outbox
from tasks.postgres.server import PostgresServer
from tasks.settings import load_settings
from tests.fixtures.databases import database

if TYPE_CHECKING:
    from prefect import State

    from tests.operated import Operate, Operated, Site

pytestmark = pytest.mark.usefixtures("prefect")
REASON = "timeout expired; check that it is reachable and that [history] url is right"


def minute(shop: "Operated") -> "State[Any]":
    return run(monitoring(shop.name, return_state=True))


def daily(shop: "Operated") -> "State[Any]":
    return run(daily_checklist(shop.name, DailyOptions(), return_state=True))


def sweep(shop: "Operated") -> "State[Any]":
    return run(outbox(shop.name, return_state=True))


def run(flow: Any) -> "State[Any]":
    async def ending() -> Any:
        return await asyncio.wait_for(flow, 120)

    state: State[Any] = asyncio.run(ending())
    return state


class Stopped:
    """All processes of a server that clients talk to."""

    def __init__(self, server: PostgresServer) -> None:
        self._postmaster = int((server.data / "postmaster.pid").read_text().splitlines()[0])
        self._dsn = server.dsn
        self._pids: list[int] = []

    def stop(self) -> None:
        with psycopg.connect(self._dsn) as connection:
            rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'opsrounds'")
            self._pids = [self._postmaster, *(row[0] for row in rows)]
        for pid in self._pids:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._pids = []


@pytest.mark.parametrize("flow", [minute, pytest.param(daily, marks=pytest.mark.deep)])
def test_a_run_whose_history_stops_ends_and_the_next_one_is_well(
    flow: "Callable[[Operated], State[Any]]", operate: "Operate", site: "Site", own_postgres: PostgresServer
) -> None:
    stopped = Stopped(own_postgres)
    with database(own_postgres) as url:
        shop = operate()
        file = shop.settings.path
        short = f"{url}?connect_timeout=2&options=-c%20statement_timeout%3D500"
        file.write_text(file.read_text().replace("sqlite:///shop.db", short))
        assert load_settings(file).history.url == short

        def body() -> object:
            if not stopped._pids:
                stopped.stop()
            return {}

        site.answers["/live"].body = body
        try:
            state = flow(shop)
            swept = sweep(shop)
        finally:
            stopped.go_on()
        site.answers["/live"].body = {}
        assert (state.name, REASON in (state.message or "")) == ("Failed", True), state
        assert swept.name == "NotDelivered"
        assert flow(shop).name in ("Collected", "Passed", "Attention")
