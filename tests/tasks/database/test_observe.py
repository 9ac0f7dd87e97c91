"""The database as it answers, refuses, waits and hangs; nothing it is given writes, and no password is ever shown."""

import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from tasks.check_result import Status
from tasks.database.connection import Server, connected, interrupt
from tasks.database.facts import (
    Cache,
    Connections,
    Exhausted,
    Locks,
    Replication,
    Size,
    Transactions,
    Vacuum,
    Wraparound,
)
from tasks.database.judge import judge_database
from tasks.database.limits import DatabaseLimits
from tasks.database.observe import read_database
from tasks.observation import Absent, ObservationError, Unobserved
from tasks.postgres.server import PostgresServer
from tasks.processes import free_port

PASSWORD = "hunter2-secret"
NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture(scope="module")
def postgres(own_postgres: PostgresServer) -> PostgresServer:
    """A server that other tests do not use: it is filled up here, and has a slot that nobody uses."""
    return own_postgres


@pytest.fixture(scope="module")
def shop(postgres: PostgresServer) -> Iterator[str]:
    """The address of a database with a table, as its owner."""
    name = f"shop_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    url = f"postgresql://postgres@{postgres.host}:{postgres.port}/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE items (id int, note text)")
        connection.execute("INSERT INTO items SELECT n, 'x' FROM generate_series(1, 100) n")
        yield url
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def role(postgres: PostgresServer, url: str, options: str = "") -> Iterator[tuple[str, str]]:
    """A role of its own: its name and the address to connect with."""
    name = f"reader_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' {options}".encode())
        yield name, url.replace("postgres@", f"{name}@")
        admin.execute(f"DROP ROLE {name}".encode())


def at(url: str, seconds: float = 30.0, connect_s: int = 30) -> Server:
    return Server(url, statement_timeout_s=seconds, connect_timeout_s=connect_s)


def numbers(url: str, *statements: str, seconds: float = 30.0) -> list[float | str]:
    """What each statement gives: its number, or why it gives none."""
    found = read_database.fn(at(url, seconds), {str(n): sql for n, sql in enumerate(statements)})
    return [str(ObservationError(n.reason)) if isinstance(n, Unobserved) else n for n in found.numbers.values()]


class TestFacts:
    """Everything there is to see."""

    def test_the_owner_of_a_server_sees_it_all(self, shop: str) -> None:
        facts = read_database.fn(at(shop))
        assert isinstance(facts.connections, Connections)
        assert facts.connections.used >= 2 and facts.connections.usable == 97
        assert isinstance(facts.transactions, Transactions) and isinstance(facts.locks, Locks)
        assert isinstance(facts.wraparound, Wraparound) and facts.wraparound.xid_max_age == 200_000_000
        assert isinstance(facts.replication, Absent)
        assert isinstance(facts.vacuum, Vacuum) and isinstance(facts.cache, Cache)
        assert isinstance(facts.size, Size) and facts.size.tables[0][0] == "items"
        statuses = {r.status for r in judge_database(facts, DatabaseLimits(), NOW)}
        assert Status.UNKNOWN not in statuses and Status.PASS in statuses

    def test_a_transaction_that_idles_and_a_lock_that_is_waited_for(self, shop: str) -> None:
        with psycopg.connect(shop) as holder, psycopg.connect(shop, autocommit=True) as waiter:
            holder.execute("LOCK TABLE items")
            thread = threading.Thread(target=lambda: waiter.execute("SELECT count(*) FROM items"), daemon=True)
            thread.start()
            for seconds in (0.3, 0.3, 1, 5, 20):  # sizes take all of it; a busy machine may need it for the others
                # A lock on a table of the database is not in the way of the look itself.
                facts = read_database.fn(at(shop, seconds=seconds))
                seen = isinstance(facts.transactions, Transactions) and isinstance(facts.locks, Locks)
                if seen and facts.locks.waits:
                    break
            assert isinstance(facts.locks, Locks) and isinstance(facts.transactions, Transactions)
            [wait] = facts.locks.waits
            assert (wait.relation, wait.blocked_by) == ("items", str(holder.info.backend_pid))
            assert facts.locks.longest_wait_s > 0
            idle = {s.pid: s for s in facts.transactions.sessions}[holder.info.backend_pid]
            assert idle.state == "idle in transaction" and idle.idle_s is not None
            assert facts.transactions.oldest_idle_s >= idle.idle_s > 0
            # Sizes need that very lock: not seen, and reported as such.
            assert isinstance(facts.size, Unobserved)
            holder.rollback()
            thread.join(60)

    def test_dead_rows_and_an_unused_slot(self, shop: str) -> None:
        slot = f"slot_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(shop, autocommit=True) as connection:
            connection.execute("ALTER TABLE items SET (autovacuum_enabled = off)")
            connection.execute("UPDATE items SET note = 'y'")
            connection.execute("SELECT pg_stat_force_next_flush()")
            connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", (slot,))
            try:
                facts = read_database.fn(at(shop))
            finally:
                connection.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
        assert isinstance(facts.vacuum, Vacuum)
        assert (facts.vacuum.tables[0].name, facts.vacuum.dead) == ("public.items", 100)
        assert isinstance(facts.replication, Replication)
        [seen] = [s for s in facts.replication.slots if s.name == slot]
        assert (seen.active, seen.wal_status) == (False, "reserved") and seen.retained_bytes is not None


class TestRole:
    """A role that sees little never makes a figure green."""

    def test_without_pg_monitor_what_others_do_is_unknown_with_advice(
        self, postgres: PostgresServer, shop: str
    ) -> None:
        with role(postgres, shop) as (name, url):
            facts = read_database.fn(at(url))
        for part in (facts.connections, facts.transactions, facts.replication):
            assert isinstance(part, Unobserved)
            assert str(ObservationError(part.reason)) == (
                f"The role may not see other sessions: GRANT pg_monitor TO {name}"
            )
        statuses = {r.check: r.status for r in judge_database(facts, DatabaseLimits(), NOW)}
        assert statuses["resources.database-connections"] is Status.UNKNOWN
        assert statuses["resources.database-transactions"] is Status.UNKNOWN
        assert isinstance(facts.locks, Locks) and isinstance(facts.wraparound, Wraparound)

    def test_with_pg_monitor_all_is_seen(self, postgres: PostgresServer, shop: str) -> None:
        with role(postgres, shop, "IN ROLE pg_monitor") as (_, url):
            facts = read_database.fn(at(url))
        assert isinstance(facts.connections, Connections) and isinstance(facts.transactions, Transactions)

    def test_statistics_that_are_switched_off_are_not_zero(self, postgres: PostgresServer, shop: str) -> None:
        with role(postgres, shop, "IN ROLE pg_monitor") as (name, url):
            with psycopg.connect(postgres.dsn, autocommit=True) as admin:
                admin.execute(f"ALTER ROLE {name} SET track_counts = off".encode())
                admin.execute(f"ALTER ROLE {name} SET track_activities = off".encode())
            facts = read_database.fn(at(url))
        parts = (facts.connections, facts.transactions, facts.vacuum, facts.cache)
        assert all(isinstance(part, Unobserved) for part in parts)

    @pytest.mark.parametrize("limited", ["ROLE {name} CONNECTION LIMIT 0", "DATABASE {shop} CONNECTION LIMIT 0"])
    def test_its_own_limit_is_not_a_full_server(self, postgres: PostgresServer, shop: str, limited: str) -> None:
        database = shop.rpartition("/")[2]
        with role(postgres, shop) as (name, url), psycopg.connect(postgres.dsn, autocommit=True) as admin:
            admin.execute(f"ALTER {limited.format(name=name, shop=database)}".encode())
            try:
                with pytest.raises(ObservationError, match="its own connection limit"):
                    read_database.fn(at(url))
            finally:
                admin.execute(f"ALTER DATABASE {database} CONNECTION LIMIT -1".encode())

    def test_one_connection_is_enough_for_everything(self, postgres: PostgresServer, shop: str) -> None:
        with role(postgres, shop, "IN ROLE pg_monitor CONNECTION LIMIT 1") as (_, url):
            facts = read_database.fn(at(url), {"kpi:orders": "SELECT 7"})
        assert isinstance(facts.connections, Connections) and facts.numbers == {"kpi:orders": 7.0}

    def test_a_server_without_a_connection_left_is_full(self, postgres: PostgresServer, shop: str) -> None:
        with role(postgres, shop) as (_, url), ExitStack() as taken:
            with suppress(psycopg.OperationalError):
                while True:
                    taken.enter_context(psycopg.connect(url))
            facts = read_database.fn(at(url), {"kpi:orders": "SELECT 7"})
        assert isinstance(facts.connections, Exhausted) and isinstance(facts.locks, Unobserved)
        assert isinstance(facts.numbers["kpi:orders"], Unobserved)
        assert judge_database(facts, DatabaseLimits(), NOW)[0].status is Status.FAIL

    @pytest.mark.parametrize(
        ("message", "full"),
        [
            ("sorry, too many clients already", True),
            ("remaining connection slots are reserved for roles with the SUPERUSER attribute", True),
            ("現在クライアント数が多すぎます", True),
            ("残りの接続スロットはレプリケーションユーザーではないスーパーユーザー用に予約されています", True),
            ('ロール"kim"からの接続が多すぎます', False),
            ('データベース"shop"への接続が多すぎます', False),
            ("désolé, trop de clients sont déjà connectés", None),
        ],
    )
    def test_a_refusal_in_the_language_of_the_server(self, message: str, full: bool | None) -> None:
        with refusing(message) as url:
            if full:
                assert isinstance(read_database.fn(at(url)).connections, Exhausted)
                return
            with pytest.raises(ObservationError) as error:
                read_database.fn(at(url))
        assert ("its own connection limit" if full is False else "set lc_messages = 'C'") in str(error.value)
        assert "kim" not in str(error.value)


@contextmanager
def refusing(message: str) -> Iterator[str]:
    """The address of a server that refuses everybody with these words, as PostgreSQL does."""
    fields = b"".join(
        kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", "53300"), (b"M", message))
    )
    body = fields + b"\0"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with suppress(OSError):
                line, _ = listener.accept()
                with line:
                    line.recv(4096)
                    line.sendall(b"E" + (len(body) + 4).to_bytes(4) + body)

        threading.Thread(target=answer, daemon=True).start()
        yield f"postgresql://reader@127.0.0.1:{listener.getsockname()[1]}/shop?sslmode=disable&gssencmode=disable"


class TestNumbers:
    """One row, one column, one number."""

    def test_numbers(self, shop: str) -> None:
        given = (
            "SELECT 5",
            "SELECT 2.50::numeric",
            "SELECT 1e3::float8",
            "SELECT count(*) FROM items -- 100 %s",
            "TABLE x",
        )
        assert numbers(shop, *given)[:4] == [5.0, 2.5, 1000.0, 100.0]

    @pytest.mark.parametrize(
        ("sql", "message"),
        [
            ("SELECT 'many'", "The query returned many, not a number"),
            ("SELECT NULL", "The query returned NULL, not a number"),
            ("SELECT true", "The query returned True, not a number"),
            ("SELECT 'NaN'::float8", "The query returned nan, not a number"),
            ("SELECT 'Infinity'::numeric", "The query returned Infinity, not a number"),
            ("SELECT 1 UNION ALL SELECT 2", "The query returned more than one row"),
            ("SELECT 1 WHERE false", "The query returned no row: one number is needed"),
            ("SELECT 1, 2", "The query returned 2 columns: one number is needed"),
            ("SELEC 1", 'The database refused the query: syntax error at or near "SELEC"'),
            ("SELECT n FROM nowhere", 'The database refused the query: relation "nowhere" does not exist'),
            ("SELECT 1; SELECT 2", "The database refused the query: cannot insert multiple commands"),
            ("INSERT INTO items VALUES (1)", "The query tried to write, but only reading is allowed"),
            ("DELETE FROM items RETURNING id", "The query tried to write, but only reading is allowed"),
            ("SELECT nextval('s')", "The database refused the query"),
            ("CREATE TEMP TABLE t (n int)", "The query tried to write, but only reading is allowed"),
            ("SET work_mem = 64", "The query returned no row: one number is needed"),
        ],
    )
    def test_what_is_not_one_number(self, shop: str, sql: str, message: str) -> None:
        [found] = numbers(shop, sql)
        assert message in str(found)

    def test_what_takes_too_long(self, shop: str) -> None:
        [found] = numbers(shop, "SELECT pg_sleep(5)", seconds=0.4)
        assert found == "The database did not answer a query within 0.4 s"

    def test_no_statement_opens_the_way_for_the_next(self, shop: str) -> None:
        found = numbers(
            shop,
            "SET TRANSACTION READ WRITE",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
            "SELECT set_config('default_transaction_read_only', 'off', false) = 'off'",
            "SELECT set_config('transaction_read_only', 'off', false) = 'off'",
            "COMMIT",
            "INSERT INTO items VALUES (1) RETURNING id",
            "SELECT count(*) FROM items",
        )
        assert found[-2:] == ["The query tried to write, but only reading is allowed", 100.0]

    def test_one_failure_leaves_the_others(self, shop: str) -> None:
        assert numbers(shop, "SELECT 1/0", "SELECT 7")[1] == 7.0

    def test_a_database_error_is_shown_without_personal_data(self, shop: str) -> None:
        found = numbers(
            shop,
            "SELECT 'Kim Smith'::int",
            "SELECT 'kim@example.com'",
            "SELECT '" + "x" * 500 + "'",
        )
        assert found[0] == 'The database refused the query: invalid input syntax for type integer: "…"'
        assert found[1] == "The query returned <email>, not a number"
        assert not any("kim" in str(text).lower() for text in found)
        assert len(str(found[2])) < 100

    def test_a_look_ends_in_its_time_and_keeps_what_it_has_seen(self, shop: str) -> None:
        asked = {str(n): "SELECT pg_sleep(9)" for n in range(4)}
        facts = read_database.fn(at(shop), asked, longest_s=4.0)
        assert isinstance(facts.locks, Locks)
        reasons = {str(ObservationError(n.reason)) for n in facts.numbers.values() if isinstance(n, Unobserved)}
        assert reasons == {"Reading the database took more than 4.0 s in total"}

    def test_a_table_that_the_role_may_not_read(self, postgres: PostgresServer, shop: str) -> None:
        with role(postgres, shop) as (_, url):
            [found] = numbers(url, "SELECT count(*) FROM items")
        assert found == "The role may not read this: permission denied for table items"


@contextmanager
def proxy(host: str, port: int) -> Iterator[tuple[int, threading.Event]]:
    """A line to a server that, once the event is set, stays open and carries nothing any more."""
    dead = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def carry(here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(65536):
                if not dead.is_set():
                    there.sendall(data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((host, port))
                kept.extend((client, server))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=carry, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1], dead
    for line in (listener, *kept):
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        line.close()


class TestNoConnection:
    """Why there is no connection, in words without address or password."""

    def refusal(self, url: str, connect_s: int = 30) -> str:
        with pytest.raises(ObservationError) as error:
            read_database.fn(at(url, connect_s=connect_s))
        assert error.value.__cause__ is None and error.value.__suppress_context__
        assert PASSWORD not in repr(error.value) and PASSWORD not in repr(at(url))
        assert "127.0.0.1" not in str(error.value)
        return str(error.value)

    def test_nobody_listens(self) -> None:
        url = f"postgresql://reader:{PASSWORD}@127.0.0.1:{free_port()}/shop"
        assert self.refusal(url).startswith("The database refused the connection")

    def test_a_socket_that_never_answers(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            started = time.monotonic()
            url = f"postgresql://reader:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}/shop"
            assert self.refusal(url, connect_s=2) == "The database did not answer in time"
            assert 2 <= time.monotonic() - started < 30

    def test_a_name_that_is_not_there(self, shop: str) -> None:
        assert self.refusal(f"{shop}x").startswith("There is no database with that name")
        assert self.refusal(shop.replace("postgres@", "nobody@")).startswith("There is no role with that name")

    def test_an_address_that_is_none(self) -> None:
        assert (
            self.refusal(f"postgresql://u@h/x?passwort={PASSWORD}")
            == "The address of the database is not a PostgreSQL address"
        )

    def test_a_wrong_password(self, postgres: PostgresServer, shop: str) -> None:
        hba = postgres.data / "pg_hba.conf"
        before = hba.read_text()
        with role(postgres, shop) as (name, url), psycopg.connect(postgres.dsn, autocommit=True) as admin:
            try:
                _reload(admin, hba, f"host all {name} 127.0.0.1/32 scram-sha-256\n{before}")
                wrong = url.replace(f"{name}@", f"{name}:{PASSWORD}-wrong@")
                assert self.refusal(wrong).startswith("The database refused the password")
                assert self.refusal(url).startswith("The database requires a password")
                right = url.replace(f"{name}@", f"{name}:{PASSWORD}@")
                assert isinstance(read_database.fn(at(right)).locks, Locks)
                _reload(admin, hba, f"host all {name} 127.0.0.1/32 reject\n{before}")
                assert self.refusal(right).startswith(("pg_hba.conf", "The database", "Connection failed"))
            finally:
                _reload(admin, hba, before)

    def test_a_line_that_dies_after_the_login_is_cut(self, postgres: PostgresServer, shop: str) -> None:
        with proxy(postgres.host, postgres.port) as (port, dead):
            url = shop.replace(f":{postgres.port}", f":{port}")
            started = time.monotonic()
            with (
                pytest.raises(ObservationError, match="The connection to the database was lost"),
                connected(at(url), deadline_s=0.3) as connection,
            ):
                dead.set()
                connection.execute("SELECT 1")
            assert 0.3 <= time.monotonic() - started < 30

    def test_a_statement_that_cannot_be_cancelled_is_cut(
        self, postgres: PostgresServer, shop: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tasks.database.connection._CANCEL_S", 0.2)
        with proxy(postgres.host, postgres.port) as (port, dead), ThreadPoolExecutor(1) as pool:
            connection = psycopg.connect(shop.replace(f":{postgres.port}", f":{port}"))
            waiting = pool.submit(connection.execute, "SELECT pg_sleep(300)")
            while connection.info.transaction_status is not TransactionStatus.ACTIVE:
                time.sleep(0.01)
            dead.set()
            interrupt(connection)
            with pytest.raises(psycopg.OperationalError):
                waiting.result(60)
            connection.close()


def _reload(admin: psycopg.Connection, hba: Path, text: str) -> None:
    """Writes the rules of who may connect, and waits until new connections follow them."""
    hba.write_text(text)
    before = admin.execute("SELECT pg_conf_load_time()").fetchone()
    time.sleep(0.01)
    admin.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with psycopg.connect(admin.info.dsn) as fresh:
            if fresh.execute("SELECT pg_conf_load_time()").fetchone() != before:
                return
    raise AssertionError("the server did not read its rules again")


def test_everything_through_one_read_only_connection(shop: str) -> None:
    with connected(at(shop, seconds=5.0), 60.0) as connection:
        rows: Mapping[str, str] = dict(
            connection.execute(
                "SELECT name, setting FROM pg_settings WHERE name IN"
                " ('default_transaction_read_only', 'statement_timeout', 'lock_timeout', 'application_name')"
            ).fetchall()
        )
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("INSERT INTO items VALUES (1)")
    assert rows == {
        "default_transaction_read_only": "on",
        "statement_timeout": "5000",
        "lock_timeout": "5000",
        "application_name": "opsrounds",
    }
