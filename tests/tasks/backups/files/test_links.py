"""Links, pipes and devices in a backup are refused before anything is read; a link beside its target is followed."""

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Backup, DrillVerdict, Manifest
from tasks.backups.files.find import find_backups
from tasks.backups.files.manifest import hashed_files, manifest_path, read_manifest, write_manifest
from tasks.backups.files.start import head_of
from tasks.backups.formats.archive import DIRECTORY
from tasks.backups.formats.physical.base_backup import BASE
from tasks.backups.formats.physical.cluster import copied
from tasks.backups.formats.recognise import format_of
from tasks.backups.settings import BackedUp, Backups
from tasks.backups.targets import Target
from tasks.check_result import Status
from tasks.observation import ObservationError
from tests.shop_backups import drilled, text

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        here = Path.cwd()
        os.chdir(path.parent)  # its own path may be too long for a socket
        try:
            bound.bind(path.name)
        finally:
            os.chdir(here)


def a_device(path: Path) -> None:
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link out": (lambda path: path.symlink_to(path.parents[1] / "secret"), "is a link"),
    "a link to a folder": (lambda path: path.symlink_to(path.parents[1] / "elsewhere"), "is a link"),
    "a link to another file of it": (lambda path: path.symlink_to("toc.dat"), "is a link"),
    "a broken link": (lambda path: path.symlink_to("nothing"), "is a link"),
    "a pipe": (os.mkfifo, "is a pipe, a socket or a device"),
    "a socket": (a_socket, "is a pipe, a socket or a device"),
    "a device": (a_device, "is a pipe, a socket or a device"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is named like a dump, and what a link in it may lead to."""
    (tmp_path / "elsewhere").mkdir()
    for name in ("secret", "elsewhere/000000010000000000000001"):
        (tmp_path / name).write_text("of somebody else")
    folder = tmp_path / "shop.dir"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mark", ["toc.dat", "PG_VERSION", "base.tar"])
@pytest.mark.parametrize("name", ["3412.dat", "deep/er/\n\x1b[31m"])
def test_anything_but_a_file_in_a_backup_is_refused(folder: Path, kind: str, mark: str, name: str) -> None:
    make, words = KINDS[kind]
    (folder / mark).write_text("16")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    make(folder / name)
    for look in (format_of, hashed_files):
        with pytest.raises(BadBackup, match=words) as refused:
            look(folder)
        assert str(refused.value).isprintable() and name.split("\n")[0] in str(refused.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mark", ["toc.dat", "PG_VERSION", "base.tar"])
def test_what_a_backup_is_recognised_by_may_be_none_either(folder: Path, kind: str, mark: str) -> None:
    KINDS[kind][0](folder / mark)
    with pytest.raises(BadBackup, match=rf"{mark} in the backup is"):
        format_of(folder)


def test_a_drill_names_it_and_ends_there(folder: Path) -> None:
    (folder / "toc.dat").write_bytes(b"PGDMP")
    (folder / "3412.dat").symlink_to(folder.parent / "secret")
    target = Target("shop", BackedUp(pattern=str(folder)), folder.parent, None)
    found = drilled(
        target, Backups(folder=folder.parent / "drills", isolation="if-possible"), backup=Backup(folder, NOW, 5)
    )
    assert found.verdict is DrillVerdict.FAILED and found.statuses["container"] is Status.FAIL
    assert "3412.dat in the backup is a link, which drills do not follow" in text(found.result("container").reason)


def test_a_tablespace_is_named_as_one(folder: Path) -> None:
    (folder / "PG_VERSION").write_text("16")
    (folder / "pg_tblspc").mkdir()
    (folder / "pg_tblspc/16411").symlink_to(folder.parent / "elsewhere")
    with pytest.raises(ObservationError, match="do not support base backups with tablespaces"):
        format_of(folder)


def test_the_size_of_a_folder_is_without_what_its_links_lead_to(folder: Path) -> None:
    (folder / "toc.dat").write_bytes(b"123")
    (folder / "3412.dat").symlink_to(folder.parent / "secret")
    (folder / "away").symlink_to(folder.parent / "elsewhere")
    [backup] = find_backups(folder.parent, "*.dir")
    assert backup.bytes == 3


def test_a_snapshot_by_hard_links_is_a_backup(folder: Path) -> None:
    for name in ("toc.dat", "3412.dat"):
        (folder.parent / name).write_bytes(b"PGDMP")
        (folder / name).hardlink_to(folder.parent / name)
    assert format_of(folder) is DIRECTORY and len(hashed_files(folder)) == 2


def test_a_file_that_became_a_link_or_a_pipe_is_not_copied(folder: Path) -> None:
    """What was looked at before may be another thing by now."""
    (folder / "PG_VERSION").write_text("16")
    assert format_of(folder) is BASE
    (folder / "pg_wal").mkdir()
    (folder / "pg_wal/1").symlink_to(folder.parent / "secret")
    with pytest.raises(BadBackup, match="pg_wal/1 in the backup is a link"):
        copied(folder, folder.parent / "data")
    assert (folder.parent / "data/pg_wal/1").is_symlink() and (folder.parent / "secret").exists()


# Where a link of the pattern's own leads to, and whether it is followed.
OUT = "is a link that leads out of its folder"
TARGETS = {
    "beside it": ("app-2026-11-26.dump", ""),
    "below it": ("daily/app-2026-11-26.dump", ""),
    "by its whole path": ("{folder}/app-2026-11-26.dump", ""),
    "by a detour within it": ("daily/../app-2026-11-26.dump", ""),
    "over another link": ("hop.dump", ""),
    "above it": ("../secret", OUT),
    "anywhere": ("/etc/hostname", OUT),
    "out and in again": ("../backups/app-2026-11-26.dump", ""),
    "over a link out and in again": ("outside/back.dump", OUT),
    "over another link out": ("hop-out.dump", OUT),
}


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    (folder / "daily").mkdir(parents=True)
    for name in ("backups/app-2026-11-26.dump", "backups/daily/app-2026-11-26.dump", "secret"):
        (tmp_path / name).write_bytes(b"PGDMP")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/back.dump").symlink_to(folder / "app-2026-11-26.dump")
    (folder / "outside").symlink_to(tmp_path / "other")
    (folder / "hop.dump").symlink_to("daily/app-2026-11-26.dump")
    (folder / "hop-out.dump").symlink_to("../secret")
    return folder


@pytest.mark.parametrize("way", TARGETS)
def test_a_link_is_followed_within_its_folder(backups: Path, way: str) -> None:
    target, words = TARGETS[way]
    link = backups / "latest.dump"
    link.symlink_to(target.format(folder=backups))
    if not words:
        assert [backup.bytes for backup in find_backups(backups, "latest.dump")] == [5]
        assert head_of(link) == b"PGDMP" and len(hashed_files(link)) == 1
        return
    for look in (lambda: find_backups(backups, "latest.dump"), lambda: head_of(link), lambda: hashed_files(link)):
        with pytest.raises(ObservationError, match=words):
            look()


def test_a_link_to_a_folder_is_followed_within_its_folder_alone(backups: Path) -> None:
    for place in (backups / "app.dir", backups.parent / "app.dir"):
        place.mkdir()
        (place / "toc.dat").write_bytes(b"PGDMP")
    (backups / "latest.dir").symlink_to("app.dir")
    assert format_of(backups / "latest.dir") is DIRECTORY
    (backups / "out.dir").symlink_to("../app.dir")
    with pytest.raises(ObservationError, match=OUT):
        format_of(backups / "out.dir")


def test_a_folder_above_may_be_a_link(backups: Path, tmp_path: Path) -> None:
    (tmp_path / "mounted").symlink_to(backups)
    (backups / "latest.dump").symlink_to("app-2026-11-26.dump")
    (backups / "daily/newest").symlink_to("app-2026-11-26.dump")
    assert len(find_backups(tmp_path, "mounted/app-*.dump")) == len(find_backups(tmp_path, "mounted/latest.dump")) == 1
    assert head_of(tmp_path / "mounted/latest.dump") == b"PGDMP"
    assert len(find_backups(tmp_path, "*/daily/newest")) == 2


def test_a_manifest_is_read_like_its_backup(backups: Path) -> None:
    backup = backups / "app-2026-11-26.dump"
    write_manifest(backup, Manifest("app", NOW, NOW, (), "pg_dump"))
    place = manifest_path(backup)
    place.rename(backups / "kept.json")
    place.symlink_to("kept.json")
    assert read_manifest(backup) is not None
    (backups / "kept.json").rename(backups.parent / "kept.json")
    place.unlink()
    place.symlink_to("../kept.json")
    with pytest.raises(ObservationError, match=OUT):
        read_manifest(backup)
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(ObservationError, match="is not a regular file"):
        read_manifest(backup)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "shop.dump")
    with pytest.raises(ObservationError, match="is not a regular file"):
        head_of(tmp_path / "shop.dump")
    assert find_backups(tmp_path, "*.dump") == ()
