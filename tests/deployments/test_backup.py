"""`rounds backup`: backups taken, manifests written, and what is there, as a person or a timer asks for it."""

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from typer.testing import CliRunner

from deployments.cli.app import app
from tasks.backups.facts import Manifest
from tasks.backups.files.find import find_backups
from tasks.backups.files.manifest import manifest_path, read_manifest, write_manifest
from tasks.postgres.server import PostgresServer
from tests.shop_database import make_shop

if TYPE_CHECKING:
    from tests.operated import Operate, Operated

PASSWORD = "hush-hush-4711"
DATABASE = '[[databases]]\nname = "shop"\npattern = "dumps/shop-*"\nlive = { env = "SHOP_DATABASE" }\n'
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Ended:
    """What a command left."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="module")
def live(postgres: PostgresServer) -> Iterator[str]:
    """The address of a shop that nobody changes; the server trusts whatever the password is."""
    name = f"shop_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        address = f"{postgres.host}:{postgres.port}/{name}"
        with psycopg.connect(f"postgresql://postgres@{address}", autocommit=True) as connection:
            make_shop(connection, NOW - timedelta(minutes=5), 500)
        yield f"postgresql://postgres:{PASSWORD}@{address}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def shop(operate: "Operate", live: str, monkeypatch: pytest.MonkeyPatch) -> "Operated":
    """A service whose history is SQLite and whose database is PostgreSQL."""
    monkeypatch.setenv("SHOP_DATABASE", live)
    return operate(more=f"[backups]\n{DATABASE}")


def backup(shop: "Operated", *arguments: str) -> Ended:
    ended = CliRunner().invoke(app, ["backup", *arguments, "--service", str(shop.settings.path)])
    assert PASSWORD not in ended.output
    return Ended(ended.exit_code, ended.stdout, ended.stderr)


def found(shop: "Operated", pattern: str) -> list[Path]:
    folder = shop.settings.path.parent
    try:
        return [backup.path for backup in find_backups(folder, pattern)]
    except Exception as error:
        assert "does not exist" in str(error)
        return []


class TestTake:
    def test_every_backup_is_taken_and_printed(self, shop: "Operated") -> None:
        ended = backup(shop, "take")
        assert ended.status == 0, ended
        [history] = found(shop, "backups/shop-history-*")
        [dump] = found(shop, "dumps/shop-*")
        assert (history.suffix, dump.suffix) == (".sqlite", ".dump")
        for line, path in zip(ended.out.splitlines(), (history, dump), strict=True):
            printed_path, size, seconds = line.split("  ")
            assert (printed_path, size) == (str(path), f"{path.stat().st_size} bytes")
            assert seconds.endswith(" s") and 0 <= float(seconds.removesuffix(" s")) < 60
            manifest = read_manifest(path)
            assert manifest is not None and manifest.exact and PASSWORD not in manifest_path(path).read_text()
        assert "backup of history" in ended.err and "backup of shop" in ended.err

    def test_only_those_named_in_the_files_order(self, shop: "Operated") -> None:
        assert backup(shop, "take", "history").status == 0
        assert found(shop, "dumps/shop-*") == []
        ended = backup(shop, "take", "shop", "shop")
        assert ended.status == 0 and len(ended.out.splitlines()) == len(found(shop, "dumps/shop-*")) == 1

    def test_one_that_cannot_be_taken_keeps_no_other_from_it(
        self, operate: "Operate", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOP_DATABASE", f"postgresql://shop:{PASSWORD}@127.0.0.1:1/shop")
        more = DATABASE + '[[databases]]\nname = "more"\npattern = "dumps/more-*"\nlive = "sqlite:///shop.db"\n'
        shop = operate(more=f"[backups]\n{more}")
        ended = backup(shop, "take")
        assert ended.status == 3
        assert "shop: no backup was taken: The database refused the connection" in ended.err
        assert len(ended.out.splitlines()) == 2 and len(found(shop, "dumps/more-*")) == 1
        assert found(shop, "dumps/shop-*") == []

    def test_an_unknown_name_is_refused(self, shop: "Operated") -> None:
        ended = backup(shop, "take", "history", "sh\nop")
        assert (ended.status, ended.out) == (2, "")
        assert "no database is named 'sh\\\\u000aop'; there are: history, shop" in ended.err
        assert found(shop, "backups/*") == []

    def test_a_service_file_without_backups_is_refused(self, operate: "Operate") -> None:
        for command in (["take"], ["list"], ["manifest", "x", "--database", "shop"]):
            ended = backup(operate(), *command)
            assert ended.status == 2 and "backups: [backups] is missing; add it" in ended.err

    def test_databases_without_a_source_are_reported(self, operate: "Operate") -> None:
        more = (
            '[backups.history]\nnot_applicable = "the DBA team"\n'
            '[[databases]]\nname = "a"\npattern = "a-*"\n'
            '[[databases]]\nname = "b"\npattern = "b-*"\nlive = "sqlite:///b.db"\nencrypted = true\n'
            '[[databases]]\nname = "c"\ncopy_command = ["true"]\n'
        )
        shop = operate(more=more)
        ended = backup(shop, "take")
        assert ended.status == 2 and ended.err.splitlines() == [
            "a: left out: live is not set",
            "b: left out: encrypted = true",
            "c: left out: it has no pattern, only copy_command",
            "there is no database to back up: one needs pattern and live",
        ]
        assert backup(shop, "take", "a").err == "a: live is not set: give the address of the database to back up\n"
        assert "there are: a, b, c" in backup(shop, "take", "history").err

    def test_a_pattern_without_a_destination_is_refused_before_any_backup(self, operate: "Operate") -> None:
        more = '[backups]\n[[databases]]\nname = "a"\npattern = "a.dump"\nlive = "sqlite:///shop.db"\n'
        shop = operate(more=more)
        ended = backup(shop, "take")
        assert ended.status == 2 and "a: pattern 'a.dump': its file name must have exactly one *" in ended.err
        assert found(shop, "backups/*") == []

    def test_a_secret_that_is_not_set(self, operate: "Operate", monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SHOP_DATABASE", raising=False)
        shop = operate(more=f"[backups]\n{DATABASE}")
        ended = backup(shop, "take")
        assert ended.status == 2 and "databases.0.live: the environment variable SHOP_DATABASE is not set" in ended.err
        assert backup(shop, "list").status == 0  # whoever restores has the files, and perhaps no secret

    @pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.deep)])
    def test_a_command_that_is_ended_leaves_no_half_backup(
        self, shop: "Operated", live: str, number: signal.Signals
    ) -> None:
        folder = shop.settings.path.parent / "dumps"
        with psycopg.connect(live) as holder:
            holder.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
            argv = [sys.executable, "-m", "deployments.cli.app", "backup", "take", "shop"]
            taking = subprocess.Popen(
                [*argv, "--service", str(shop.settings.path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'customers'::regclass"
            until = time.monotonic() + 60
            while holder.execute(waiting).fetchall()[0] < (2,) and time.monotonic() < until:
                time.sleep(0.05)
            taking.send_signal(number)
            out, err = taking.communicate(timeout=60)
            assert taking.returncode == (130 if number is signal.SIGINT else -number), err
            others = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            until = time.monotonic() + 30
            while holder.execute(others).fetchall()[0] != (0,):
                assert time.monotonic() < until, "pg_dump or a session goes on"
                holder.commit()
                time.sleep(0.05)
        assert out == "" and PASSWORD not in err and "Traceback" not in err
        left = [path.name for path in folder.iterdir()]
        assert [name for name in left if not name.endswith(".partial")] == []
        assert len(left) == (0 if number is signal.SIGINT else 1)
        assert "  no backups found" in backup(shop, "list").out.splitlines()


class TestManifest:
    def test_a_teams_own_dump_gets_one(self, shop: "Operated", tmp_path: Path) -> None:
        assert backup(shop, "take", "shop").status == 0
        [taken] = found(shop, "dumps/shop-*")
        own = tmp_path / "--own\n注文.dump"
        shutil.copyfile(taken, own)
        started = f"{(NOW - timedelta(hours=1)).astimezone(shop.settings.zone):%Y-%m-%dT%H:%M:%S}"
        ended = backup(shop, "manifest", "--database", "shop", "--started", started, str(own))
        assert ended.status == 0, ended
        assert ended.out == f"{tmp_path}/--own\\u000a注文.dump.manifest.json\n"
        manifest = read_manifest(own)
        assert manifest is not None and manifest.contents is not None
        assert (manifest.exact, manifest.started_at) == (False, NOW - timedelta(hours=1))
        assert backup(shop, "manifest", str(own), "--database", "shop").status == 2
        assert backup(shop, "manifest", str(own), "--database", "shop", "--replace", "--no-counts").status == 0
        manifest = read_manifest(own)
        assert manifest is not None and manifest.contents is None

    def test_files_that_get_no_manifest(self, shop: "Operated", tmp_path: Path) -> None:
        file = tmp_path / "notes.dump"
        file.write_text("buy milk")
        for arguments, printed_path in (
            ([str(file), "--database", "shop"], "notes.dump cannot get a manifest: The file is not a backup"),
            ([str(tmp_path / "gone"), "--database", "shop"], "cannot be read: No such file or directory"),
            ([str(file), "--database", "shoping"], "no database is named 'shoping'; there are: history, shop"),
            ([str(file), "--database", "shop", "--started", "noon"], "--started: 'noon' is not a time"),
        ):
            ended = backup(shop, "manifest", *arguments)
            assert ended.status == 2 and printed_path in ended.err, ended
        assert not manifest_path(file).exists()

    def test_a_database_that_does_not_answer(self, operate: "Operate", monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOP_DATABASE", f"postgresql://shop:{PASSWORD}@127.0.0.1:1/shop")
        shop = operate(more=f"[backups]\n{DATABASE}")
        assert backup(shop, "take", "history").status == 0
        [file] = found(shop, "backups/shop-history-*")
        manifest_path(file).unlink()
        ended = backup(shop, "manifest", str(file), "--database", "shop")
        assert ended.status == 3 and "shop: no manifest was written: The database refused the connection" in ended.err
        assert not manifest_path(file).exists()


class TestList:
    def test_the_newest_first_with_size_time_and_manifest(self, shop: "Operated") -> None:
        folder = shop.settings.path.parent
        (folder / "dumps").mkdir()
        for number in range(23):
            file = folder / "dumps" / f"shop-{number:02}.dump"
            file.write_bytes(b"x" * 1234)
            at_s = (NOW - timedelta(hours=number)).timestamp()
            os.utime(file, (at_s, at_s))
        hour_ago = NOW - timedelta(hours=1)
        write_manifest(folder / "dumps" / "shop-01.dump", Manifest("shop", hour_ago, NOW, (), "pg_dump"))
        manifest_path(folder / "dumps" / "shop-02.dump").write_text("{}")
        (folder / "dumps" / "shop-99.dump.partial").mkdir()
        write_manifest(folder / "dumps" / "shop-98.dump", Manifest("shop", hour_ago, NOW, (), "pg_dump"))
        ended = backup(shop, "list")
        lines = ended.out.splitlines()
        assert ended.status == 0 and lines[:3] == [
            "history  backups/shop-history-*",
            f"  The folder {folder}/backups in the pattern backups/shop-history-* does not exist: mount it, or "
            "correct the pattern",
            "shop  dumps/shop-*",
        ]
        assert [" ".join(line.split()) for line in lines[3:5]] == [
            f"{at.astimezone(shop.settings.zone):%Y-%m-%d %H:%M:%S} 1.2 kB manifest: {there} {folder}/dumps/{name}"
            for at, there, name in ((NOW, "no", "shop-00.dump"), (hour_ago, "yes", "shop-01.dump"))
        ]
        assert "manifest: unusable (shop-02.dump.manifest.json is not an opsrounds manifest" in lines[5]
        assert len(lines) == 3 + 20 + 1 and lines[-1] == "  and 3 older ones"

    def test_missing_backups_are_reported_and_names_are_printed_as_text(self, shop: "Operated") -> None:
        folder = shop.settings.path.parent
        (folder / "backups").mkdir()
        (folder / "dumps").mkdir()
        (folder / "dumps" / "shop-\n\x1b[31m.dump").write_bytes(b"x")
        ended = backup(shop, "list")
        assert ended.status == 0 and "\x1b" not in ended.out
        assert ended.out.splitlines()[1] == "  no backups found"
        assert "shop-\\u000a\\u001b[31m.dump" in ended.out

    def test_a_managed_database_has_no_files(self, operate: "Operate") -> None:
        shop = operate(more='[backups]\n[[databases]]\nname = "rds"\ncopy_command = ["restore-snapshot"]\n')
        assert backup(shop, "list").out.splitlines()[-1] == "rds  by copy_command"


def test_help_loads_nothing_heavy() -> None:
    heavy = ("prefect", "sqlalchemy", "httpx", "psycopg")
    program = (
        "import sys\nfrom deployments.cli.app import app\n"
        "try: app(['backup', '--help'])\n"
        f"except SystemExit as end: print(end.code, [name for name in {heavy} if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "0 []"
    for command in ("take", "manifest", "list"):
        assert command in ended.stdout
