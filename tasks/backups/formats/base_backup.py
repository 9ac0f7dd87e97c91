"""Physical backups of pg_basebackup: verified by their own manifest, copied, and started alone."""

import gzip
import shutil
import tarfile
import zlib
from contextlib import suppress
from pathlib import Path

import psycopg

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Form
from tasks.backups.formats.interface import Head
from tasks.backups.tool_words import require_good
from tasks.check_result import Message, msg
from tasks.deadline import Deadline
from tasks.observation import ObservationError, shown
from tasks.outside import said
from tasks.postgres.cluster import environment
from tasks.postgres.installation import Installation
from tasks.postgres.throwaway import Throwaway
from tasks.processes import Finished, run

_BASE, _WAL = "base", "pg_wal"
# What would make the copy follow, archive to, or be configured as the live server.
_OF_THE_LIVE = (
    "postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf",
    "standby.signal", "recovery.signal", "postmaster.pid", "postmaster.opts",
)  # fmt: skip
_CONFIGURATION = "# of a restore drill\n"
_BROKEN = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


def read_head(backup: Path, form: Form) -> Head:
    """The major version of a physical backup; raises BadBackup, and OSError."""
    if form is Form.BASE:
        text = (backup / "PG_VERSION").read_text(encoding="ascii", errors="replace")
    else:
        with _opened(backup, _BASE) as tar:
            try:
                # Not by its name: that would read the whole file first.
                member = next((tar.extractfile(one) for one in tar if one.name == "PG_VERSION"), None)
                text = "" if member is None else member.read(16).decode("ascii", "replace")
            except _BROKEN as error:
                raise BadBackup(_broken_tar(error)) from None
    try:
        return Head("", int(text.strip()))
    except ValueError:
        raise BadBackup(msg("PG_VERSION holds no version: {text}", text=shown(text.strip(), 20))) from None


def require_whole(backup: Path) -> None:
    """Raise BadBackup or ObservationError for a physical backup that cannot be drilled."""
    if not (backup / "backup_manifest").exists():
        raise ObservationError(
            msg("The base backup has no backup_manifest: take it without --no-manifest, so that it can be verified")
        )
    spaces = backup / "pg_tblspc"
    if (spaces.is_dir() and any(spaces.iterdir())) or [*backup.glob("[0-9]*.tar*")]:
        raise ObservationError(msg("A base backup with tablespaces is not drilled"))


def unpack(backup: Path, into: Path, deadline: Deadline) -> None:
    """The cluster of a tar backup as a folder; raises BadBackup, and OSError."""
    into.mkdir(mode=0o700)
    for name, place in ((_BASE, into), (_WAL, into / _WAL)):
        deadline.require()
        try:
            with _opened(backup, name) as tar:
                tar.extractall(place, filter="data")
        except _BROKEN as error:
            raise BadBackup(_broken_tar(error)) from None
    shutil.copy2(backup / "backup_manifest", into / "backup_manifest")


def verify(cluster: Path, installation: Installation, deadline: Deadline) -> None:
    """Hold every file and the write-ahead log against backup_manifest; raises BadBackup or ObservationError."""
    argv = [installation.program("pg_verifybackup"), "--quiet", str(cluster)]
    verified = run(argv, deadline_s=deadline.require(), env=environment())
    doing = _no_wal if b"WAL parsing failed" in verified.stderr else _not_verified
    require_good(verified, doing, program="pg_verifybackup")


def copy(cluster: Path, into: Path) -> None:
    """A copy that starts by itself: without what ties it to the live server. Raises OSError."""
    if cluster != into:
        # Not links: a server that writes through one would write into the backup.
        shutil.copytree(cluster, into, ignore_dangling_symlinks=True)
    for left in (*(into / name for name in _OF_THE_LIVE), *into.glob(".s.PGSQL.*")):
        with suppress(FileNotFoundError):
            left.unlink()
    into.chmod(0o700)


def write_configuration(data: Path) -> None:
    """The copy's own configuration: nothing of the live server's holds."""
    for name, text in (("postgresql.conf", _CONFIGURATION), ("pg_hba.conf", "local all all trust\n")):
        (data / name).write_text(text, encoding="ascii")
        (data / name).chmod(0o644)


def administrator(server: Throwaway, roles: tuple[str, ...]) -> str:
    """A superuser of the copy; raises ObservationError if none of the known roles is one."""
    for role in dict.fromkeys(("postgres", *roles)):
        with suppress(psycopg.Error), psycopg.connect(server.dsn("template1", role)) as connection:
            row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
            if row == (True,):
                return role
    raise ObservationError(
        msg("No superuser of the copy is known: set live, or keep a manifest, so that a drill knows the roles")
    )


def database_of(server: Throwaway, role: str, expected: str) -> str:
    """The database to look at: the expected one, else the only one. Raises BadBackup or ObservationError."""
    with psycopg.connect(server.dsn("template1", role)) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE NOT datistemplate AND datallowconn").fetchall()
    names = sorted(str(row[0]) for row in rows)
    if expected:
        if expected not in names:
            raise BadBackup(_no_database(expected, names))
        return expected
    own = [name for name in names if name != "postgres"] or names
    if len(own) != 1:
        raise ObservationError(
            msg(
                "The copy holds {names}: set live, so that a drill knows which one is meant", names=said(", ".join(own))
            )
        )
    return own[0]


def check_relations(
    installation: Installation, server: Throwaway, role: str, database: str, deadline: Deadline
) -> Message | None:
    """Heap and indexes looked at by amcheck; says why if they could not be.

    Raises BadBackup for damage, ObservationError if amcheck could not look, psycopg.Error as it comes.
    """
    with psycopg.connect(server.dsn(database, role), autocommit=True) as connection:
        there = connection.execute("SELECT installed_version FROM pg_available_extensions WHERE name = 'amcheck'")
        amcheck = there.fetchone()
    if amcheck is None:
        return msg(
            "Restored, but its pages and indexes were not checked: PostgreSQL {version} here has no amcheck; "
            "set [backups] postgres to one that has it",
            version=installation.version,
        )
    argv = [installation.program("pg_amcheck"), "--install-missing", "--heapallindexed", server.dsn(database, role)]
    _require_undamaged(run(argv, deadline_s=deadline.require(), env=environment()))
    if amcheck == (None,):  # the copy's schema stays as it was
        with psycopg.connect(server.dsn(database, role), autocommit=True) as connection:
            connection.execute("DROP EXTENSION amcheck")
    return None


def _require_undamaged(checked: Finished) -> None:
    if checked.returncode == 2 and checked.stdout.strip():
        lines = checked.stdout.decode("utf-8", "replace").split("\n")
        raise BadBackup(msg("amcheck found damage: {why}", why=said(" ".join(line.strip() for line in lines[:2]))))
    try:
        require_good(checked, lambda why: msg("amcheck could not look at the copy: {why}", why=why),
                     program="pg_amcheck")  # fmt: skip
    except BadBackup as unseen:
        raise ObservationError(unseen.reason) from None


def _opened(backup: Path, name: str) -> tarfile.TarFile:
    for file in (backup / f"{name}.tar", backup / f"{name}.tar.gz"):
        if file.exists():
            try:
                return tarfile.open(file)
            except _BROKEN as error:
                raise BadBackup(_broken_tar(error)) from None
    raise BadBackup(msg("{file} is missing in the backup", file=f"{name}.tar"))


def _broken_tar(error: Exception) -> Message:
    return msg("The tar file is damaged: {why}", why=shown(str(error), 100))


def _not_verified(why: str) -> Message:
    return msg("pg_verifybackup refuses it: {why}", why=why)


def _no_wal(why: str) -> Message:
    return msg("Its write-ahead log (WAL) is damaged or incomplete: {why}", why=why)


def _no_database(expected: str, names: list[str]) -> Message:
    return msg(
        "The backup holds no database {name}, but {names}", name=said(expected, 80), names=said(", ".join(names))
    )
