"""A whole look: one thing that hangs neither stops it nor takes away what else was seen."""

import asyncio
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tasks.database.facts import DatabaseFacts, Locks
from tasks.observation import ObservationError, Unobserved
from tasks.postgres.server import PostgresServer
from tasks.resources.facts import Host
from tasks.resources.look import ResourceObservation, look_at_resources
from tasks.settings import load_settings

pytestmark = pytest.mark.usefixtures("prefect")


@contextmanager
def silent() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def look(folder: Path, text: str, longest_s: float) -> tuple[ResourceObservation, float]:
    file = folder / "service.toml"
    file.write_text(f'[service]\nname = "shop"\nbase_url = "http://127.0.0.1:1"\n{text}', encoding="utf-8")
    started = time.monotonic()
    observed = asyncio.run(look_at_resources(load_settings(file), longest_s))
    return observed, time.monotonic() - started


@pytest.mark.deep
def test_what_hangs_ends_in_its_time_and_the_machine_is_seen(tmp_path: Path) -> None:
    with silent() as port:
        observed, taken = look(
            tmp_path,
            f'[metrics]\nprometheus_url = "http://127.0.0.1:{port}"\ntimeout_s = 60\n'
            f'[database]\nurl = "postgresql://u@127.0.0.1:{port}/x"\nconnect_timeout_s = 60\n'
            "[resources]\ninterval_s = 60\n"
            '[[kpi]]\nname = "orders"\nsql = "SELECT 1"\nfloor = 1\n'
            '[[kpi]]\nname = "users"\npromql = "users"\nfloor = 1\n',
            longest_s=8.0,
        )
    assert isinstance(observed.hosts, Mapping) and isinstance(observed.hosts["host"], Host)
    assert isinstance(observed.database, Unobserved)
    assert all(isinstance(number, Unobserved) for number in observed.numbers.kpis.values())
    assert 2 <= taken < 30


@pytest.mark.deep
def test_statements_that_take_too_long_leave_the_others_and_the_database(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    slow = "".join(f'[[kpi]]\nname = "slow-{n}"\nsql = "SELECT pg_sleep(30)"\nfloor = 1\n' for n in range(5))
    observed, taken = look(
        tmp_path,
        f'[database]\nurl = "{postgres.dsn}"\nstatement_timeout_s = 60\n'
        f'[[kpi]]\nname = "orders"\nsql = "SELECT 7"\nfloor = 1\n{slow}',
        longest_s=10.0,
    )
    assert isinstance(observed.database, DatabaseFacts) and isinstance(observed.database.locks, Locks)
    assert observed.numbers.kpis["orders"] == 7.0
    late = observed.numbers.kpis["slow-4"]
    assert isinstance(late, Unobserved) and "took more than" in str(ObservationError(late.reason))
    assert taken < 40


def test_a_role_with_one_connection_answers_the_checks_and_the_figures(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute("CREATE ROLE single LOGIN IN ROLE pg_monitor CONNECTION LIMIT 1")
        try:
            url = postgres.dsn.replace("postgres@", "single@")
            kpi = '[[kpi]]\nname = "orders"\nsql = "SELECT 7"\nfloor = 1\n'
            observed, _ = look(tmp_path, f'[database]\nurl = "{url}"\n{kpi}', longest_s=60.0)
        finally:
            admin.execute("DROP ROLE single")
    assert isinstance(observed.database, DatabaseFacts) and isinstance(observed.database.locks, Locks)
    assert observed.numbers.kpis["orders"] == 7.0
