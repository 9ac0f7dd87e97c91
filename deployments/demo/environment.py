"""The embedded environment: PostgreSQL and instances of the demo service, on this machine."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import httpx
import psycopg
from psycopg import sql

from deployments.child_environment import program_environment
from deployments.demo.faults import SERVICE, Fault, plant
from deployments.demo.service.app import create_tables
from tasks.deadline import Deadline
from tasks.errors import ExplainedError
from tasks.files import make_folder
from tasks.postgres.server import PostgresServer, running_postgres
from tasks.processes import Child, free_port

_HEALTHY_DEADLINE_S = 60.0
_POLL_S = 0.1
_WATCHER, _BACKUP = "opsrounds", "opsrounds_backup"
SERVICE_ROLE = "kondate"
_SERVICE_RIGHTS: tuple[LiteralString, ...] = (
    "GRANT USAGE ON SCHEMA ingredients, shopping, users TO {}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ingredients, shopping, users TO {}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA ingredients, shopping, users TO {}",
)
_RIGHTS: tuple[LiteralString, ...] = (
    "GRANT pg_monitor TO {}",
    "GRANT USAGE ON SCHEMA ingredients, shopping, users TO {}",
    "GRANT SELECT ON ingredients.ingredients, shopping.lists, shopping.estimate_jobs TO {}",
    "GRANT SELECT (id, last_login_at) ON users.users TO {}",
    "GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO {}",
    "GRANT SELECT ON pg_hba_file_rules TO {}",
)


class DemoUnavailable(ExplainedError):
    """An instance of the demo service did not get healthy."""


@dataclass(frozen=True)
class Apart:
    """One more instance, on the same database, with a log and faults of its own."""

    base_url: str
    faults_file: Path


@dataclass(frozen=True)
class DemoEnvironment:
    """A running demo; all instances write one log and read one file of faults.

    `watch_dsn` is the database for the role that only reads what is checked, `backup_dsn` for one that reads all;
    `advisories` is the address of its advisory server. `staging` stands for the load tests' target, `beside` is a
    service of another name; each is None unless it was asked for.
    """

    base_urls: tuple[str, ...]
    dsn: str
    watch_dsn: str
    backup_dsn: str
    log: Path
    faults_file: Path
    folder: Path
    advisories: str
    staging: Apart | None = None
    beside: Apart | None = None


@contextmanager
def demo_environment(
    folder: Path,
    *,
    name: str = SERVICE,
    instances: int = 2,
    faults: frozenset[Fault] = frozenset(),
    staging: bool = False,
    beside: str | None = None,
) -> Iterator[DemoEnvironment]:
    """The demo with its data kept in `folder`: started until healthy, stopped at the end.

    Services of several names share one database there; each has its own log. `beside` is the name of one that runs
    beside this one.
    Faults are planted when everything is healthy. Raises DemoUnavailable or PostgresUnavailable.
    """
    folder = folder.absolute()
    own = folder / name
    make_folder(own)
    log, faults_file = own / "service.log", own / "faults.json"
    plant(faults_file, ())
    logged = log.stat().st_size if log.exists() else 0
    with ExitStack() as running:
        server = running.enter_context(running_postgres(folder / "postgres", fsync=False, guarded=True))
        dsn = _prepare_database(server)
        variables = {
            "DEMO_DSN": server.address(SERVICE, SERVICE_ROLE),
            "DEMO_LOG": str(log),
            "DEMO_FAULTS": str(faults_file),
        }
        children = []
        for number in range(1, instances + 1):
            base_url, child = _start_instance(own / f"instance-{number}.log", variables)
            children.append((base_url, running.enter_context(child)))
        urls = tuple(url for url, _ in children)

        def apart(log: Path, faults_file: Path, output: Path, environment: str) -> Apart:
            plant(faults_file, ())
            given = {"DEMO_LOG": str(log), "DEMO_FAULTS": str(faults_file), "DEMO_ENVIRONMENT": environment}
            base_url, child = _start_instance(output, variables | given)
            children.append((base_url, running.enter_context(child)))
            return Apart(base_url, faults_file)

        on_staging = other = None
        if staging:
            on_staging = apart(
                own / "staging.log", own / "staging-faults.json", own / "instance-staging.log", "staging"
            )
        if beside is not None:
            theirs = folder / beside
            make_folder(theirs)
            other = apart(theirs / "service.log", theirs / "faults.json", theirs / "instance-1.log", "demo")
        for base_url, child in children:
            _wait_until_healthy(base_url, child)
        os.truncate(log, logged)  # an instance that is not up yet has logged so, which nobody planted
        plant(faults_file, faults)
        watch, backup = (server.address(SERVICE, role) for role in (_WATCHER, _BACKUP))
        advisories, feed = _start_advisories(own / "advisories.log", faults_file)
        running.enter_context(feed)
        yield DemoEnvironment(urls, dsn, watch, backup, log, faults_file, folder, advisories, on_staging, other)


def _prepare_database(server: PostgresServer) -> str:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        there = connection.execute("SELECT FROM pg_database WHERE datname = %s", [SERVICE])
        if there.rowcount == 0:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(SERVICE)))
    dsn = server.address(SERVICE)
    with psycopg.connect(dsn) as connection:
        create_tables(connection)
        _let_watch(connection)
    return dsn


def _let_watch(connection: "psycopg.Connection[object]") -> None:
    """The role of the service itself, and those that opsrounds reads with: one the server's statistics and what queues
    and figures are asked of, the other all that is backed up.
    """
    for role in (SERVICE_ROLE, _WATCHER, _BACKUP):
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount == 0:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    connection.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(_BACKUP)))
    for right in _RIGHTS:
        connection.execute(sql.SQL(right).format(sql.Identifier(_WATCHER)))
    for right in _SERVICE_RIGHTS:
        connection.execute(sql.SQL(right).format(sql.Identifier(SERVICE_ROLE)))


def _start_instance(log: Path, variables: dict[str, str]) -> tuple[str, Child]:
    port = free_port()
    child = Child(
        [sys.executable, "-m", "deployments.demo.service", "--port", str(port)],
        log=log,
        env=program_environment() | variables,
        cwd=Path(__file__).resolve().parents[2],  # where `deployments` is found, installed or not
    )
    return f"http://127.0.0.1:{port}", child


def _start_advisories(log: Path, faults_file: Path) -> tuple[str, Child]:
    port = free_port()
    argv = [sys.executable, "-m", "deployments.demo.advisories", "--port", str(port), "--faults", str(faults_file)]
    return f"http://127.0.0.1:{port}", Child(
        argv, log=log, env=program_environment(), cwd=Path(__file__).resolve().parents[2]
    )


def _wait_until_healthy(base_url: str, child: Child) -> None:
    deadline = Deadline.after(_HEALTHY_DEADLINE_S)
    answered = "nothing"
    with httpx.Client(timeout=2.0, trust_env=False) as client:
        while child.running and not deadline.passed:
            with suppress(httpx.TransportError):
                answer = client.get(f"{base_url}/api/health")
                if answer.status_code == 200:
                    return
                answered = answer.text
            time.sleep(_POLL_S)
    state = f"not healthy after {_HEALTHY_DEADLINE_S:.0f} s" if child.running else "ended at its start"
    raise DemoUnavailable(f"demo service {base_url}: {state}, it answered {answered}\n{child.tail()}")
