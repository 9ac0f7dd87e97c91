"""Dumps that create their databases, by pg_dump --create and pg_dumpall: restored, and never let loose on a server."""

import gzip
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Backup, DrillVerdict
from tasks.backups.formats.sql.globals import statements_of
from tasks.backups.formats.sql.statements import Statements
from tasks.backups.settings import BackedUp, Backups
from tasks.backups.targets import Target
from tasks.check_result import Status
from tasks.postgres.installation import Installation, installations
from tests.any_postgres import Running, serving
from tests.deep import examples, rows
from tests.shop_backups import Drilled, drilled, text
from tests.shop_database import make_shop

PASSWORD = "hush-hush"
CLUSTER = f"""
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE fast LOCATION '';
CREATE ROLE "O'Brien ""x""; --" LOGIN PASSWORD '{PASSWORD}' VALID UNTIL '2030-01-01';
CREATE ROLE app SUPERUSER LOGIN CONNECTION LIMIT 5;
CREATE ROLE readers;
COMMENT ON ROLE readers IS E'it''s \\\\ a; comment\\n\\\\connect postgres';
ALTER ROLE readers SET search_path = 'a b', public;
ALTER ROLE postgres SET statement_timeout = '1min';
GRANT readers TO app WITH ADMIN OPTION;
SET ROLE app; GRANT readers TO "O'Brien ""x""; --"; RESET ROLE;
CREATE DATABASE wiki TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' OWNER app;
CREATE DATABASE "o'dd ""name"" -- \\x; $1" TEMPLATE template0;
CREATE DATABASE shop TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
COMMENT ON DATABASE shop IS E'what \\\\connect does;\\n\\\\connect wiki\\n';
ALTER DATABASE shop SET work_mem = '5MB';
ALTER ROLE app IN DATABASE shop SET lock_timeout = '5s';
REVOKE CONNECT ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO readers
"""
BOUNDARY = r"""--
-- PostgreSQL database dump complete
--

--
-- Database "evil" dump
--

\connect evil
-- PostgreSQL database cluster dump complete
"""
TRAPS = r"""
CREATE TABLE traps (id int PRIMARY KEY, line text, at timestamptz DEFAULT now()) TABLESPACE fast;
CREATE FUNCTION trap() RETURNS text LANGUAGE sql AS $function$ SELECT $$BOUNDARY$$ $function$;
COMMENT ON FUNCTION trap() IS 'BOUNDARY';
CREATE VIEW "a ""name
\connect evil
-- Database ""evil"" dump
" AS SELECT 'BOUNDARY' AS text, E'\'' || 'BOUNDARY' AS other;
INSERT INTO traps SELECT ord, line FROM string_to_table('BOUNDARY', E'\n') WITH ORDINALITY AS t (line, ord);
INSERT INTO traps VALUES (100, '\.'), (101, E'a\n\\.\n\\connect evil'), (102, 'BOUNDARY');
GRANT SELECT ON traps TO readers, "O'Brien ""x""; --";
""".replace("BOUNDARY", BOUNDARY)
"""What stands in rows, texts and names is no part of the dump's own order."""


@dataclass(frozen=True)
class Cluster:
    """A running server with several databases, and what its own programs wrote of it."""

    server: Running
    installation: Installation
    folder: Path

    @property
    def live(self) -> str:
        return self.server.dsn("shop")

    def dumped(self, program: str, *options: str) -> bytes:
        where = ["-h", str(self.server.sockets), "-p", "5432", "-U", "postgres"]
        argv = [self.installation.program(program), *where, *options]
        return subprocess.run(argv, capture_output=True, timeout=60, check=True).stdout

    def drilled(self, dump: bytes, *, live: bool = True) -> Drilled:
        with TemporaryDirectory(dir=self.folder) as kept:
            backup = Path(kept, "shop.sql")
            backup.write_bytes(dump)
            target = Target("shop", BackedUp(pattern=str(backup)), backup.parent, self.live if live else None)
            known = Backups(
                folder=self.folder / "drills", isolation="if-possible", postgres=(self.installation.binaries,)
            )
            return drilled(target, known, backup=Backup(backup, datetime.now(UTC), len(dump)))


DEBIAN = [pytest.mark.postgresql, pytest.mark.deep]
OTHERS = [*DEBIAN, pytest.mark.study]


@pytest.fixture(scope="module", params=[pytest.param(18), pytest.param(15, marks=DEBIAN)])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    found = next((one for one in installations() if one.major == request.param), None)
    if found is None:
        pytest.skip(f"PostgreSQL {request.param} is not installed")
    with TemporaryDirectory(prefix="d-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "live").mkdir()
        (folder / "live").chmod(0o755)
        with serving(folder / "live", found) as server:
            with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
                for statement in CLUSTER.split(";\n"):
                    connection.execute(statement.encode())
            with psycopg.connect(server.dsn("shop"), autocommit=True) as connection:
                make_shop(connection, datetime.now(UTC), 1_000)
                connection.execute(TRAPS.encode())
            with psycopg.connect(server.dsn("wiki"), autocommit=True) as connection:
                connection.execute("CREATE TABLE pages (id int PRIMARY KEY, body text NOT NULL)")
                connection.execute("INSERT INTO pages VALUES (1, 'caf\u00e9'), (2, 'te')")
            yield Cluster(server, found, folder)


@pytest.fixture(scope="module")
def everything(cluster: Cluster) -> bytes:
    """A dump of all of it."""
    return cluster.dumped("pg_dumpall")


def unrestricted(dump: bytes) -> bytes:
    """As an older pg_dump wrote it, which does not restrict psql."""
    return re.sub(rb"^\\(?:un)?restrict .*\n", b"", dump, flags=re.MULTILINE)


GOOD: dict[str, Callable[[Cluster], bytes]] = {
    "pg_dumpall": lambda c: c.dumped("pg_dumpall"),
    "pg_dumpall, gzip": lambda c: gzip.compress(c.dumped("pg_dumpall")),
    "pg_dumpall, older": lambda c: unrestricted(c.dumped("pg_dumpall")),
    "pg_dumpall --clean": lambda c: c.dumped("pg_dumpall", "--clean", "--if-exists"),
    "pg_dumpall --clean alone": lambda c: c.dumped("pg_dumpall", "--clean"),
    "pg_dumpall --inserts": lambda c: c.dumped("pg_dumpall", "--inserts"),
    "pg_dump --create": lambda c: c.dumped("pg_dump", "--create", "shop"),
    "pg_dump --create, older": lambda c: unrestricted(c.dumped("pg_dump", "--create", "shop")),
    "pg_dump --create --clean": lambda c: c.dumped("pg_dump", "--create", "--clean", "shop"),
    "pg_dump --create, gzip": lambda c: gzip.compress(c.dumped("pg_dump", "--create", "shop")),
    "pg_dump --create -Fc": lambda c: c.dumped("pg_dump", "--create", "-Fc", "--no-tablespaces", "shop"),
    "pg_dump --create -Ft": lambda c: c.dumped("pg_dump", "--create", "-Ft", "--no-tablespaces", "shop"),
}
OF_EACH_CLASS = ("pg_dumpall", "pg_dump --create")


@pytest.mark.parametrize(
    ("cluster", "name"),
    [
        *(pytest.param(18, name, marks=() if name in OF_EACH_CLASS else pytest.mark.deep) for name in GOOD),
        pytest.param(15, "pg_dumpall", marks=DEBIAN),
        *(pytest.param(15, name, marks=OTHERS) for name in ("pg_dumpall, older", "pg_dump --create")),
    ],
    indirect=["cluster"],
)
def test_a_good_one_passes(cluster: Cluster, name: str) -> None:
    dump = GOOD[name](cluster)
    if "--create" in name and "-F" not in name:  # a tablespace is the cluster's, which pg_dumpall alone dumps
        plain = gzip.decompress(dump) if "gzip" in name else dump
        plain = plain.replace(b"SET default_tablespace = fast;", b"")
        dump = gzip.compress(plain) if "gzip" in name else plain
    found = cluster.drilled(dump)
    assert found.verdict is DrillVerdict.PASSED, found.summary()
    assert {found.statuses[step] for step in ("restore", "schema", "counts")} == {Status.PASS}, found.summary()
    assert PASSWORD not in str(found) and "SCRAM-SHA" not in str(found)
    contents = found.drill.contents
    assert contents is not None
    assert {"app", "readers", 'O\'Brien "x"; --'} <= set(contents.roles)
    traps = contents.table("public.traps")
    assert traps is not None and traps.rows == BOUNDARY.count("\n") + 4


def test_of_several_databases_one_must_be_named(cluster: Cluster, everything: bytes) -> None:
    found = cluster.drilled(everything, live=False)
    assert found.statuses["restore"] is Status.UNKNOWN and found.verdict is DrillVerdict.ERROR
    assert "several databases (o'dd" in (why := text(found.result("restore").reason)) and "shop, wiki): set live" in why


def test_one_without_the_database_fails(cluster: Cluster) -> None:
    found = cluster.drilled(cluster.dumped("pg_dumpall", "--exclude-database=shop"))
    assert found.verdict is DrillVerdict.FAILED
    assert "does not contain database shop; it contains" in text(found.result("restore").reason)
    found = cluster.drilled(cluster.dumped("pg_dump", "--create", "wiki"))
    assert found.verdict is DrillVerdict.FAILED
    assert text(found.result("container").reason) == "This is a dump of database wiki, not of shop"


@pytest.mark.parametrize("cluster", [18], indirect=True)
@pytest.mark.parametrize("packed", [False, True])
def test_roles_alone_are_no_backup_of_a_database(cluster: Cluster, packed: bool) -> None:
    dump = cluster.dumped("pg_dumpall", "--globals-only")
    found = cluster.drilled(gzip.compress(dump) if packed else dump)
    assert found.statuses["container"] is Status.UNKNOWN and found.verdict is DrillVerdict.ERROR
    assert "roles and tablespaces only" in text(found.result("container").reason)
    found = cluster.drilled(dump.replace(b"--\n-- Roles\n", b"-- " + b"x" * 100_000 + b"\n--\n-- Roles\n"))
    assert found.statuses["decode"] is Status.UNKNOWN, found.summary()


def after(dump: bytes, mark: bytes, more: bytes) -> bytes:
    """Something behind the first place of a mark."""
    at = dump.index(mark) + len(mark)
    return dump[:at] + more + dump[at:]


SHOP = b'-- Database "shop" dump\n'
WIKI = b'-- Database "wiki" dump\n'
END = b"-- PostgreSQL database dump complete\n"
FAULTS: dict[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "cut in half": (lambda d: d[: len(d) // 2], "decode", "end mark"),
    "cut before its last end mark": (lambda d: d[: d.rindex(b"-- PostgreSQL database cluster")], "decode", "end mark"),
    "cut between two databases": (lambda d: d[: d.index(b"--\n" + WIKI)], "decode", "end mark"),
    "one database without its end": (
        lambda d: d[: d.rindex(END, 0, d.index(WIKI))] + d[d.index(b"--\n" + WIKI) :], "decode", "end mark"),
    "one database without its last line": (
        lambda d: d[: d.rindex(b"\\unrestrict", 0, d.index(WIKI))] + d[d.index(b"--\n" + WIKI) :], "decode",
        "was truncated after its end mark"),
    "rows of another database twice": (
        lambda d: d.replace(b"\n2\tte\n", b"\n2\tte\n2\tte\n"), "restore", "Database wiki of the same dump is damaged"),
    "a role lost": (lambda d: re.sub(rb"(?:CREATE|ALTER) ROLE readers.*\n", b"", d), "restore", "readers"),
    "zeros": (lambda d: d[:-9000] + bytes(4096) + d[-4904:], "decode", "NUL bytes"),
    "one dump behind another": (lambda d: d + d, "decode", "more behind its end mark"),
    "garbage behind it": (lambda d: d + b"garbage;\n", "decode", "more behind its end mark"),
    "a part without a head": (lambda d: d.replace(b"CREATE DATABASE wiki", b"CREATE DATABASF wiki"), "decode",
                              "does not say which database"),
    "gzip, cut": (lambda d: gzip.compress(d)[:-9], "decode", "gzip"),
    "a damaged statement before the databases": (lambda d: d.replace(b"CREATE ROLE app;", b"CREATE ROME app;"),
                                                 "decode", "a damaged one"),
}  # fmt: skip


@pytest.mark.parametrize("cluster", [18], indirect=True)
@pytest.mark.parametrize(
    "name", rows({name: name for name in FAULTS}, ("cut between two databases", "rows of another database twice"))
)
def test_a_fault_is_found(cluster: Cluster, everything: bytes, name: str) -> None:
    damage, step, word = FAULTS[name]
    damaged = damage(everything)
    assert damaged != everything
    found = cluster.drilled(damaged)
    assert found.verdict is DrillVerdict.FAILED, found.summary()
    assert found.statuses[step] is Status.FAIL and word in text(found.result(step).reason), found.summary()


ELSEWHERE = b"\\connect -reuse-previous=on \"dbname='shop' host=127.0.0.1\"\n"
DISARMS = b"\nALTER ROLE postgres NOSUPERUSER NOLOGIN;\nDROP ROLE app;\n"
OTHERWISE_QUOTED = b"\nSET standard_conforming_strings = off;\nSELECT 'x\\';\n" + BOUNDARY.encode() + b"';"
RECONFIGURES = b"\nALTER SYSTEM SET archive_command = 'touch /tmp/drill-was-here';"
HEAD_END = b"\\connect shop\n"
ROWS = b"\nCOPY public.order_lines"
HOSTILE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "connects elsewhere": (lambda d: after(d, HEAD_END, ELSEWHERE),
                           "psql command"),
    "connects elsewhere in its head": (
        lambda d: d.replace(HEAD_END, b'\\connect "host=127.0.0.1 dbname=shop"\n', 1), "does not say which database"),
    "connects to another database of the server": (lambda d: after(d, HEAD_END, b"\\connect wiki\n"), "psql command"),
    "connects in the middle": (lambda d: d.replace(ROWS, b"\n\\connect shop" + ROWS), "psql command"),
    "runs a command": (lambda d: after(d, HEAD_END, b"\\! touch /tmp/drill-was-here\n"), "psql command"),
    "runs a command before the databases": (
        lambda d: after(d, b"-- Roles\n--\n", b"\n\\! touch /tmp/drill-was-here\n"), "never writes"),
    "runs a program": (lambda d: d.replace(ROWS, b"\nCOPY (SELECT 1) TO PROGRAM 'sh -c \"exit 1\"';" + ROWS), ""),
    "changes the server's superuser": (
        lambda d: after(d, b"-- Roles\n--\n", DISARMS), "passes"),
    "ALTER SYSTEM": (
        lambda d: after(d, b"-- Roles\n--\n", RECONFIGURES + b"\n"),
        "never writes"),
    "ALTER SYSTEM in a database": (
        lambda d: d.replace(ROWS, RECONFIGURES + ROWS),
        "cannot run inside a transaction block"),
    "two statements in one": (
        lambda d: d.replace(b"CREATE ROLE app;", b"CREATE ROLE app; DROP TABLESPACE fast;"), "never writes"),
    "a function before the databases": (
        lambda d: after(d, b"-- Roles\n--\n", b"\nDO $$ BEGIN EXECUTE 'SELECT 1'; END $$;\n"), "never writes"),
    "a tablespace elsewhere": (
        lambda d: re.sub(rb"(CREATE TABLESPACE fast .*LOCATION )'.*'", rb"\1'/tmp/drill-was-here'", d), "passes"),
    "a database twice": (
        lambda d: d.replace(b"--\n" + WIKI, d[d.index(b"--\n" + SHOP) : d.index(b"--\n" + WIKI)] + b"--\n" + WIKI),
        "contains database shop twice"),
    "a database by the name of another": (
        lambda d: d.replace(b'CREATE DATABASE wiki', b'CREATE DATABASE "wiki\n\\\\! touch /tmp/drill-was-here\n"'),
        "does not say which database"),
    "end marks in the rows": (
        lambda d: d.replace(b"\n2\tte\n", b"\n2\tte\n3\t-- PostgreSQL database cluster dump complete\n"), "passes"),
    "a boundary in a text of another way to quote": (
        lambda d: d.replace(ROWS, OTHERWISE_QUOTED + ROWS), ""),
    "the rest in a comment": (lambda d: d.replace(ROWS, b"\n/* " + ROWS), "end mark"),
    "the rest in a text": (lambda d: d.replace(ROWS, b"\nSELECT 'x" + ROWS), ""),
    "taken back": (lambda d: d.replace(ROWS, b"\nROLLBACK; BEGIN;" + ROWS), ""),
    "another restriction": (lambda d: after(d, HEAD_END, b"\\unrestrict guessed\n\\! true\n"), "psql command"),
}  # fmt: skip
ALWAYS = ("connects elsewhere", "changes the server's superuser", "end marks in the rows")
UNRESTRICTED = ("connects in the middle", "runs a command", "another restriction", "taken back",
                "the rest in a text", "end marks in the rows")  # fmt: skip
"""What an older dump, which does not restrict psql, could do besides."""


@pytest.mark.parametrize(
    ("cluster", "older", "name"),
    [
        *(pytest.param(18, False, name, marks=() if name in ALWAYS else pytest.mark.deep) for name in HOSTILE),
        pytest.param(15, True, "connects elsewhere", marks=DEBIAN),
        *(pytest.param(15, True, name, marks=OTHERS) for name in UNRESTRICTED),
    ],
    indirect=["cluster"],
)
def test_a_malicious_one_passes_only_where_it_is_right(
    cluster: Cluster, everything: bytes, name: str, older: bool
) -> None:
    change, word = HOSTILE[name]
    before = cluster.dumped("pg_dumpall", "--globals-only")
    malicious = change(unrestricted(everything) if older else everything)
    assert malicious != everything
    with suppress(FileNotFoundError):
        Path("/tmp/drill-was-here").unlink()
    found = cluster.drilled(malicious)
    assert not Path("/tmp/drill-was-here").exists()
    assert found.verdict is (DrillVerdict.PASSED if word == "passes" else DrillVerdict.FAILED), found.summary()
    if word != "passes":
        first = found.first(Status.FAIL)
        assert first is not None and word in text(first.reason), found.summary()
    assert PASSWORD not in str(found) and "SCRAM-SHA" not in str(found)
    assert unrestricted(cluster.dumped("pg_dumpall", "--globals-only")) == unrestricted(before)


def test_a_password_is_left_out(cluster: Cluster, everything: bytes) -> None:
    head = everything[: everything.index(b"--\n-- Database")]
    assert b"PASSWORD 'SCRAM" in head
    statements = b"".join(statements_of(head))
    assert b"PASSWORD" not in statements and b"VALID UNTIL" in statements and b"GRANTED BY" not in statements


@pytest.mark.parametrize("cluster", [18], indirect=True)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_marks_are_found_however_the_text_is_divided(everything: bytes, size: int) -> None:
    whole = Statements()
    marks = [*whole.marks(everything), *whole.marks(b"", last=True)]
    first, *databases, last = [line for _, line in marks]
    assert first == b"-- PostgreSQL database cluster dump\n"
    assert last == b"-- PostgreSQL database cluster dump complete\n"
    assert len(databases) == 5 and WIKI in databases and not whole.within
    divided, found = Statements(), []
    for at in range(0, len(everything), size):
        found += divided.marks(everything[at : at + size])
    assert [*found, *divided.marks(b"", last=True)] == marks


def test_a_long_line_is_followed_without_being_kept() -> None:
    long = b"INSERT INTO t VALUES ('" + b"x'' -- \\ $a$ /* \"" * 300_000 + b"');\n"
    mark = b'-- Database "shop" dump\n'
    escaped = b"SELECT E'" + b"x\\'\\\\" * 1_000_000 + b"';\n"
    for dump in (long + mark, b"COPY t FROM stdin;\n" + long + b"\\.\n" + mark, escaped + mark):
        lines, found, most = Statements(), [], 0
        for at in range(0, len(dump), 65_536):
            found += lines.marks(dump[at : at + 65_536])
            most = max(most, at - lines.read)
        assert [line for _, line in (*found, *lines.marks(b"", last=True))] == [mark]
        assert most < 2_000_000


@pytest.mark.parametrize("text_of", [b"CREATE ROLE a; x", b"GRANT a TO b", b"ALTER ROLE a SET x TO 'b;\n", b"\\q\n"])
def test_what_is_no_whole_statement_is_refused(text_of: bytes) -> None:
    with pytest.raises(BadBackup, match="never writes"):
        statements_of(text_of)


def test_a_long_statement_is_read_in_one_way() -> None:
    """Where several ways to read a text are tried, the time doubles with each quotation mark."""
    with pytest.raises(BadBackup):
        statements_of(b"COMMENT ON ROLE a IS " + b"E'a''b\\'' " * 5_000 + b"'")


TOKENS = (b"'", b'"', b"E'", b"\\", b"$$", b"$a$", b"--", b"/*", b"*/", b"\n", b"COPY t FROM stdin;\n", b"\\.\n", b"e-")
ANY_MARK = b'\n-- Database "x" dump\n'


@given(st.lists(st.sampled_from((*TOKENS, ANY_MARK)), max_size=25), st.integers(1, 9))
@settings(max_examples=examples(200), deadline=None)
def test_any_text_is_read_the_same_in_pieces(tokens: list[bytes], size: int) -> None:
    dump = b"".join((*tokens, ANY_MARK))
    whole, divided, found = Statements(), Statements(), []
    for at in range(0, len(dump), size):
        found += divided.marks(dump[at : at + size])
    found += divided.marks(b"", last=True)
    assert found == [*whole.marks(dump), *whole.marks(b"", last=True)]
    assert all(dump.startswith(line, at) for at, line in found)
