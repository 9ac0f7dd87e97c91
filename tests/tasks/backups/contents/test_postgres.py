"""The contents of a real PostgreSQL, before and after a dump and its restore, and what a role must not miss."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from tasks.backups.contents.postgres import read_contents
from tasks.backups.contents.wanted import MIXED, Wanted
from tasks.backups.facts import Contents, Sequence, TableContents, Violation
from tasks.observation import ObservationError
from tasks.postgres.installation import postgres_binaries
from tasks.postgres.server import PostgresServer
from tasks.processes import run

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WHOLE = Wanted(NOW, "whole")
HOSTILE = "a \"b\" %s %% {x} 'c'\n-- 注文"
EVERYTHING = r"""
CREATE SCHEMA billing;
CREATE TYPE mood AS ENUM ('ok', 'so so');
CREATE TYPE address AS (street text, zip varchar(8));
CREATE TYPE span AS RANGE (subtype = timestamptz);
CREATE DOMAIN email AS text NOT NULL CHECK (VALUE LIKE '%@%');
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name varchar(80) COLLATE "C" NOT NULL DEFAULT 'nobody',
    gone int,
    email email,
    state varchar(10) NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'old', 'it''s (so)::text')),
    lives address,
    since date
);
INSERT INTO customers (name, email, state, lives, since)
    SELECT 'c' || n, n || '@example.com', 'old', ROW('street ' || n, n)::address, '2026-01-01'::date + n
    FROM generate_series(1, 50) AS n;
ALTER TABLE customers DROP COLUMN gone;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE customers FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON customers FOR SELECT USING (name = current_user);
CREATE TABLE orders (id bigserial PRIMARY KEY, customer bigint, note text, mood mood, at timestamptz, due timestamp);
INSERT INTO orders (customer, note, mood, at, due)
    SELECT n % 50 + 1, 'note ' || n, 'ok', '2026-01-01 00:00+00'::timestamptz + n * interval '1 hour',
        '2026-02-01'::timestamp + n * interval '1 hour'
    FROM generate_series(1, 500) AS n;
ALTER TABLE orders ADD CONSTRAINT orders_customer_fkey FOREIGN KEY (customer) REFERENCES customers
    ON DELETE CASCADE NOT VALID;
CREATE INDEX orders_at ON orders (at DESC);
CREATE UNIQUE INDEX orders_open ON orders (customer, lower(note)) WHERE mood = 'ok';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RETURN new;
END $$;
CREATE FUNCTION "double"(n int, times int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE STRICT SECURITY DEFINER
    AS 'SELECT n * times';
CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW WHEN (old.id = new.id) EXECUTE FUNCTION touch();
ALTER TABLE orders DISABLE TRIGGER touch;
CREATE VIEW open_orders WITH (security_barrier) AS SELECT id,
    note
    FROM orders WHERE mood = 'ok';
CREATE VIEW known AS SELECT id FROM customers WHERE state IN ('new', 'old') AND (name = 'x' OR name LIKE '%y');
CREATE MATERIALIZED VIEW per_customer AS SELECT customer, count(*) AS n FROM orders GROUP BY customer;
CREATE UNIQUE INDEX per_customer_once ON per_customer (customer);
CREATE TABLE billing.invoices (
    at timestamptz NOT NULL DEFAULT now(), "order id" bigint REFERENCES orders, net numeric(10, 2),
    total numeric(12, 2) GENERATED ALWAYS AS (net * 1.1) STORED,
    EXCLUDE USING btree (at WITH =)
);
CREATE TABLE events (id bigserial, at timestamptz, what text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2027-01-01 00:00+00');
CREATE TABLE events_later PARTITION OF events DEFAULT;
CREATE INDEX events_what ON events (what);
INSERT INTO events (at, what) SELECT '2026-06-01 00:00+00'::timestamptz + n * interval '1 day', 'e' || n
    FROM generate_series(1, 300) AS n;
CREATE TABLE event_notes (event bigint, at timestamptz, FOREIGN KEY (event, at) REFERENCES events);
CREATE TRIGGER touch BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION touch();
CREATE UNLOGGED TABLE scratch ();
CREATE TABLE parent (id int, "t" text);
CREATE TABLE child (more text) INHERITS (parent);
INSERT INTO parent VALUES (1, 'p');
INSERT INTO child VALUES (2, 'c', 'm');
CREATE AGGREGATE product(numeric) (SFUNC = numeric_mul, STYPE = numeric);
CREATE PROCEDURE nothing() LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
CREATE RULE quiet AS ON INSERT TO parent WHERE new.id < 0 DO INSTEAD NOTHING;
CREATE SEQUENCE loose INCREMENT 5 CYCLE;
CREATE SEQUENCE free;
SELECT setval('free', 777);
CREATE STATISTICS hangs (dependencies) ON customer, mood FROM orders;
CREATE TEXT SEARCH CONFIGURATION mine (COPY = english);
CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS one WITH NO DATA;
COMMENT ON COLUMN orders.note IS 'secret';
GRANT SELECT (name) ON customers TO pg_monitor WITH GRANT OPTION;
GRANT SELECT ON orders TO PUBLIC;
REVOKE EXECUTE ON FUNCTION touch() FROM PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor;
CREATE PUBLICATION feed FOR TABLE orders;
CREATE CAST (mood AS int) WITH INOUT AS ASSIGNMENT;
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER away FOREIGN DATA WRAPPER nowhere OPTIONS (secret 'x');
ALTER TABLE orders SET (fillfactor = 70);
ALTER TABLE orders REPLICA IDENTITY FULL;
SELECT lo_from_bytea(7000 + n, convert_to('object ' || n, 'UTF8')) FROM generate_series(1, 3) AS n;
"""

Make = Callable[[str], str]


def make_database(postgres: PostgresServer, names: list[str], statements: str) -> str:
    names.append(f"contents_{uuid.uuid4().hex[:12]}")
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {names[-1]}".encode())
    url = f"postgresql://postgres@{postgres.host}:{postgres.port}/{names[-1]}"
    change(url, statements)
    return url


def drop(postgres: PostgresServer, names: list[str]) -> None:
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        for name in names:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def make(postgres: PostgresServer) -> Iterator[Make]:
    """Makes a database, runs statements in it and gives its address; all are dropped at the end."""
    names: list[str] = []
    yield lambda statements: make_database(postgres, names, statements)
    drop(postgres, names)


@pytest.fixture(scope="module")
def everything(postgres: PostgresServer) -> Iterator[str]:
    """A database of everything that is read; nobody changes it."""
    names: list[str] = []
    yield make_database(postgres, names, EVERYTHING)
    drop(postgres, names)


@contextmanager
def role(postgres: PostgresServer, url: str, grants: str) -> Iterator[tuple[str, str]]:
    """A role of its own and the address for it; {role} stands for its name in the grants."""
    name = f"reader_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN".encode())
        change(url, grants.replace("{role}", name))
        try:
            yield name, url.replace("postgres@", f"{name}@")
        finally:
            change(url, f"DROP OWNED BY {name}")
            admin.execute(f"DROP ROLE {name}".encode())


def change(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())


def read(url: str, wanted: Wanted = WHOLE, connections: int = 1) -> Contents:
    with ExitStack() as stack:
        return read_contents([stack.enter_context(psycopg.connect(url)) for _ in range(connections)], wanted)


def table(contents: Contents, name: str) -> TableContents:
    found = contents.table(name)
    assert found is not None
    return found


def restore(url: str, into: str, folder: Path) -> None:
    """A dump of one database restored into another."""
    dump = folder / "a.dump"
    for program, *options in (
        ("pg_dump", "-Fc", "-f", str(dump), "-d", url),
        ("pg_restore", "--exit-on-error", "-d", into, str(dump)),
    ):
        finished = run([str(postgres_binaries() / program), *options], deadline_s=120, env={"LC_ALL": "C"})
        assert (finished.returncode, finished.stderr) == (0, b"")


def unnamed(contents: Contents) -> Contents:
    """What is of the database alone: its server has another name, size and, by other tests, other roles."""
    return replace(contents, database="", bytes=0, roles=())


class TestSchema:
    """A line for each thing, the same after a restore."""

    @pytest.mark.parametrize(
        "line",
        [
            "aggregate public.product (numeric) returns numeric language internal immutable using numeric_mul",
            "column billing.invoices.at timestamp with time zone not null default now()",
            'column billing.invoices."order id" bigint',
            "column billing.invoices.total numeric(12,2) generated always as (net * 1.1) stored",
            "column public.customers.email public.email",
            "column public.customers.id bigint not null generated always as identity",
            "column public.customers.name character varying(80) collate \"C\" not null default 'nobody'",
            "column public.orders.id bigint not null default nextval('public.orders_id_seq'::regclass)",
            "constraint billing.invoices.invoices_at_excl EXCLUDE USING btree (at WITH =)",
            "constraint public.customers.customers_pkey PRIMARY KEY (id)",
            "constraint public.customers.customers_state_check"
            " CHECK ((state = ANY (ARRAY['new', 'old', 'it''s (so)::text'])))",
            "constraint public.email.email_check CHECK ((VALUE ~~ '%@%'))",
            "constraint public.orders.orders_customer_fkey FOREIGN KEY (customer) REFERENCES public.customers(id)"
            " ON DELETE CASCADE NOT VALID",
            "domain public.email text not null",
            "extension plpgsql",
            "function public.double (n integer, times integer DEFAULT 2) returns integer language sql immutable strict"
            f" security definer source {md5(b'SELECT n * times').hexdigest()}",
            "index public.events_2026.events_2026_what_idx btree (what)",
            "index public.orders.orders_at btree (at DESC)",
            "index public.orders.orders_open UNIQUE btree (customer, lower(note)) WHERE (mood = 'ok'::public.mood)",
            "policy public.customers.own permissive for select to public using (name = CURRENT_USER)",
            "row-security public.customers on forced",
            "rule public.parent.quiet CREATE RULE quiet AS ON INSERT TO public.parent WHERE (new.id < 0)"
            " DO INSTEAD NOTHING;",
            "schema billing",
            "sequence public.customers_id_seq bigint start 1 increment 1 min 1 max 9223372036854775807 cache 1"
            " owned by public.customers.id",
            "sequence public.loose bigint start 1 increment 5 min 1 max 9223372036854775807 cache 1 cycle",
            "table public.child inherits public.parent",
            "table public.customers",
            "table public.events partition by RANGE (at)",
            "table public.events_2026 partition of public.events FOR VALUES FROM ('2026-01-01 00:00:00+00') TO"
            " ('2027-01-01 00:00:00+00')",
            "table public.scratch unlogged",
            "trigger public.orders.touch BEFORE UPDATE ON public.orders FOR EACH ROW WHEN ((old.id = new.id))"
            " EXECUTE FUNCTION public.touch() disabled",
            "type public.address composite (street text, zip character varying(8))",
            "type public.mood enum ('ok', 'so so')",
            "type public.span range of timestamp with time zone",
            "cast (public.mood AS integer) a i",
            f"comment public.orders.note table column {md5(b'secret').hexdigest()}",
            "default-privileges postgres * r to pg_monitor select",
            "foreign-server away secret",
            "grant public.customers.name to pg_monitor select*",
            "grant public.orders to PUBLIC select",
            "operator public.===(integer,integer) int4eq",
            "options public.orders fillfactor=70",
            "owner public.orders postgres",
            "populated public.per_customer",
            "publication feed insert update delete truncate",
            "published feed public.orders",
            "replica-identity public.orders f",
            "revoke public.touch() from PUBLIC",
            "statistics public.hangs CREATE STATISTICS public.hangs (dependencies) ON customer, mood"
            " FROM public.orders",
            "view public.open_orders with (security_barrier=true) AS SELECT id, note FROM public.orders"
            " WHERE (mood = 'ok'::public.mood)",
            "view public.per_customer materialized AS SELECT customer, count(*) AS n FROM public.orders"
            " GROUP BY customer",
        ],
    )
    def test_the_schema_has_a_line_for_each_object(self, everything: str, line: str) -> None:
        assert line in read(everything).schema

    def test_schema_lines_are_sorted_and_unique(self, everything: str) -> None:
        schema = read(everything).schema
        assert not [line for line in schema if "\n" in line or "\r" in line]
        assert list(schema) == sorted(set(schema))
        assert not [line for line in schema if line.startswith("index") and "_pkey" in line]

    def test_a_restored_copy_is_the_same(self, make: Make, everything: str, tmp_path: Path) -> None:
        copy = make("")
        restore(everything, copy, tmp_path)
        for rule in ("whole", MIXED):
            wanted = Wanted(NOW, rule, violations=True)
            original = read(everything, wanted)
            assert unnamed(read(copy, wanted)) == unnamed(original)
            assert original.violations == () and len(original.tables) == 9

    @pytest.mark.parametrize(
        ("statement", "lost", "added"),
        [
            ("DROP INDEX orders_at", "index public.orders.orders_at btree (at DESC)", None),
            (
                "ALTER TABLE orders DROP CONSTRAINT orders_customer_fkey",
                "constraint public.orders.orders_customer_fkey FOREIGN KEY (customer) REFERENCES public.customers(id)"
                " ON DELETE CASCADE NOT VALID",
                None,
            ),
            (
                "ALTER TABLE event_notes ALTER COLUMN event TYPE int",
                "column public.event_notes.event bigint",
                "column public.event_notes.event integer",
            ),
            (
                "ALTER TABLE customers NO FORCE ROW LEVEL SECURITY",
                "row-security public.customers on forced",
                "row-security public.customers on",
            ),
        ],
    )
    def test_what_was_lost_or_changed_is_a_difference(
        self, make: Make, everything: str, statement: str, lost: str, added: str | None
    ) -> None:
        url = make(EVERYTHING)
        change(url, statement)
        before, after = set(read(everything).schema), set(read(url).schema)
        assert lost in before - after and (added is None or added in after - before)

    def test_what_an_extension_brings_is_not_the_schema(self, make: Make) -> None:
        found = read(make("CREATE EXTENSION vector"))
        assert found.schema == ("extension plpgsql", "extension vector")
        assert found.extensions == ("plpgsql", "vector")

    def test_what_a_broken_build_left_behind_is_not_dumped_either(self, make: Make) -> None:
        url = make("CREATE TABLE t (id int); INSERT INTO t VALUES (1), (1)")
        with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY once ON t (id)")
        found = read(url, Wanted(NOW, violations=True))
        assert not [line for line in found.schema if line.startswith("index")] and found.violations == ()


class TestDatabase:
    """The database and its server."""

    def test_the_database_and_the_server(self, everything: str) -> None:
        found = read(everything)
        with psycopg.connect(everything) as connection:
            number = connection.info.server_version
        assert found.server_version == f"{number // 10000}.{number % 10000}" and found.server_version.startswith("18.")
        assert (found.database, found.encoding) == (everything.rpartition("/")[2], "UTF8")
        assert "postgres" in found.roles and not any(name.startswith("pg_") for name in found.roles)
        assert found.bytes > 1_000_000 and found.content_rule == "whole"

    def test_bytes_that_are_no_utf8_in_a_database_of_no_encoding(self, postgres: PostgresServer) -> None:
        name = f"ascii_{uuid.uuid4().hex[:8]}"
        url = f"postgresql://postgres@{postgres.host}:{postgres.port}/{name}"
        with psycopg.connect(postgres.dsn, autocommit=True) as admin:
            options = "TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'"
            admin.execute(f"CREATE DATABASE {name} {options}".encode())
            try:
                change(url, r"CREATE TABLE t (word text); INSERT INTO t VALUES (E'caf\351')")
                found = read(url)
                assert (found.encoding, table(found, "public.t").rows) == ("SQL_ASCII", 1)
                change(url, r"ALTER TABLE t ALTER word SET DEFAULT E'caf\351'")
                with pytest.raises(ObservationError, match="not valid UTF-8"):
                    read(url)
            finally:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def test_names_that_are_not_simple(self, make: Make, tmp_path: Path) -> None:
        hostile = sql.Identifier(HOSTILE)
        url = make("")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(hostile))
            connection.execute(
                sql.SQL(
                    "CREATE TABLE {0}.{0} ({0} bigserial PRIMARY KEY, t text UNIQUE, at timestamptz, n bigint,"
                    " CONSTRAINT {1} FOREIGN KEY (n) REFERENCES {0}.{0})"
                ).format(hostile, sql.Identifier(f"{HOSTILE} fk"))
            )
            connection.execute(
                sql.SQL("INSERT INTO {0}.{0} (t, at) VALUES ('x', '2026-01-02 00:00+00'), ('y', NULL)").format(hostile)
            )
            [name] = connection.execute("SELECT quote_ident(%s)", (HOSTILE,)).fetchone() or ()
        found = read(url, Wanted(NOW, "1/16", violations=True))
        assert [(t.name, t.rows, t.newest) for t in found.tables] == [
            (f"{name}.{name}", 2, (("at", datetime(2026, 1, 2, tzinfo=UTC)),))
        ]
        assert (found.sequences[0].column, found.sequences[0].last) == (f"{name}.{name}.{name}", 2)
        assert found.sequences[0].highest == 2 and found.violations == ()
        assert not [line for line in found.schema if "\n" in line]
        copy = make("")
        restore(url, copy, tmp_path)
        assert unnamed(read(copy)) == unnamed(read(url))


class TestRows:
    """Counts, newest times and hashes."""

    def test_the_newest_is_not_in_the_future_and_no_infinity(self, make: Make) -> None:
        url = make(
            """
            CREATE DOMAIN day AS date;
            CREATE TABLE t (at timestamptz, plain timestamp, day date, own day, never date, expires_at timestamptz,
                early date, "no end" timestamptz);
            INSERT INTO t VALUES
                ('2026-11-24 21:00+09', '2026-11-24 12:00', '2026-11-24', '2026-11-01', NULL, '2099-01-01',
                    '0044-03-15 BC', 'infinity'),
                ('2026-11-24 12:00:01+00', '2026-11-24 12:00:01', '2026-11-25', 'infinity', NULL, '2099-01-01',
                    '-infinity', '2026-01-01 00:00+00')
            """
        )
        newest = {
            "at": NOW,
            "plain": NOW,
            "day": datetime(2026, 11, 24, tzinfo=UTC),
            "own": datetime(2026, 11, 1, tzinfo=UTC),
            '"no end"': datetime(2026, 1, 1, tzinfo=UTC),
        }
        tokyo = NOW.astimezone(ZoneInfo("Asia/Tokyo"))
        for until in (NOW, tokyo):
            assert dict(table(read(url, Wanted(until)), "public.t").newest) == newest
        earlier = table(read(url, Wanted(NOW - timedelta(seconds=1))), "public.t").newest
        assert [name for name, _ in earlier] == ["day", "own", '"no end"']

    def test_session_settings_do_not_change_the_contents(self, everything: str) -> None:
        plain = read(everything)
        with psycopg.connect(everything, row_factory=dict_row, autocommit=True) as connection:
            for setting in (
                "TimeZone = 'Asia/Tokyo'",
                "DateStyle = 'German'",
                "IntervalStyle = 'sql_standard'",
                "bytea_output = 'escape'",
                "search_path = 'billing'",
                "quote_all_identifiers = on",
                "client_encoding = 'SJIS'",
                "default_transaction_read_only = on",
                "statement_timeout = '60s'",
            ):
                connection.execute(f"SET {setting}".encode())
            assert unnamed(read_contents([connection], WHOLE)) == unnamed(plain)
            settings = connection.execute(
                "SELECT current_setting('TimeZone') AS zone, current_setting('search_path') AS path"
            )
            assert settings.fetchone() == {"zone": "Asia/Tokyo", "path": "billing"}
            assert connection.info.transaction_status is TransactionStatus.IDLE

    def test_an_open_transaction_is_the_snapshot_and_stays_open(self, make: Make) -> None:
        url = make("CREATE TABLE t (id int)")
        with psycopg.connect(url) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute("SELECT pg_export_snapshot()")
            change(url, "INSERT INTO t VALUES (1)")
            assert table(read_contents([connection], WHOLE), "public.t").rows == 0
            assert connection.info.transaction_status is TransactionStatus.INTRANS
            assert connection.execute("SELECT current_setting('search_path')").fetchone() == ('"$user", public',)
            connection.rollback()
            assert table(read_contents([connection], WHOLE), "public.t").rows == 1

    def test_one_snapshot_for_all_tables(self, make: Make) -> None:
        url = make("CREATE TABLE a (id int); CREATE TABLE b (id int); INSERT INTO a SELECT generate_series(1, 9)")
        found: list[tuple[int, int]] = []

        def report_progress(done: int, of: int) -> None:
            found.append((done, of))
            change(url, "INSERT INTO a VALUES (0); INSERT INTO b VALUES (0)")

        with psycopg.connect(url) as connection:
            contents = read_contents([connection], WHOLE, report_progress)
        assert [t.rows for t in contents.tables] == [9, 0] and found == [(1, 2), (2, 2)]

    def test_a_changed_value_changes_the_hash_and_not_the_count(self, make: Make) -> None:
        url = make(
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, n FROM generate_series(1, 64) AS n"
        )
        before = table(read(url), "public.t")
        change(url, "UPDATE t SET v = v")
        assert table(read(url), "public.t") == before
        for statement in (
            "UPDATE t SET v = 'x' WHERE id = 7",
            "UPDATE t SET v = CASE id WHEN 1 THEN '2' ELSE '1' END WHERE id IN (1, 2)",
            "UPDATE t SET v = NULL WHERE id = 9",
        ):
            last = table(read(url), "public.t")
            change(url, statement)
            after = table(read(url), "public.t")
            assert after.rows == last.rows == 64 and after.content != last.content

    def test_the_order_of_rows_and_dropped_columns_do_not_matter(self, make: Make) -> None:
        one = make("CREATE TABLE t (id int, gone int, v text); INSERT INTO t VALUES (1, 5, 'a'), (2, 6, NULL)")
        change(one, "ALTER TABLE t DROP COLUMN gone")
        other = make("CREATE TABLE t (id int, v text); INSERT INTO t VALUES (2, NULL), (1, 'a')")
        assert table(read(one), "public.t") == table(read(other), "public.t")

    def test_rows_that_are_there_twice_do_not_cancel_out(self, make: Make) -> None:
        url = make("CREATE TABLE t (id int); INSERT INTO t VALUES (1), (1)")
        once = table(read(url), "public.t").content
        change(url, "UPDATE t SET id = 2")
        assert table(read(url), "public.t").content != once

    @pytest.mark.parametrize(
        "key", ["id PRIMARY KEY", "word PRIMARY KEY", "id, PRIMARY KEY (word, id)", "id", "big PRIMARY KEY"]
    )
    def test_a_sample_is_a_sixteenth_and_the_same_everywhere(self, make: Make, key: str) -> None:
        columns = {"id": "id int", "word": "word text", "big": "big bigint"}
        first, _, rest = key.partition(" ")
        wanted = first.rstrip(",")
        columns[wanted] += f"{',' if ',' in first else ''} {rest}"
        rows = "SELECT n, 'w' || n, -n::bigint * 4294967296 FROM generate_series(1, 8000) AS n"
        create = f"CREATE TABLE t ({', '.join(columns.values())})"
        one, other = (make(f"{create}; INSERT INTO t (id, word, big) {rows} ORDER BY {order}") for order in ("n", "-n"))
        content = table(read(one, Wanted(NOW, "1/16")), "public.t").content
        assert content == table(read(other, Wanted(NOW, "1/16")), "public.t").content
        assert 400 <= int(content.partition(":")[0]) <= 600
        change(one, "UPDATE t SET word = word || '!'")
        assert table(read(one, Wanted(NOW, "1/16")), "public.t").content != content

    def test_small_tables_are_hashed_whole(self, make: Make) -> None:
        url = make(
            "CREATE TABLE small (id int PRIMARY KEY, t text); CREATE TABLE large (id int PRIMARY KEY, t text);"
            "INSERT INTO small SELECT n, 's' FROM generate_series(2, 11) AS n;"
            "INSERT INTO large SELECT n, 's' FROM generate_series(1, 1001) AS n;"
            "SELECT lo_from_bytea(7000, 'a')"
        )
        before = read(url, Wanted(NOW, MIXED))
        assert table(before, "public.small").content == table(read(url), "public.small").content
        assert table(before, "public.large").content == table(read(url, Wanted(NOW, "1/16")), "public.large").content
        change(url, "UPDATE small SET t = 'x' WHERE id = 11; SELECT lo_put(7000, 0, 'b')")
        after = read(url, Wanted(NOW, MIXED))
        assert table(after, "public.small").content != table(before, "public.small").content
        assert after.large_objects != before.large_objects

    def test_what_a_running_database_did_since_is_known_by_its_transactions(self, make: Make) -> None:
        url = make(
            "CREATE TABLE old (id int PRIMARY KEY, created_at timestamptz); CREATE TABLE plain (t text);"
            "CREATE TABLE grown (t text); INSERT INTO grown VALUES ('before')"
        )
        until = datetime.now(UTC)
        running = Wanted(until, exact_rows=1000, running=True)
        change(url, "CREATE INDEX ON grown (t)")
        assert read(url, running).young == ()
        change(url, "INSERT INTO old VALUES (1, now())")
        change(url, "INSERT INTO plain VALUES ('since')")
        change(url, "ALTER TABLE plain ADD more text; CREATE TABLE new (id serial)")
        found = read(url, running)
        assert found.young == ("public.new", "public.new_id_seq", "public.plain")
        assert {one.name: one.since for one in found.tables if one.rows} == {
            "public.old": 1,
            "public.plain": 1,
            "public.grown": 0,
        }

    def test_without_a_rule_there_is_no_hash_and_another_rule_is_refused(self, everything: str) -> None:
        assert {t.content for t in read(everything, Wanted(NOW)).tables} == {""}
        with pytest.raises(ValueError, match="1/3"):
            Wanted(NOW, "1/3")

    def test_partitions_are_counted_and_their_root_is_not(self, everything: str) -> None:
        found = {t.name: t.rows for t in read(everything).tables}
        assert (found["public.events_2026"], found["public.events_later"]) == (213, 87)
        assert "public.events" not in found and "public.per_customer" not in found
        assert (found["public.parent"], found["public.child"]) == (1, 1)

    def test_a_large_live_table_is_estimated(self, make: Make) -> None:
        url = make(
            """
            CREATE TABLE big (id bigserial PRIMARY KEY, at timestamptz, due timestamptz, free bigserial);
            INSERT INTO big (at, due) SELECT '2026-01-01 00:00+00'::timestamptz + n * interval '1 day', '2026-01-01'
                FROM generate_series(1, 1000) AS n;
            CREATE INDEX ON big (at);
            CREATE INDEX ON big (due) WHERE id > 10;
            CREATE TABLE small (at timestamptz);
            ANALYZE
            """
        )
        change(url, "DELETE FROM big WHERE id = 5")
        found = read(url, Wanted(NOW, "whole", exact_rows=999))
        big = table(found, "public.big")
        assert (big.rows, big.exact, big.content) == (1000, False, "")
        assert big.newest == (("at", datetime(2026, 11, 24, tzinfo=UTC)),)
        assert table(found, "public.small").exact
        assert found.sequences == (
            Sequence("public.big_free_seq", "public.big.free", 1000, None),
            Sequence("public.big_id_seq", "public.big.id", 1000, 1000),
        )
        assert table(read(url, Wanted(NOW, exact_rows=1000)), "public.big").rows == 999

    def test_connections_side_by_side_find_the_same(self, everything: str) -> None:
        wanted = Wanted(NOW, "whole", violations=True)
        assert unnamed(read(everything, wanted, connections=2)) == unnamed(read(everything, wanted))

    def test_an_error_ends_what_still_runs_and_leaves_the_connections_usable(self, make: Make) -> None:
        url = make("CREATE TABLE big AS SELECT n, md5(n::text) FROM generate_series(1, 300000) AS n; CREATE TABLE a ()")

        def report_progress(done: int, of: int) -> None:
            raise RuntimeError(f"{done} of {of}")

        with ExitStack() as stack:
            pair = [stack.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(2)]
            with pytest.raises(RuntimeError, match="1 of 2"):
                read_contents(pair, WHOLE, report_progress)
            assert [c.info.transaction_status for c in pair] == [TransactionStatus.IDLE] * 2
            assert [t.rows for t in read_contents(pair, WHOLE).tables] == [0, 300_000]

    def test_a_database_error_is_raised_unchanged(self, make: Make) -> None:
        url = make("CREATE TABLE t (id int)")
        with psycopg.connect(url) as holder, psycopg.connect(url, options="-c lock_timeout=300") as connection:
            holder.execute("LOCK TABLE t")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                read_contents([connection], WHOLE)


class TestSequences:
    """What was handed out last, and the highest that is there."""

    @pytest.mark.parametrize(
        ("statements", "expected"),
        [
            ("CREATE TABLE t (id serial)", Sequence("public.t_id_seq", "public.t.id", None, None)),
            (
                "CREATE TABLE t (id smallint GENERATED BY DEFAULT AS IDENTITY); INSERT INTO t VALUES (DEFAULT), (70)",
                Sequence("public.t_id_seq", "public.t.id", 1, 70),
            ),
            (
                "CREATE SEQUENCE s; CREATE TABLE t (id numeric DEFAULT nextval('s'));"
                "INSERT INTO t VALUES (DEFAULT), (DEFAULT), ('NaN')",
                Sequence("public.s", "public.t.id", 2, 2),
            ),
            (
                "CREATE SEQUENCE s; CREATE TABLE t (id bigint DEFAULT nextval('s') * 1000);"
                "ALTER SEQUENCE s OWNED BY t.id; INSERT INTO t VALUES (DEFAULT)",
                Sequence("public.s", "public.t.id", 1, None),
            ),
            (
                "CREATE SEQUENCE s; CREATE TABLE t (id text DEFAULT 'n' || nextval('s'));"
                "INSERT INTO t VALUES (DEFAULT)",
                Sequence("public.s", "public.t.id", 1, None),
            ),
            (
                "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY (INCREMENT -1));INSERT INTO t VALUES (DEFAULT)",
                Sequence("public.t_id_seq", "public.t.id", -1, None),
            ),
            (
                "CREATE TABLE t (id bigserial); INSERT INTO t VALUES (9007199254740993)",
                Sequence("public.t_id_seq", "public.t.id", None, 9007199254740993),
            ),
            (
                "CREATE TABLE t (id bigserial) PARTITION BY RANGE (id);"
                "CREATE TABLE a PARTITION OF t FOR VALUES FROM (0) TO (10);"
                "CREATE TABLE b PARTITION OF t FOR VALUES FROM (10) TO (20); INSERT INTO t VALUES (DEFAULT), (15)",
                Sequence("public.t_id_seq", "public.t.id", 1, 15),
            ),
        ],
    )
    def test_a_sequence(self, make: Make, statements: str, expected: Sequence) -> None:
        assert read(make(statements)).sequences == (expected,)


class TestRole:
    """A role that sees less than there is never makes a smaller database of it."""

    def test_a_role_that_reads_all_data_is_enough(self, postgres: PostgresServer, make: Make) -> None:
        url = make("CREATE SCHEMA s; CREATE TABLE s.t (id bigserial); INSERT INTO s.t DEFAULT VALUES")
        with role(postgres, url, "GRANT pg_read_all_data TO {role}") as (name, reader):
            found = read(f"{reader}?options=-c%20default_transaction_read_only%3Don")
        assert replace(found, roles=()) == replace(read(url), roles=()) and name in found.roles
        assert found.sequences[0].last == 1

    @pytest.mark.parametrize(
        ("grants", "unread"),
        [
            ("GRANT SELECT ON t TO {role}", "s.hidden"),
            ("GRANT SELECT ON t, s.hidden TO {role}", "s.hidden"),
            ("GRANT USAGE ON SCHEMA s TO {role}; GRANT SELECT ON t, s.hidden TO {role}", "public.t_id_seq"),
            (
                "GRANT USAGE ON SCHEMA s TO {role}; GRANT SELECT ON s.hidden TO {role};"
                "GRANT SELECT (id) ON t TO {role}",
                "public.t",
            ),
        ],
    )
    def test_a_table_that_it_may_not_read(self, postgres: PostgresServer, make: Make, grants: str, unread: str) -> None:
        url = make("CREATE SCHEMA s; CREATE TABLE t (id bigserial); CREATE TABLE s.hidden (id int)")
        with role(postgres, url, grants) as (name, reader), pytest.raises(ObservationError) as error:
            read(reader)
        assert str(error.value) == (
            f"The role may not read {unread}: GRANT pg_read_all_data TO {name}, or GRANT SELECT on it and USAGE on its"
            " schema"
        )

    def test_rows_that_row_level_security_hides(self, postgres: PostgresServer, make: Make) -> None:
        url = make(
            "CREATE TABLE t (id int); INSERT INTO t VALUES (1); ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
            "CREATE POLICY p ON t USING (id > 5)"
        )
        with role(postgres, url, "GRANT pg_read_all_data TO {role}") as (name, reader):
            with pytest.raises(ObservationError) as error:
                read(reader)
            assert str(error.value) == (
                f"Row-level security hides rows of public.t from the role: ALTER ROLE {name} BYPASSRLS"
            )
            change(url, f"ALTER ROLE {name} BYPASSRLS")
            assert table(read(reader), "public.t").rows == 1


class TestViolations:
    """Rows that a constraint forbids but a physical copy may contain."""

    def test_constraints_are_not_checked_by_default(self, make: Make) -> None:
        url = make("CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int REFERENCES p)")
        change(url, "SET session_replication_role = replica; INSERT INTO c VALUES (1)")
        assert read(url).violations == ()

    @pytest.mark.parametrize(
        ("tables", "rows", "expected"),
        [
            (
                "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p bigint REFERENCES p)",
                "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1), (2), (2), (NULL)",
                Violation("c_p_fkey", "public.c", 2),
            ),
            (
                "CREATE TABLE p (a int, b text, PRIMARY KEY (a, b));"
                'CREATE TABLE c ("x y" text, a int, CONSTRAINT "the %s" FOREIGN KEY (a, "x y") REFERENCES p (a, b))',
                "INSERT INTO p VALUES (1, 'x'); INSERT INTO c VALUES ('x', 1), ('y', 1), (NULL, 1), ('z', NULL)",
                Violation('"the %s"', "public.c", 1),
            ),
            (
                "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b));"
                "CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p MATCH FULL)",
                "INSERT INTO c VALUES (NULL, NULL), (1, NULL)",
                Violation("c_a_b_fkey", "public.c", 1),
            ),
            (
                "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);"
                "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE c (p int REFERENCES p)",
                "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1), (2)",
                Violation("c_p_fkey", "public.c", 1),
            ),
            (
                'CREATE TABLE p (id text COLLATE "C" PRIMARY KEY);'
                'CREATE TABLE c (p varchar COLLATE "POSIX" REFERENCES p)',
                "INSERT INTO p VALUES ('a'); INSERT INTO c VALUES ('a'), ('b')",
                Violation("c_p_fkey", "public.c", 1),
            ),
            (
                "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int);"
                "ALTER TABLE c ADD FOREIGN KEY (p) REFERENCES p NOT VALID",
                "INSERT INTO c VALUES (2)",
                None,
            ),
        ],
    )
    def test_orphans(self, make: Make, tables: str, rows: str, expected: Violation | None) -> None:
        url = make(tables)
        change(url, f"SET session_replication_role = replica; {rows}")
        assert read(url, Wanted(NOW, violations=True)).violations == ((expected,) if expected else ())

    @pytest.mark.parametrize(
        ("index", "more", "expected"),
        [
            ("(a, b)", "", 2),
            ("(a) INCLUDE (b)", "", 4),
            ("(a, b)", ", indnullsnotdistinct = true", 3),
            ("(a) WHERE b > 0", "", 0),
            ("(abs(a))", "", 0),
        ],
    )
    def test_duplicates_that_a_damaged_index_lets_in(self, make: Make, index: str, more: str, expected: int) -> None:
        url = make(
            f"CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (1, 1), (1, 1), (1, 2), (2, NULL), (2, NULL),"
            f" (NULL, 7); CREATE INDEX once ON t {index};"
            f"UPDATE pg_index SET indisunique = true{more} WHERE indexrelid = 'once'::regclass"
        )
        found = read(url, Wanted(NOW, violations=True)).violations
        assert found == ((Violation("once", "public.t", expected),) if expected else ())

    def test_a_damaged_index_hides_no_violation(self, make: Make) -> None:
        url = make("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 1000)")
        change(url, "UPDATE pg_index SET indisready = false WHERE indexrelid = 't_pkey'::regclass")
        change(url, "INSERT INTO t VALUES (7), (1001)")
        change(url, "UPDATE pg_index SET indisready = true WHERE indexrelid = 't_pkey'::regclass")
        found = read(url, Wanted(NOW, exact_rows=10, violations=True))
        assert found.violations == (Violation("t_pkey", "public.t", 1),)
