"""Everything that is observed of a database's backups, and one result of each check in any case."""

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tasks.backups.checks import CHECKS, FILE_CHECKS
from tasks.backups.databases import targets_of
from tasks.backups.drill.ladder import drill
from tasks.backups.facts import BackupObservation, Depth, Drill, DrillVerdict, StepOutcome
from tasks.backups.files.find import find_backups
from tasks.backups.files.manifest import manifest_path
from tasks.backups.judge.review import ended_at, judge_backups
from tasks.backups.limits import BackupLimits
from tasks.backups.look import observe_backups
from tasks.backups.settings import Backups
from tasks.backups.store.drills import store_drill
from tasks.backups.take.take import take
from tasks.backups.targets import Target
from tasks.check_result import CheckResult, Status
from tasks.observation import ObservationError, Unobserved
from tasks.settings import Settings, load_settings

PATIENT_S = 120.0
DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
SHOP = 'pattern = "backups/shop-*.db"\nlive = "sqlite:///shop.db"\ncontent = "whole"\nkeep_days = 1\n'
DEPTHS: tuple[Depth, ...] = ("full", "files")


@dataclass
class Operated:
    """A service with an SQLite database, and the backup settings of its file."""

    folder: Path
    history: Engine
    databases: str = SHOP

    @property
    def settings(self) -> Settings:
        file = self.folder / "kondate.toml"
        file.write_text(
            '[service]\nname = "kondate"\nbase_url = "http://127.0.0.1:1"\ntimezone = "Asia/Tokyo"\n'
            '[backups.history]\nnot_applicable = "another test"\n'
            f'[backups]\nfolder = "drills"\n[[databases]]\nname = "shop"\n{self.databases}'
        )
        return load_settings(file)

    @property
    def target(self) -> Target:
        [target] = targets_of(self.settings)
        return target

    def taken(self, ago: timedelta = timedelta(hours=1)) -> Path:
        return take(self.target, NOW - ago, (), PATIENT_S)

    def taken_plain(self) -> Path:
        """What `rounds backup take` refuses where encryption is demanded."""
        backup = self.folder / "backups" / "shop-20261124T123000Z.db"
        backup.parent.mkdir()
        shutil.copyfile(self.folder / "shop.db", backup)
        return backup

    def observe(self, depth: Depth) -> BackupObservation:
        settings = self.settings
        [target] = targets_of(settings)
        return observe_backups(target, settings, self.history, depth, NOW, PATIENT_S)

    def judged(self, depth: Depth) -> "Judged":
        observed = self.observe(depth)
        results, verdict = judge_backups(observed, BackupLimits(), self.settings.zone, NOW)
        return Judged(observed, results, verdict)


@dataclass(frozen=True)
class Judged:
    observed: BackupObservation
    results: tuple[CheckResult, ...]
    verdict: DrillVerdict | None

    def __post_init__(self) -> None:
        """In any case: one result of each check of the depth."""
        wanted = CHECKS if self.observed.depth == "full" else FILE_CHECKS
        checks = [result.check for result in self.results]
        assert sorted(checks) == sorted(check.id for check in wanted), checks
        assert {result.subject for result in self.results} == {"database:shop"}
        if self.observed.drill is None:
            assert self.verdict is None

    def __getitem__(self, check: str) -> tuple[Status, str]:
        [result] = [result for result in self.results if result.check == f"backups.{check}"]
        return result.status, str(ObservationError(result.reason))

    @property
    def statuses(self) -> dict[str, Status]:
        return {result.check.removeprefix("backups."): result.status for result in self.results}

    def without(self, *statuses: Status) -> dict[str, Status]:
        return {check: status for check, status in self.statuses.items() if status not in statuses}


@pytest.fixture
def shop(tmp_path: Path, history: Engine) -> Operated:
    folder = tmp_path / "service"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, placed_at timestamp)")
        for n in range(50):
            at = f"{NOW - timedelta(hours=1, minutes=n):%Y-%m-%d %H:%M:%S}"
            connection.execute("INSERT INTO orders (placed_at) VALUES (?)", (at,))
    return Operated(folder, history)


ALWAYS_SKIPPED = {
    "encryption": Status.SKIPPED, "smoke": Status.SKIPPED, "size": Status.SKIPPED, "offsite": Status.SKIPPED,
    "isolation": Status.SKIPPED,
}  # fmt: skip


class TestGood:
    def test_full_depth_runs_a_drill_of_the_newest_backup(self, shop: Operated) -> None:
        shop.taken(DAY)
        newest = shop.taken()
        done = shop.judged("full")
        assert done.without(Status.PASS) == ALWAYS_SKIPPED
        assert done.verdict is DrillVerdict.PASSED
        assert done.observed.drill is not None and done.observed.drill.backup is not None
        assert done.observed.drill.backup.path == newest
        assert not isinstance(done.observed.backups, Unobserved) and len(done.observed.backups) == 2
        assert ended_at(done.results) == ""

    @pytest.mark.usefixtures("sandbox")
    def test_the_copy_is_asked_before_the_service_writes_to_it(self, shop: Operated) -> None:
        smoke = (
            "import os, sqlite3; from sqlalchemy import make_url\n"
            "copy = sqlite3.connect(make_url(os.environ['DATABASE_URL']).database)\n"
            "copy.execute('DELETE FROM orders WHERE id > 3'); copy.commit()\n"
            "assert copy.execute('SELECT count(*) FROM orders').fetchone() == (3,)"
        )
        shop.databases += f'smoke = ["{sys.executable}", "-c", """{smoke}"""]\n'
        shop.databases += '[[databases.invariants]]\nname = "orders"\nsql = "SELECT count(*) FROM orders"\nmin = 50\n'
        shop.taken()
        done = shop.judged("full")
        assert done["smoke"] == (Status.PASS, "The smoke test passed")
        assert done.verdict is DrillVerdict.PASSED and done["invariants"][0] is Status.PASS

    def test_files_depth_restores_nothing(self, shop: Operated) -> None:
        shop.taken()
        done = shop.judged("files")
        skipped = {check: status for check, status in ALWAYS_SKIPPED.items() if check != "smoke"}
        never = {"drill": Status.UNKNOWN}
        assert done.without(Status.PASS) == skipped | never
        assert done["drill"][1] == "No restore drill has run yet: run `rounds run backup-verification`"
        assert done.observed.drill is not None and done.observed.drill.contents is None
        assert not (shop.folder / "drills").exists()

    def test_the_daily_check_reports_the_last_drill(self, shop: Operated) -> None:
        shop.taken()
        target, [backup] = shop.target, find_backups(shop.folder, "backups/shop-*.db")
        good = drill(
            target, backup, Backups(folder=shop.folder / "drills", isolation="if-possible"), NOW - 3 * DAY, PATIENT_S
        )
        store_drill(shop.history, "kondate", "shop", good, DrillVerdict.PASSED, "")
        assert shop.judged("files")["drill"][0] is Status.PASS
        store_drill(shop.history, "kondate", "shop", at(good, NOW - 2 * DAY), DrillVerdict.FAILED, "backups.counts")
        assert shop.judged("files")["drill"][0] is Status.FAIL
        for hours in range(20):  # errors without end erase no verdict
            error = at(good, NOW - timedelta(hours=hours + 1))
            store_drill(shop.history, "kondate", "shop", error, DrillVerdict.ERROR, "backups.container")
        done = shop.judged("files")
        assert done["drill"][0] is Status.FAIL and "20 since then ended without a verdict" in done["drill"][1]
        assert len(done.observed.past) == 22

    def test_the_offsite_copy(self, shop: Operated) -> None:
        shop.databases += '[databases.offsite]\npattern = "elsewhere/shop-*.db"\nwithin_h = 0.5\n'
        backup = shop.taken()
        for depth in DEPTHS:
            done = shop.judged(depth)
            assert done["offsite"][0] is Status.UNKNOWN and isinstance(done.observed.copies, Unobserved)
        elsewhere = shop.folder / "elsewhere"
        elsewhere.mkdir()
        assert shop.judged("files")["offsite"] == (Status.FAIL, f"{backup.name} is not off-site")
        shutil.copyfile(backup, elsewhere / backup.name)
        for depth in DEPTHS:
            assert shop.judged(depth)["offsite"] == (Status.PASS, f"{backup.name} is off-site")


def at(done: Drill, instant: datetime) -> Drill:
    return replace(done, started_at=instant)


class TestNothing:
    """No backup, or nobody can see whether there is one: not known, never absent, and good in nothing."""

    @pytest.mark.parametrize("depth", DEPTHS)
    def test_no_backup(self, shop: Operated, depth: Depth) -> None:
        (shop.folder / "backups").mkdir()
        done = shop.judged(depth)
        assert done.observed.backups == () and done.observed.drill is None
        failed = {"freshness": Status.FAIL, "retention": Status.FAIL}
        assert done.without(Status.UNKNOWN, Status.SKIPPED) == failed
        assert done["freshness"][1] == "There is no backup: nothing matches backups/shop-*.db"
        unknown = {check for check, status in done.statuses.items() if status is Status.UNKNOWN}
        assert {"manifest", "container", "drill"} <= unknown
        assert done["container"] == done["manifest"] == (Status.UNKNOWN, "There is no backup")
        if depth == "full":
            assert set(done.statuses) - unknown == {
                "freshness", "retention", "encryption", "smoke", "offsite", "isolation"
            }  # fmt: skip
            assert done["restore"][1] == "There is no backup"
            assert done["counts"][1] == done["recovery-time"][1] == "Not reached: there is no backup"
            assert done["drill"][1] == "There is no backup"

    @pytest.mark.parametrize("depth", DEPTHS)
    def test_a_folder_that_is_missing(self, shop: Operated, depth: Depth) -> None:
        shop.databases += "encrypted = true\n"
        done = shop.judged(depth)
        assert isinstance(done.observed.backups, Unobserved) and done.observed.drill is None
        assert set(done.statuses.values()) <= {Status.UNKNOWN, Status.SKIPPED}
        for check in ("freshness", "container", "manifest", "encryption", "retention", "size"):
            status, why = done[check]
            assert status is Status.UNKNOWN and why.startswith("The folder ") and "does not exist: mount it" in why
        if depth == "full":
            assert done["restore"][1] == done["schema"][1] == "Not reached: an earlier step could not be run"

    def test_a_good_drill_of_the_past_is_not_one_of_today(self, shop: Operated) -> None:
        shop.taken()
        [backup] = find_backups(shop.folder, "backups/shop-*.db")
        good = drill(
            shop.target, backup, Backups(folder=shop.folder / "drills", isolation="if-possible"), NOW - DAY, PATIENT_S
        )
        store_drill(shop.history, "kondate", "shop", good, DrillVerdict.PASSED, "")
        backup.path.unlink()
        assert shop.judged("full")["drill"][0] is Status.WARN
        assert shop.judged("files")["drill"][0] is Status.PASS

    @pytest.mark.parametrize("depth", DEPTHS)
    def test_a_backup_that_cannot_be_read_is_neither_plain_nor_encrypted(self, shop: Operated, depth: Depth) -> None:
        shop.databases += "encrypted = true\n"
        backup = shop.folder / "backups" / "shop-20261124T123000Z.db"
        backup.mkdir(parents=True)
        (backup / "toc.dat").symlink_to("toc.dat")  # a dump in a folder, which leads nowhere
        done = shop.judged(depth)
        assert Status.PASS not in {done.statuses["container"], done.statuses["manifest"], done.statuses["drill"]}

    def test_another_drill_is_under_way(self, shop: Operated) -> None:
        """A backup that could not be read is not called unencrypted."""
        shop.databases += "encrypted = true\n"
        shop.taken_plain()
        (shop.folder / "drills").write_text("is not a folder")
        done = shop.judged("full")
        assert done.verdict is DrillVerdict.ERROR
        assert done["encryption"][0] is Status.UNKNOWN and "cannot be used" in done["encryption"][1]
        assert done["container"][0] is done["recovery-time"][0] is Status.UNKNOWN


class TestBad:
    def test_a_damaged_backup(self, shop: Operated) -> None:
        backup = shop.taken()
        with backup.open("r+b") as file:
            file.seek(-8, os.SEEK_END)
            file.write(b"damaged!")
        full, files = shop.judged("full"), shop.judged("files")
        assert full.verdict is DrillVerdict.FAILED and full["drill"][0] is Status.FAIL
        assert ended_at(full.results) == "backups.manifest"
        assert files["manifest"][0] is Status.FAIL and files["drill"][0] is Status.UNKNOWN

    def test_an_empty_one(self, shop: Operated) -> None:
        backup = shop.taken()
        manifest_path(backup).unlink()
        backup.write_bytes(b"")
        full = shop.judged("full")
        assert full["container"] == (Status.FAIL, "The file is empty") and full["size"][0] is Status.FAIL
        assert full["manifest"][0] is Status.UNKNOWN
        assert ended_at(full.results) == "backups.container"

    def test_a_lost_table(self, shop: Operated) -> None:
        with closing(sqlite3.connect(shop.folder / "shop.db")) as live, live:
            live.execute("CREATE TABLE invoices (id INTEGER PRIMARY KEY)")
            live.execute("INSERT INTO invoices VALUES (1)")
        with closing(sqlite3.connect(shop.taken_plain())) as copy, copy:
            copy.execute("DROP TABLE invoices")
        full = shop.judged("full")
        assert full["schema"][0] is Status.FAIL and "invoices" in full["schema"][1]
        # The manifest that is not there, and a backup that is too old, did not end it.
        assert full["manifest"][0] is Status.UNKNOWN and ended_at(full.results) == "backups.schema"

    def test_what_ends_no_drill(self, shop: Operated) -> None:
        shop.databases += "every_h = 0.5\nrpo_h = 0.5\n"
        backup = shop.taken()
        full = shop.judged("full")
        assert full["freshness"][0] is Status.FAIL
        assert full.verdict is DrillVerdict.PASSED and ended_at(full.results) == ""
        manifest_path(backup).unlink()
        full = shop.judged("full")
        assert {full["manifest"][0], full["content"][0]} == {Status.UNKNOWN}
        assert full.verdict is DrillVerdict.PASSED and ended_at(full.results) == ""

    def test_encryption_that_is_demanded(self, shop: Operated) -> None:
        shop.databases += "encrypted = true\n"
        shop.taken_plain()
        for depth in DEPTHS:
            assert shop.judged(depth)["encryption"] == (
                Status.FAIL,
                ("The backup is not encrypted: whoever gets the file can read it"),
            )

    def test_an_encrypted_one_is_no_false_alarm_of_the_day(self, shop: Operated) -> None:
        shop.databases += "encrypted = true\n"
        (shop.folder / "backups").mkdir()
        (shop.folder / "backups" / "shop-1.db").write_bytes(b"Salted__" + os.urandom(4096))
        files = shop.judged("files")
        assert files["container"] == (
            Status.SKIPPED,
            ("The backup is encrypted: only a restore drill reads its contents"),
        )
        assert files["encryption"][0] is Status.PASS
        full = shop.judged("full")
        assert full["container"][0] is Status.UNKNOWN and full.verdict is DrillVerdict.ERROR


class TestManaged:
    """A copy_command that fails, or is not run."""

    def commanded(self, shop: Operated, code: str) -> Judged:
        script = shop.folder / "snapshot.py"
        script.write_text(code)
        shop.databases = f'copy_command = ["{sys.executable}", "snapshot.py"]\n'
        return shop.judged("full")

    def test_the_daily_check_runs_no_command(self, shop: Operated) -> None:
        shop.databases = 'copy_command = ["touch", "ran"]\n'
        done = shop.judged("files")
        assert done.without(Status.SKIPPED) == {"drill": Status.UNKNOWN}
        assert done["freshness"][1] == (
            "Managed database: the time of its newest snapshot is known only from a restore drill"
        )
        assert not (shop.folder / "ran").exists()

    @pytest.mark.parametrize("code", ["raise SystemExit('no snapshot')", "print('nonsense')", ""])
    def test_a_command_that_gives_nothing_is_no_missing_backup(self, shop: Operated, code: str) -> None:
        done = self.commanded(shop, code)
        assert set(done.statuses.values()) == {Status.UNKNOWN, Status.SKIPPED}
        assert done["freshness"][0] is Status.UNKNOWN and done["freshness"][1] == done["restore"][1]
        assert done.verdict is DrillVerdict.ERROR and ended_at(done.results) == "backups.restore"
        assert done.observed.drill is not None
        assert [step.outcome for step in done.observed.drill.steps] == [StepOutcome.ERROR]

    def test_a_copy_that_cannot_be_reached_has_a_time_all_the_same(self, shop: Operated) -> None:
        stamp = (NOW - timedelta(hours=30)).isoformat()
        done = self.commanded(shop, f"print('postgresql://u@127.0.0.1:1/x')\nprint('{stamp}')\n")
        assert done["freshness"][0] is Status.FAIL  # older than the RPO, by the command's own word
        assert done["restore"][0] is Status.UNKNOWN and done.verdict is DrillVerdict.ERROR
