"""Rights in a real PostgreSQL: roles, schemas and login rules as they are."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tasks.check_result import CheckResult, Status, Table, msg
from tasks.observation import Unobserved
from tasks.postgres.server import PostgresServer
from tasks.security.checks import ACCESS, ROLE, SCHEMAS
from tasks.security.rights.look import judge_rights_now
from tests.tasks.security.running import round_of, words

READER = "looker"


@pytest.fixture(scope="module")
def server(own_postgres: PostgresServer) -> PostgresServer:
    """A server whose login rules are changed here, with a role that may look."""
    with psycopg.connect(own_postgres.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {READER} LOGIN IN ROLE pg_monitor".encode())
    return own_postgres


@pytest.fixture
def shop(server: PostgresServer) -> Iterator[str]:
    """The name of a database, in which the role of the same name uses a schema that belongs to it."""
    name = f"shop_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN".encode())
        admin.execute(f"CREATE DATABASE {name}".encode())
    sql(server, name, f"CREATE SCHEMA app AUTHORIZATION {name}", f"SET ROLE {name}", "CREATE TABLE app.items (id int)")
    yield name
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        admin.execute(f"DROP ROLE {name}".encode())


def address(server: PostgresServer, database: str, role: str = "postgres") -> str:
    return f"postgresql://{role}@{server.host}:{server.port}/{database}"


def sql(server: PostgresServer, database: str, *statements: str) -> None:
    with psycopg.connect(address(server, database), autocommit=True) as admin:
        for statement in statements:
            admin.execute(statement.encode())


def look(
    folder: Path, server: PostgresServer, database: str, *, role: str = "", reader: str = READER, more: str = ""
) -> dict[str, CheckResult]:
    text = (
        f'[database]\nurl = "{address(server, database, reader)}"\n'
        f'[security.role]\nname = "{role or database}"\nschemas = ["app"]\n{more}'
    )
    return {result.check: result for result in asyncio.run(judge_rights_now(round_of(folder, text)))}


def cells(result: CheckResult) -> list[tuple[object, ...]]:
    [table] = result.evidence
    assert isinstance(table, Table)
    return [
        tuple(cell.text.format(**cell.params) if not isinstance(cell, str | int | None) else cell for cell in row)
        for row in table.rows
    ]


def test_a_role_with_its_own_schema_alone(server: PostgresServer, shop: str, tmp_path: Path) -> None:
    found = look(tmp_path, server, shop)
    assert found[ROLE.id].status is Status.PASS
    assert found[SCHEMAS.id].status is Status.PASS
    assert words(found[ROLE.id]) == f"{shop} has no more rights than it needs in {shop}"


@pytest.mark.parametrize("power", ["SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"])
def test_a_power_of_its_own(server: PostgresServer, shop: str, tmp_path: Path, power: str) -> None:
    sql(server, shop, f"ALTER ROLE {shop} {power}")
    result = look(tmp_path, server, shop)[ROLE.id]
    assert result.status is Status.FAIL
    assert cells(result) == [(power, "", f"ALTER ROLE {shop} NO{power}")]


def test_a_power_through_a_membership_of_a_membership(server: PostgresServer, shop: str, tmp_path: Path) -> None:
    sql(
        server,
        shop,
        f"CREATE ROLE {shop}_team NOINHERIT",
        f"GRANT postgres TO {shop}_team",
        f"GRANT {shop}_team TO {shop}",
    )
    sql(server, shop, f"GRANT pg_write_server_files TO {shop}")
    result = look(tmp_path, server, shop)[ROLE.id]
    sql(server, shop, f"DROP ROLE {shop}_team")
    assert result.status is Status.FAIL
    assert [row[1] for row in cells(result)] == ["pg_write_server_files", "postgres"]
    assert "SUPERUSER" in str(cells(result)[1][0])


def test_what_it_owns_elsewhere(server: PostgresServer, shop: str, tmp_path: Path) -> None:
    sql(
        server,
        shop,
        f"ALTER DATABASE {shop} OWNER TO {shop}",
        "CREATE TABLE public.notes (id serial PRIMARY KEY, body text)",
        f"ALTER TABLE public.notes OWNER TO {shop}",
        f"CREATE SCHEMA other AUTHORIZATION {shop}",
    )
    result = look(tmp_path, server, shop)[ROLE.id]
    assert result.status is Status.FAIL
    assert [row[:2] for row in cells(result)] == [
        ("owner of the database", shop),
        ("owner of the schema", "other"),
        ("2 objects", "public"),
    ]


def test_what_it_owns_through_a_membership(server: PostgresServer, shop: str, tmp_path: Path) -> None:
    sql(
        server,
        shop,
        f"CREATE ROLE {shop}_owner",
        f"ALTER ROLE {shop} NOINHERIT",
        f"GRANT {shop}_owner TO {shop}",
        f"ALTER DATABASE {shop} OWNER TO {shop}_owner",
        "CREATE TABLE public.notes (body text)",
        f"ALTER TABLE public.notes OWNER TO {shop}_owner",
        f"CREATE SCHEMA other AUTHORIZATION {shop}_owner",
        f"CREATE TABLE app.own (id int); ALTER TABLE app.own OWNER TO {shop}_owner",
    )
    result = look(tmp_path, server, shop)[ROLE.id]
    sql(server, shop, f"DROP SCHEMA other; ALTER DATABASE {shop} OWNER TO postgres; DROP OWNED BY {shop}_owner")
    sql(server, shop, f"DROP ROLE {shop}_owner")
    assert result.status is Status.FAIL
    mend = f"REVOKE {shop}_owner FROM {shop}"
    assert cells(result) == [
        ("owner of the database", f"{shop} ({shop}_owner)", mend),
        ("owner of the schema", f"other ({shop}_owner)", mend),
        ("1 objects", f"public ({shop}_owner)", mend),
    ]


def test_there_is_no_such_role(server: PostgresServer, shop: str, tmp_path: Path) -> None:
    found = look(tmp_path, server, shop, role="nobody")
    assert found[ROLE.id].status is Status.UNKNOWN
    assert words(found[ROLE.id]) == "There is no role nobody: correct [security.role] name"


def test_schemas_in_which_others_may_create(server: PostgresServer, shop: str, tmp_path: Path) -> None:
    sql(
        server,
        shop,
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "CREATE SCHEMA stock",
        f"GRANT CREATE ON SCHEMA stock TO {shop}",
        f"CREATE ROLE {shop}_team",
        f"ALTER ROLE {shop} NOINHERIT",
        f"GRANT {shop}_team TO {shop}",
        "CREATE SCHEMA tools",
        f"GRANT CREATE ON SCHEMA tools TO {shop}_team",
    )
    result = look(tmp_path, server, shop)[SCHEMAS.id]
    sql(server, shop, f"DROP SCHEMA tools; DROP ROLE {shop}_team")
    assert result.status is Status.FAIL
    assert [row[:2] for row in cells(result)] == [("public", "everybody"), ("stock", shop), ("tools", shop)]


class TestLoginRules:
    """pg_hba.conf as the server reads it."""

    @contextmanager
    def rules(self, server: PostgresServer, *lines: str) -> Iterator[None]:
        file = server.data / "pg_hba.conf"
        before = file.read_text()
        file.write_text("\n".join((*lines, before)))  # the server itself is not told to read it again
        try:
            yield
        finally:
            file.write_text(before)

    @pytest.fixture
    def readable(self, server: PostgresServer, shop: str) -> str:
        sql(
            server,
            shop,
            f"GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO {READER}",
            f"GRANT SELECT ON pg_hba_file_rules TO {READER}",
        )
        return shop

    def test_not_readable_is_unknown_and_says_how_to_allow_it(
        self, server: PostgresServer, shop: str, tmp_path: Path
    ) -> None:
        result = look(tmp_path, server, shop)[ACCESS.id]
        assert result.status is Status.UNKNOWN
        assert f"GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO {READER}" in words(result)
        sql(server, shop, f"GRANT SELECT ON pg_hba_file_rules TO {READER}")
        assert look(tmp_path, server, shop)[ACCESS.id].status is Status.UNKNOWN

    def test_declared_not_readable_is_skipped(self, server: PostgresServer, shop: str, tmp_path: Path) -> None:
        result = look(tmp_path, server, shop, more='no_login_rules = "managed by the provider"\n')[ACCESS.id]
        assert (result.status, words(result)) == (
            Status.SKIPPED,
            "pg_hba.conf is not read: managed by the provider",
        )

    def test_local_rules_are_good(self, server: PostgresServer, readable: str, tmp_path: Path) -> None:
        good = (
            "local all all trust",
            "host all all 127.0.0.1/8 trust",
            "host all all ::1/128 trust",
            "host all all samehost trust",
            "host all all 10.0.0.0/8 scram-sha-256",
            "hostssl all all 0.0.0.0/0 password",
            "host all all 0.0.0.0/0 reject",
            "hostssl all all 0.0.0.0/0 trust clientcert=verify-full",
        )
        with self.rules(server, *good):
            result = look(tmp_path, server, readable)[ACCESS.id]
        assert result.status is Status.PASS, result.evidence

    @pytest.mark.parametrize(
        "line",
        [
            "host all all 0.0.0.0/0 trust",
            "host all all all trust",
            "host all all samenet trust",
            "host all all ::/0 trust",
            "host all all shop.example trust",
            "host all all 127.0.0.0/7 trust",
            "host all all 10.0.0.0 255.0.0.0 password",
            "host all all 10.0.0.0/8 ident",
        ],
    )
    def test_open_to_the_network(self, server: PostgresServer, readable: str, tmp_path: Path, line: str) -> None:
        with self.rules(server, line):
            result = look(tmp_path, server, readable)[ACCESS.id]
        assert result.status is Status.FAIL
        assert cells(result)[0][0] == "pg_hba.conf:1"

    def test_a_secret_in_a_rule_is_not_shown(self, server: PostgresServer, readable: str, tmp_path: Path) -> None:
        line = 'host all all 10.0.0.0/8 trust ldapbindpasswd="hunter2-secret"'
        with self.rules(server, line, "host all all 0.0.0.0/0 trust"):
            result = look(tmp_path, server, readable)[ACCESS.id]
        assert result.status is Status.FAIL
        assert "hunter2" not in repr(result)

    def test_an_invalid_rule_leaves_it_open(self, server: PostgresServer, readable: str, tmp_path: Path) -> None:
        with self.rules(server, "host all all 0.0.0.0/0 nonsense"):
            result = look(tmp_path, server, readable)[ACCESS.id]
        assert result.status is Status.UNKNOWN
        assert words(result).startswith("Line 1 of pg_hba.conf is invalid: invalid authentication method")


class TestNothingToLookAt:
    """What is not asked for is skipped; what cannot be reached is unknown."""

    def statuses(self, folder: Path, text: str, past: Unobserved | None = None) -> set[tuple[str, Status]]:
        results = asyncio.run(judge_rights_now(round_of(folder, text, past=past)))
        assert [r.check for r in results] == [ROLE.id, SCHEMAS.id, ACCESS.id]
        return {(words(r), r.status) for r in results}

    DATABASE = '[database]\nurl = "postgresql://a@127.0.0.1:1/a"\n'

    def test_no_database(self, tmp_path: Path) -> None:
        text = '[security.role]\nname = "shop"\n'
        assert self.statuses(tmp_path, text) == {("The service file has no [database]", Status.SKIPPED)}

    def test_no_role(self, tmp_path: Path) -> None:
        [(reason, status)] = self.statuses(tmp_path, self.DATABASE)
        assert status is Status.SKIPPED and "[security.role] name" in reason

    def test_nobody_answers(self, tmp_path: Path) -> None:
        [(_, status)] = self.statuses(tmp_path, f'{self.DATABASE}[security.role]\nname = "shop"\n')
        assert status is Status.UNKNOWN

    def test_the_past(self, tmp_path: Path) -> None:
        text = f'{self.DATABASE}[security.role]\nname = "shop"\n'
        assert self.statuses(tmp_path, text, Unobserved(msg("It is over"))) == {("It is over", Status.UNKNOWN)}
