"""Every fault that a backup of the shop can have: how it is made, and where a drill must find it."""

import gzip
import io
import re
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg

from tasks.backups.files.manifest import SUFFIX
from tasks.backups.take.take import take
from tasks.check_result import Status
from tests.shop_backups import LONGEST_S, Shop, contents_of, database, dumped, fill, program, recorded, recreated

CUSTOM, FOLDER, PLAIN_FOLDER, TAR, SQL, PACKED, CREATED, ALL = FORMS = (
    ".dump", ".dir", ".plain.dir", ".tar", ".sql", ".sql.gz", ".create.sql", ".all.sql",
)  # fmt: skip
OF_PG_DUMP = {PLAIN_FOLDER: ("-Fd", "-Z0"), TAR: ("-Ft",), CREATED: ("--create",)}
"""What only pg_dump itself writes."""

Make = Callable[[Shop, Path], Path]


@dataclass(frozen=True)
class Fault:
    """A fault, the step that finds it by the restore itself, and a word that names it.

    `changed` is a word of the manifest's step for damage done to the files after it was written. `hidden` from a drill
    without a manifest; `alone` is what such a drill says instead, if it says another thing, and `only_warned` what it
    cannot tell from a change that came later.
    """

    name: str
    make: Make
    step: str
    word: str
    status: Status = Status.FAIL
    changed: str = ""
    hidden: bool = False
    alone: tuple[str, str] | None = None
    only_warned: bool = False
    own_manifest: bool = False
    rule: str = "whole"


def good(shop: Shop, form: str) -> Path:
    """A backup without a fault, made once as `rounds backup take` makes it."""
    folder = shop.folder / f"good{form}"
    if there := [path for path in folder.glob("shop*") if not path.name.endswith(SUFFIX)]:
        return there[0]
    backup = folder / f"shop{form}"
    if form in (*OF_PG_DUMP, ALL):
        folder.mkdir()
    if form == ALL:
        program("pg_dumpall", "-f", backup, "-d", shop.server.dsn)
    elif form in OF_PG_DUMP:
        dumped(shop.owner, backup, *OF_PG_DUMP[form])
    else:
        return take(shop.target(folder / f"shop-*{form}", content="whole"), shop.made_at, (), LONGEST_S)
    return recorded(backup, shop.contents, shop.made_at)


def changed(form: str, change: Callable[[Path], object]) -> Make:
    """A copy of a good dump, to which something is done."""

    def make(shop: Shop, folder: Path) -> Path:
        source = good(shop, form)
        backup = folder / source.name
        shutil.copytree(source, backup) if source.is_dir() else shutil.copyfile(source, backup)
        change(backup)
        return backup

    return make


def bytes_changed(form: str, change: Callable[[bytes], bytes]) -> Make:
    """A copy of a good dump's file with other bytes."""
    return changed(form, lambda file: file.write_bytes(change(file.read_bytes())))


def from_source(*statements: str, options: tuple[str, ...] = ("-Fc",), form: str = CUSTOM) -> Make:
    """A dump of a shop in which something was done."""
    return lambda shop, folder: dumped(shop.source(*statements), folder / f"shop{form}", *options)


def of_live(*options: str, form: str = CUSTOM) -> Make:
    """A dump of the running shop that leaves something out."""
    return lambda shop, folder: dumped(shop.owner, folder / f"shop{form}", *options)


def flipped(data: bytes, at: int, bit: int = 1) -> bytes:
    """One bit is another."""
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def flipped_in(data: bytes, text: bytes, character: bytes) -> bytes:
    """The lowest bit of a letter in a text that is there."""
    return flipped(data, data.index(text) + text.index(character))


def flipped_after(data: bytes, start: bytes, text: bytes) -> bytes:
    """The lowest bit of the first letter of a text, where it stands after another one."""
    return flipped(data, data.index(text, data.index(start)))


def zeroed(data: bytes) -> bytes:
    """A block of 4 KB in the middle was never written."""
    middle = len(data) // 2 & ~4095
    return data[:middle] + bytes(4096) + data[middle + 4096 :]


def largest(folder: Path) -> Path:
    """The file with the most rows."""
    return max(folder.glob("*.dat*"), key=lambda file: (file.name != "toc.dat", file.stat().st_size))


def cut(file: Path, size: int) -> None:
    """The end of a file is lost."""
    with file.open("r+b") as opened:
        opened.truncate(size)


def cut_at_a_row(folder: Path) -> None:
    """The last row and the end mark are lost, and nothing but whole rows is left."""
    file = largest(folder)
    rows = file.read_bytes().removesuffix(b"\\.\n\n\n")
    file.write_bytes(rows[: rows.rstrip(b"\n").rindex(b"\n") + 1])


def header_zeroed(tar: bytes) -> bytes:
    """That of the last file of rows, where an ordinary reader takes it for the end."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as whole:
        place = [member.offset for member in whole if member.name.endswith(".dat")][-1]
    return tar[:place] + bytes(512) + tar[place + 512 :]


def last_row_lost(tar: bytes) -> bytes:
    """The last row of the largest file and its end mark are lost, and the tar file is as it should be without them."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as whole, io.BytesIO() as into:
        with tarfile.open(fileobj=into, mode="w", format=tarfile.USTAR_FORMAT) as short:
            largest_size = max(member.size for member in whole if member.name != "toc.dat")
            for member in whole:
                source = whole.extractfile(member)
                assert source is not None
                rows = source.read()
                if member.size == largest_size:
                    rows = rows.removesuffix(b"\\.\n\n\n")
                    rows = rows[: rows.rstrip(b"\n").rindex(b"\n") + 1]
                    member.size = len(rows)
                short.addfile(member, io.BytesIO(rows))
        return into.getvalue()


def duplicated(text: bytes) -> bytes:
    """The last customer has the e-mail address of the one before."""
    block = _customers(text)
    *_, before, last = block.splitlines()
    twice = last.split(b"\t")
    twice[1] = before.split(b"\t")[1]
    return text.replace(last, b"\t".join(twice), 1)


def without_constraint(text: bytes, name: bytes) -> bytes:
    """The statement that adds it is gone."""
    changed_text, number = re.subn(rb"ALTER TABLE ONLY [\w.]+\s+ADD CONSTRAINT %s [^;]*;\n" % name, b"", text)
    assert number == 1
    return changed_text


def _customers(text: bytes) -> bytes:
    found = re.search(rb"^COPY public\.customers .*?\n(.*?)^\\\.$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def _half_a_statement_less(text: bytes) -> bytes:
    """Cut after whole statements: psql would be content with it."""
    return text[: text.rindex(b";\n", 0, text.rindex(b"ADD CONSTRAINT")) + 2]


def _other_database(shop: Shop, folder: Path, form: str, *options: str) -> Path:
    wiki = recreated(shop.elsewhere, "wiki")
    with psycopg.connect(wiki, autocommit=True) as connection:
        connection.execute(b"CREATE TABLE pages (id serial PRIMARY KEY, body text, at timestamptz DEFAULT now())")
        connection.execute(b"INSERT INTO pages (body) SELECT 'page ' || n FROM generate_series(1, 2000) n")
    return dumped(wiki, folder / f"shop{form}", *options)


def _lagging(own_manifest: bool) -> Make:
    """The shop of the day before yesterday, in a file of now."""

    def make(shop: Shop, folder: Path) -> Path:
        source = recreated(shop.elsewhere, "shop")
        fill(source, shop.made_at - timedelta(days=2), rows=100_000)
        backup = dumped(source, folder / f"shop{CUSTOM}", "-Fc")
        if own_manifest:
            recorded(backup, contents_of(source, shop.made_at), shop.made_at)
        return backup

    return make


def _hidden_rows(*statements: str) -> Make:
    """The shop as a role sees it from which row-level security hides rows."""

    def make(shop: Shop, folder: Path) -> Path:
        shop.source(*statements)
        limited = database(shop.elsewhere, "shop", "limited")
        return dumped(limited, folder / f"shop{CUSTOM}", "-Fc", "--enable-row-security")

    return make


def _of_no_encoding(shop: Shop, folder: Path) -> Path:
    source = recreated(shop.elsewhere, "shop", more="ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc")
    fill(source, shop.made_at, rows=100_000)
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute(rb"UPDATE suppliers SET name = convert_from('\xe974e9', 'SQL_ASCII') WHERE id = 20")
    return dumped(source, folder / f"shop{CUSTOM}", "-Fc")


def _of_an_unknown_role(shop: Shop, folder: Path) -> Path:
    source = shop.source("DROP ROLE IF EXISTS ghost", "CREATE ROLE ghost", "ALTER TABLE stock OWNER TO ghost")
    return dumped(source, folder / f"shop{CUSTOM}", "-Fc")


def _packed(change: Callable[[bytes], bytes]) -> Make:
    return bytes_changed(PACKED, change)


SIZE, HASH, GONE = " bytes, but the manifest records ", "its SHA-256 differs", " is in the manifest but missing"
_NEWER = bytes_changed(CUSTOM, lambda data: data[:6] + b"\x63" + data[7:])
_POSTGIS = b"CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;\n\nCREATE TYPE public.mood"
_ORPHANS = ("SET session_replication_role = replica", "DELETE FROM customers WHERE id = 77")
_GARBAGE = b"\0garbage" * 64
_ERROR_PAGE = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head></html>\n"

FILES = (
    Fault("zero length", changed(CUSTOM, lambda f: cut(f, 0)), "container", "empty", changed=SIZE),
    Fault("an error page", bytes_changed(CUSTOM, lambda _: _ERROR_PAGE), "container", "<!DOCTYPE", changed=SIZE),
    Fault("newer format version", _NEWER, "container", "1.99", Status.UNKNOWN),
    Fault("truncated by 50 %", bytes_changed(CUSTOM, lambda d: d[: len(d) // 2]), "decode", "end", changed=SIZE),
    Fault("truncated by 4 KB", bytes_changed(CUSTOM, lambda d: d[:-4096]), "decode", "end", changed=SIZE),
    Fault("truncated by 1 byte", bytes_changed(CUSTOM, lambda d: d[:-1]), "decode", "end", changed=SIZE),
    Fault("truncated to 4 KB", bytes_changed(CUSTOM, lambda d: d[:4096]), "container", "end", changed=SIZE),
    Fault("bit flip in data", bytes_changed(CUSTOM, lambda d: flipped(d, len(d) // 2)), "decode", "uncompress",
          changed=HASH),
    Fault("zeroed 4 KB block", bytes_changed(CUSTOM, zeroed), "decode", "read", changed=HASH),
    Fault("bit flip in the TOC, a tag", bytes_changed(CUSTOM, lambda d: flipped_in(d, b"customers customers_email_key",
          b"k")), "manifest", "shop", changed=HASH, hidden=True),
    Fault("bit flip in the TOC, a definition", bytes_changed(CUSTOM, lambda d: flipped_in(d, b"CONSTRAINT customers_"
          b"email_key", b"k")), "schema", "customers_email_key", changed=HASH),
    Fault("bit flip in the TOC, an owner", bytes_changed(CUSTOM, lambda d: flipped_after(d, b"CREATE TABLE public."
          b"customers", b"postgres")), "restore", "qostgres", changed=HASH),
    Fault("appended garbage", bytes_changed(CUSTOM, lambda d: d + _GARBAGE), "manifest", "shop", changed=SIZE,
          hidden=True),
    Fault("-Fd, a file missing", changed(FOLDER, lambda d: largest(d).unlink()), "decode", ".dat", changed=GONE),
    Fault("-Fd, a file short", changed(FOLDER, lambda d: cut(largest(d), 50_000)), "decode", ".dat", changed=SIZE),
    Fault("-Fd, a file empty", changed(FOLDER, lambda d: cut(largest(d), 0)), "decode", ".dat", changed=SIZE),
    Fault("-Fd -Z0, a file short by whole rows", changed(PLAIN_FOLDER, cut_at_a_row), "decode", ".dat", changed=SIZE),
    Fault("-Fd -Z0, a file empty", changed(PLAIN_FOLDER, lambda d: cut(largest(d), 0)), "decode", ".dat",
          changed=SIZE),
    Fault("-Ft, truncated by 50 %", bytes_changed(TAR, lambda d: d[: len(d) // 2]), "decode", "truncated",
          changed=SIZE),
    Fault("-Ft, truncated by 4 KB", bytes_changed(TAR, lambda d: d[:-4096]), "decode", "truncated", changed=SIZE),
    Fault("-Ft, truncated by 1 byte", bytes_changed(TAR, lambda d: d[:-1]), "decode", "truncated", changed=SIZE),
    Fault("-Ft, truncated to 4 KB", bytes_changed(TAR, lambda d: d[:4096]), "container", "end", changed=SIZE),
    Fault("-Ft, a header zeroed", bytes_changed(TAR, lambda d: header_zeroed(d)), "decode", "truncated", changed=HASH),
    Fault("-Ft, a bit of a header", bytes_changed(TAR, lambda d: flipped(d, d.rindex(b".dat\0"))), "decode", "tar",
          changed=HASH),
    Fault("-Ft, zeroed 4 KB block", bytes_changed(TAR, zeroed), "restore", "0x00", changed=HASH),
    Fault("-Ft, short by whole rows", bytes_changed(TAR, last_row_lost), "decode", ".dat", changed=SIZE),
    Fault("gzip, CRC", _packed(lambda d: flipped(d, len(d) - 8)), "decode", "gzip", changed=HASH),
    Fault("gzip, length", _packed(lambda d: flipped(d, len(d) - 4)), "decode", "gzip", changed=HASH),
    Fault("gzip, trailer", _packed(lambda d: d[:-8]), "decode", "gzip", changed=SIZE),
    Fault("gzip, truncated", _packed(lambda d: d[: len(d) // 2]), "decode", "gzip", changed=SIZE),
    Fault("gzip, bit flip", _packed(lambda d: flipped(d, len(d) // 2)), "decode", "gzip", changed=HASH),
    Fault("gzip, appended garbage", _packed(lambda d: d + _GARBAGE), "decode", "gzip", changed=SIZE),
    Fault("pg_dump | gzip died", _packed(lambda d: gzip.compress(gzip.decompress(d)[:3_000_000], 3)), "decode",
          "end mark"),
    Fault("SQL, cut at a statement's end", bytes_changed(SQL, _half_a_statement_less), "decode", "end mark"),
    Fault("SQL, zeroed 4 KB block", bytes_changed(SQL, zeroed), "decode", "NUL bytes", changed=HASH),
    Fault("SQL, appended garbage", bytes_changed(SQL, lambda d: d + b"garbage;\n"), "restore", "garbage",
          changed=SIZE),
    Fault("--create, truncated by 50 %", bytes_changed(CREATED, lambda d: d[: len(d) // 2]), "decode", "end mark",
          changed=SIZE),
    Fault("--create, a bit of its connect", bytes_changed(CREATED, lambda d: flipped_in(d, b"\\connect shop", b"s")),
          "restore", "transaction block", changed=HASH),
    Fault("pg_dumpall, truncated by 4 KB", bytes_changed(ALL, lambda d: d[:-4096]), "decode", "end mark",
          changed=SIZE),
    Fault("pg_dumpall, cut between databases", bytes_changed(ALL, lambda d: d[: d.rindex(b"-- Database")]), "decode",
          "end mark", changed=SIZE),
    Fault("pg_dumpall, zeroed 4 KB block", bytes_changed(ALL, zeroed), "decode", "NUL bytes", changed=HASH),
    Fault("pg_dumpall, a row twice", bytes_changed(ALL, duplicated), "restore", "customers_email_key",
          changed="shop.all.sql has"),
    Fault("pg_dumpall, appended garbage", bytes_changed(ALL, lambda d: d + b"garbage;\n"), "decode", "behind its end",
          changed=SIZE),
)  # fmt: skip
"""Of the files."""

CONTENTS = (
    Fault("dump of another database", lambda s, f: _other_database(s, f, CUSTOM, "-Fc"), "container", "wiki"),
    Fault("SQL of another database", lambda s, f: _other_database(s, f, SQL), "schema", "public.orders"),
    Fault("schema only", of_live("-Fc", "-s"), "counts", "public.orders"),
    Fault("a table left out", of_live("-Fc", "-T", "payments"), "schema", "public.payments"),
    Fault("a table's data left out", of_live("-Fd", "--exclude-table-data=payments", form=FOLDER), "counts",
          "public.payments"),
    Fault("a lagging standby", _lagging(own_manifest=False), "content", "public.orders",
          alone=("newest-row", "lagging standby")),
    Fault("a lagging standby, its own manifest", _lagging(own_manifest=True), "newest-row", "lagging standby",
          own_manifest=True),
    Fault("rows hidden by row-level security", _hidden_rows(), "counts", "public.audit"),
    Fault("parents hidden by row-level security", _hidden_rows("ALTER TABLE customers ENABLE ROW LEVEL SECURITY",
          "CREATE POLICY few ON customers TO limited USING (id < 9000)"), "restore", "orders_customer_id_fkey"),
    Fault("duplicate in a unique column", bytes_changed(SQL, duplicated), "restore", "customers_email_key"),
    Fault("duplicate, its constraint missing", bytes_changed(SQL, lambda d: without_constraint(duplicated(d),
          b"customers_email_key")), "schema", "customers_email_key"),
    Fault("orphan of a foreign key", from_source(*_ORPHANS), "restore", "orders_customer_id_fkey"),
    Fault("orphan, its constraint missing", from_source(*_ORPHANS, "ALTER TABLE orders DROP CONSTRAINT "
          "orders_customer_id_fkey"), "schema", "orders_customer_id_fkey"),
    Fault("sequence behind its column", from_source("SELECT setval('orders_id_seq', 5)"), "invariants",
          "orders_id_seq"),
    Fault("lost constraint", from_source("ALTER TABLE payments DROP CONSTRAINT payments_order_id_fkey"), "schema",
          "payments_order_id_fkey", only_warned=True),
    Fault("lost index", from_source("DROP INDEX orders_by_customer", options=("-Fd",), form=FOLDER), "schema",
          "orders_by_customer", only_warned=True),
    Fault("a value changed, same count", from_source("UPDATE payments SET amount = amount + 1 WHERE id = 4711"),
          "content", "public.payments", hidden=True),
    Fault("values changed, same count, a sample", from_source("UPDATE payments SET amount = amount + 1"),
          "content", "public.payments", hidden=True, rule="1/16"),
    Fault("role missing on the target", _of_an_unknown_role, "restore", "ghost"),
    Fault("extension missing on the target", bytes_changed(SQL, lambda d: d.replace(b"CREATE TYPE public.mood",
          _POSTGIS, 1)), "restore", "postgis", Status.UNKNOWN),
    Fault("SQL_ASCII with an invalid byte", _of_no_encoding, "schema", "SQL_ASCII"),
)  # fmt: skip
"""Of what is in them."""

OF_EACH_CLASS = (
    "zero length",
    "truncated by 4 KB",
    "-Fd, a file missing",
    "-Ft, short by whole rows",
    "pg_dumpall, cut between databases",
    "dump of another database",
    "a table left out",
    "a lagging standby",
    "lost constraint",
    "a value changed, same count",
)
"""One for each step that finds a fault; other ways in which one comes to be are deep."""
