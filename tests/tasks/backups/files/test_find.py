"""Backups as they lie on disk: files, folders, links, odd names, and what cannot be seen."""

import os
import shutil
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.backups.facts import Manifest
from tasks.backups.files.find import find_backups
from tasks.backups.files.manifest import manifest_path, write_manifest
from tasks.observation import ObservationError
from tasks.processes import run

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[4]


def put(path: Path, content: bytes = b"dump", hours: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    aged(path, hours)
    return path


def aged(path: Path, hours: float) -> None:
    at_s = (NOW - timedelta(hours=hours)).timestamp()
    os.utime(path, (at_s, at_s))


def names(folder: Path, pattern: str) -> list[str]:
    return [backup.path.name for backup in find_backups(folder, pattern)]


def test_newest_first_with_size_and_time(tmp_path: Path) -> None:
    put(tmp_path / "backups/shop-2.dump", b"12345", hours=24)
    put(tmp_path / "backups/shop-1.dump", b"1", hours=2)
    put(tmp_path / "backups/other.dump")
    newest, older = find_backups(tmp_path, "backups/shop-*.dump")
    assert (newest.path, newest.at, newest.bytes, newest.known_start) == (
        tmp_path / "backups/shop-1.dump", NOW - timedelta(hours=2), 1, False,
    )  # fmt: skip
    assert (older.bytes, older.at) == (5, NOW - timedelta(hours=24))


def test_patterns_are_relative_absolute_and_literal_and_a_star_is_no_slash(tmp_path: Path) -> None:
    put(tmp_path / "a/shop.dump")
    put(tmp_path / "a/deep/shop.dump")
    put(tmp_path / "b/.hidden/shop.dump")
    assert names(tmp_path, "*/shop.dump") == ["shop.dump"]
    assert names(Path("/nowhere"), f"{tmp_path}/a/*.dump") == ["shop.dump"]
    assert names(tmp_path / "b", "../a/shop.dump") == ["shop.dump"]
    assert names(tmp_path, "a/*") == ["shop.dump"]
    assert names(tmp_path, "b/.h*/shop.dump") == ["shop.dump"]
    assert names(tmp_path, "b/*/shop.dump") == []
    assert names(tmp_path, "a/s[gh]op.dum?") == ["shop.dump"]
    assert names(tmp_path, "a/shop.sql") == names(tmp_path, "a/*.sql") == names(tmp_path, "*/deep/x/*.dump") == []
    assert names(tmp_path, "*/shop.dump/x") == []


def test_the_service_files_own_folder_is_no_pattern(tmp_path: Path) -> None:
    put(tmp_path / "[prod]*/shop.dump")
    put(tmp_path / "p/shop.dump")
    assert [backup.path for backup in find_backups(tmp_path / "[prod]*", "*.dump")] == [tmp_path / "[prod]*/shop.dump"]


def test_half_written_hidden_files_and_manifests_are_no_backups(tmp_path: Path) -> None:
    for name in ("shop.dump", ".shop.dump", "shop.dump.partial", "shop.dump.manifest.json"):
        put(tmp_path / name)
    assert names(tmp_path, "*") == ["shop.dump"]
    assert names(tmp_path, ".*") == []


@pytest.mark.parametrize("mark", ["toc.dat", "toc.dat.gz", "backup_manifest", "PG_VERSION"])
def test_a_folder_is_the_sum_of_its_files_and_as_old_as_the_newest(tmp_path: Path, mark: str) -> None:
    put(tmp_path / "shop-1" / mark, b"123", hours=3)
    put(tmp_path / "shop-1/base/1/4171", b"12345", hours=2)
    (tmp_path / "away").mkdir()
    (tmp_path / "shop-1/pg_tblspc").symlink_to(tmp_path / "away")
    (tmp_path / "shop-1/gone").symlink_to(tmp_path / "nothing")
    aged(tmp_path / "shop-1", 9)
    (backup,) = find_backups(tmp_path, "shop-*")
    assert (backup.bytes, backup.at) == (8, NOW - timedelta(hours=2))


def test_an_empty_folder_is_a_broken_backup_and_another_folder_none(tmp_path: Path) -> None:
    (tmp_path / "shop-empty").mkdir()
    aged(tmp_path / "shop-empty", 1)
    put(tmp_path / "shop-notes/readme.txt")
    os.mkfifo(tmp_path / "shop-pipe")
    (backup,) = find_backups(tmp_path, "shop-*")
    assert (backup.path.name, backup.bytes, backup.at) == ("shop-empty", 0, NOW - timedelta(hours=1))


def test_the_start_is_the_manifests_where_one_can_be_read(tmp_path: Path) -> None:
    for name in ("a.dump", "b.dump", "c.dump", "d.dump"):
        put(tmp_path / name, hours=1)
    started = NOW - timedelta(hours=5)
    write_manifest(tmp_path / "a.dump", Manifest("shop", started, NOW, (), "pg_dump"))
    put(manifest_path(tmp_path / "b.dump"), b"{")
    write_manifest(tmp_path / "c.dump", Manifest("shop", started.replace(tzinfo=None), NOW, (), "pg_dump"))
    found = {backup.path.name: (backup.at, backup.known_start) for backup in find_backups(tmp_path, "*.dump")}
    by_mtime = (NOW - timedelta(hours=1), False)
    assert found == {"a.dump": (started, True), "b.dump": by_mtime, "c.dump": by_mtime, "d.dump": by_mtime}
    assert names(tmp_path, "*.dump")[-1] == "a.dump"


def test_links_are_followed_and_a_broken_one_is_reported(tmp_path: Path) -> None:
    put(tmp_path / "store/1.dump", b"12", hours=2)
    (tmp_path / "latest.dump").symlink_to(tmp_path / "store/1.dump")
    (backup,) = find_backups(tmp_path, "*.dump")
    assert (backup.path.name, backup.bytes, backup.at) == ("latest.dump", 2, NOW - timedelta(hours=2))
    (tmp_path / "store/1.dump").unlink()
    with pytest.raises(ObservationError, match=r"latest\.dump is a broken link"):
        find_backups(tmp_path, "*.dump")
    (tmp_path / "loop.sql").symlink_to(tmp_path / "loop.sql")
    with pytest.raises(ObservationError, match=r"loop\.sql cannot be read: Too many levels"):
        find_backups(tmp_path, "*.sql")


ODD = [b"shop-\n.dump", b"--shop-x.dump", b"shop-\xff\xfe.dump", "shop-\u202ex.dump".encode(), b"shop-*.dump"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_found_and_shown_as_text(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(b"1")
    assert names(tmp_path, "*shop-*.dump") == [path.name]
    path.unlink()
    path.symlink_to("nothing")
    with pytest.raises(ObservationError, match="is a broken link") as error:
        find_backups(tmp_path, "*shop-*.dump")
    assert str(error.value).isprintable()


def test_a_folder_that_is_not_there_is_an_error_and_no_absence(tmp_path: Path) -> None:
    put(tmp_path / "file")
    with pytest.raises(ObservationError, match=r"nowhere in the pattern nowhere/\*\.dump does not exist: mount it"):
        find_backups(tmp_path, "nowhere/*.dump")
    with pytest.raises(ObservationError, match="does not exist"):
        find_backups(tmp_path, "nowhere/*/x.dump")
    with pytest.raises(ObservationError, match="is not a folder"):
        find_backups(tmp_path, "file/*.dump")
    with pytest.raises(ObservationError, match="file/deeper cannot be read: Not a directory"):
        find_backups(tmp_path, "file/deeper/*.dump")
    with pytest.raises(ObservationError, match="File name too long"):
        find_backups(tmp_path, f"{'x' * 300}.dump")


def test_a_backup_removed_meanwhile_is_not_listed(tmp_path: Path) -> None:
    put(tmp_path / "shop-stays.dump")
    ended = threading.Event()

    def rotate() -> None:
        while not ended.is_set():
            put(tmp_path / "shop-file.dump").unlink()
            put(tmp_path / "shop-folder.dump/toc.dat")
            put(tmp_path / "shop-folder.dump/deep/1.dat")
            shutil.rmtree(tmp_path / "shop-folder.dump")

    rotation = threading.Thread(target=rotate)
    rotation.start()
    try:
        seen = [len(find_backups(tmp_path, "shop-*.dump")) for _ in range(2000)]
    finally:
        ended.set()
        rotation.join()
    assert min(seen) == 1 and max(seen) > 1


def test_an_invalid_modification_time_is_an_error(tmp_path: Path) -> None:
    path = put(tmp_path / "shop.dump")
    os.utime(path, ns=(0, 2**62))
    stored_s = path.stat().st_mtime
    if stored_s > datetime(9999, 12, 31, tzinfo=UTC).timestamp():
        with pytest.raises(ObservationError, match="invalid modification time"):
            find_backups(tmp_path, "*.dump")
    else:  # the file system keeps no such time
        assert find_backups(tmp_path, "*.dump")[0].at == datetime.fromtimestamp(stored_s, UTC)


# Root may read everything. The user changes after the imports: another one may not reach the interpreter's files,
# nor the folders above the current one.
AS_NOBODY = """
import os, sys
from pathlib import Path
from tasks.backups.files.find import find_backups
from tasks.observation import ObservationError
os.chdir(sys.argv[1])
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    print(len(find_backups(Path("."), sys.argv[2])))
except ObservationError as error:
    print(error)
"""


def as_nobody(folder: Path, pattern: str) -> str:
    """The error of find_backups for a user who is not root."""
    done = run([sys.executable, "-c", AS_NOBODY, str(folder), pattern], deadline_s=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_missing_read_permission_is_an_error_that_names_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    put(tmp_path / "backups/shop.dump")
    put(tmp_path / "many/one/shop.dump")
    put(tmp_path / "whole/shop/toc.dat")
    put(tmp_path / "whole/shop/inside/1.dat")
    assert as_nobody(tmp_path, "backups/*.dump") == as_nobody(tmp_path, "whole/*") == "1"
    for hidden, mode, pattern in (
        (tmp_path / "backups", 0o000, "backups/*.dump"),
        (tmp_path / "backups", 0o004, "backups/*.dump"),
        (tmp_path / "backups", 0o000, "backups/shop.dump"),
        (tmp_path / "backups", 0o000, "backups/deeper/shop.dump"),
        (tmp_path / "many/one", 0o000, "many/*/*.dump"),
        (tmp_path / "many/one", 0o000, "many/*/shop.dump"),
        (tmp_path / "whole/shop/inside", 0o000, "whole/*"),
    ):
        hidden.chmod(mode)
        output = as_nobody(tmp_path, pattern)
        hidden.chmod(0o755)
        assert "This user may not read" in output and hidden.name in output, (pattern, output)
    (tmp_path / "backups").chmod(0o001)
    assert as_nobody(tmp_path, "backups/shop.dump") == "1"
    (tmp_path / "backups").chmod(0o755)
