"""Databases for the tests, and the word of CI that nothing is skipped there."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from sqlalchemy import Engine

from tasks.history.engine import open_history
from tasks.history.migrate import require_current
from tasks.postgres.server import PostgresServer, running_postgres

pytest_plugins = ["tests.operated"]

# A busy machine's hiccup is no finding of a test.
hypothesis.settings.register_profile(
    "opsrounds", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("opsrounds")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server without a password, shared by all tests."""
    with running_postgres(tmp_path_factory.mktemp("postgres"), fsync=False) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database; a test that asks for it runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'history.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"history_{uuid.uuid4().hex}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield f"postgresql://postgres@{server.host}:{server.port}/{name}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def history(history_url: str, tmp_path: Path) -> Iterator[Engine]:
    """An opened history database with the present schema."""
    engine = open_history(history_url, tmp_path)
    require_current(engine)
    yield engine
    engine.dispose()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was skipped where nothing may be."""
    if _skipped_against_the_rules(terminalreporter):
        terminalreporter.write_line("OPSROUNDS_SKIP_NOTHING is set, and tests were skipped", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skipped test fails the run where OPSROUNDS_SKIP_NOTHING is set."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker of pytest-xdist; what it skipped is known where all results arrive
        return
    if exitstatus == pytest.ExitCode.OK and _skipped_against_the_rules(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skipped_against_the_rules(reporter: pytest.TerminalReporter) -> bool:
    return bool(os.environ.get("OPSROUNDS_SKIP_NOTHING")) and bool(reporter.stats.get("skipped"))
