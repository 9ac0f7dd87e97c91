"""Tar files of base backups that are made to harm: what leads elsewhere, and what is larger than it looks."""

import gzip
import io
import tarfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.backups.errors import BadBackup
from tasks.backups.facts import Backup, DrillVerdict
from tasks.backups.files.room import Allowance
from tasks.backups.formats.physical.tar_file import Tarball
from tasks.backups.settings import BackedUp
from tasks.backups.targets import Target
from tasks.check_result import Status
from tasks.deadline import Deadline
from tasks.observation import ObservationError
from tests.shop_backups import ANYWHERE, drilled, text

PATIENT_S = 60.0
ZEROS_BYTES = 900_000_000
ZEROS = gzip.compress(bytes(10_000_000))


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size = kind, link, size
    return found


def tar_of(file: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(file, "w:gz" if file.suffix == ".gz" else "w", format=tarfile.GNU_FORMAT) as tar:
        for one in members:
            tar.addfile(one, io.BytesIO(b"x" * one.size))
    return file


def unpacked(file: Path, into: Path) -> list[str]:
    into.mkdir()
    Tarball(file, Deadline.after(PATIENT_S)).unpack(into, Allowance(into, file.stat().st_size, 6.0, None))
    return sorted(str(path.relative_to(into)) for path in into.rglob("*"))


REFUSED = {
    "an absolute name": (member("/tmp/x", size=1), "leads out of its folder"),
    "above": (member("../x", size=1), "leads out of its folder"),
    "above, further on": (member("base/../../x", size=1), "leads out of its folder"),
    "a link out": (member("pg_wal", tarfile.SYMTYPE, "/etc"), "neither a file nor a folder"),
    "a link within": (member("base/1", tarfile.SYMTYPE, "2"), "neither a file nor a folder"),
    "a hard link": (member("base/1", tarfile.LNKTYPE, "PG_VERSION"), "neither a file nor a folder"),
    "a device": (member("base/1", tarfile.CHRTYPE), "neither a file nor a folder"),
    "a pipe": (member("base/1", tarfile.FIFOTYPE), "neither a file nor a folder"),
    "the same file again": (member("PG_VERSION", size=2), "contains PG_VERSION twice"),
    "a file in place of a folder": (member("base", size=2), "contains base twice"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("ending", ["base.tar", "base.tar.gz"])
def test_what_is_no_file_or_leads_elsewhere_is_refused(tmp_path: Path, name: str, ending: str) -> None:
    bad, words = REFUSED[name]
    file = tar_of(tmp_path / ending, member("PG_VERSION", size=2), member("base", tarfile.DIRTYPE), bad)
    with pytest.raises(BadBackup, match=words):
        unpacked(file, tmp_path / "data")
    assert not any(path.is_symlink() for path in (tmp_path / "data").rglob("*"))


def test_a_tablespace_is_named_as_one(tmp_path: Path) -> None:
    file = tar_of(tmp_path / "base.tar", member("pg_tblspc/16411", tarfile.SYMTYPE, "/srv/space"))
    with pytest.raises(ObservationError, match="tablespaces"):
        unpacked(file, tmp_path / "data")


@pytest.mark.parametrize("ending", ["base.tar", "base.tar.gz"])
def test_files_and_folders_are_unpacked(tmp_path: Path, ending: str) -> None:
    long = "base/" + "n" * 150
    inside = (member("base", tarfile.DIRTYPE), member("PG_VERSION", size=2), member(long, size=3_000_000))
    names = unpacked(tar_of(tmp_path / ending, *inside), tmp_path / "data")
    assert names == sorted(["PG_VERSION", "base", long])
    assert (tmp_path / "data" / long).read_bytes() == b"x" * 3_000_000
    assert (tmp_path / "data" / long).stat().st_mode & 0o777 == 0o600


def test_a_header_that_claims_to_be_huge_is_not_read_into_memory(tmp_path: Path) -> None:
    huge = member("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=2**33)
    (tmp_path / "base.tar.gz").write_bytes(gzip.compress(huge.tobuf(tarfile.GNU_FORMAT)) + ZEROS * 10)
    with pytest.raises(BadBackup, match="a header is too large"):
        unpacked(tmp_path / "base.tar.gz", tmp_path / "data")


@pytest.mark.parametrize("kept", [-9, -4, -1])
def test_the_checksum_of_the_gzip_file_is_compared(tmp_path: Path, kept: int) -> None:
    file = tar_of(tmp_path / "base.tar.gz", member("PG_VERSION", size=2))
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(BadBackup, match="The tar file is damaged: The gzip file is truncated"):
        unpacked(file, tmp_path / "data")


def test_few_bytes_that_become_many_are_stopped_on_the_way(tmp_path: Path) -> None:
    backup = tmp_path / "base"
    backup.mkdir()
    (backup / "backup_manifest").write_text("{}")
    start = io.BytesIO()
    with tarfile.open(fileobj=start, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(member("PG_VERSION", size=2), io.BytesIO(b"16"))
    head = start.getvalue()[:1024] + member("base/1", size=ZEROS_BYTES).tobuf(tarfile.USTAR_FORMAT)
    (backup / "base.tar.gz").write_bytes(gzip.compress(head) + ZEROS * (ZEROS_BYTES // 10_000_000 + 1))
    size = (backup / "base.tar.gz").stat().st_size
    assert size < 1_000_000
    began = time.monotonic()
    target = Target("shop", BackedUp(pattern=str(backup)), tmp_path, None)
    found = drilled(target, ANYWHERE, backup=Backup(backup, datetime.now(UTC), size))
    assert time.monotonic() - began < 30
    assert found.statuses["decode"] is Status.UNKNOWN and found.verdict is DrillVerdict.ERROR, found.summary()
    assert "raise [backups] disk_factor" in text(found.result("decode").reason)


def test_a_member_that_is_larger_than_the_bound_is_ended_at_it(tmp_path: Path) -> None:
    head = member("base/1", size=ZEROS_BYTES).tobuf(tarfile.USTAR_FORMAT)
    (tmp_path / "base.tar.gz").write_bytes(gzip.compress(head) + ZEROS * 90)
    with pytest.raises(ObservationError, match=r"larger than the 0\.3\d GB"):
        unpacked(tmp_path / "base.tar.gz", tmp_path / "data")
    assert 300_000_000 < (tmp_path / "data/base/1").stat().st_size < 330_000_000


def test_the_deadline_holds_within_a_member(tmp_path: Path) -> None:
    head = member("base/1", size=2**33).tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "base.tar.gz").write_bytes(gzip.compress(head) + ZEROS * 90)
    deadline = Deadline.after(0.05)
    (tmp_path / "data").mkdir()
    with pytest.raises(ObservationError):
        Tarball(tmp_path / "base.tar.gz", deadline).start_of("PG_VERSION", 16)
