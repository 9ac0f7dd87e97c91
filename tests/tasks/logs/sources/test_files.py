"""Rotations, copies and damaged files: no line is lost, and none is counted twice."""

import gzip
import os
import random
import shutil
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.logs.sources.files import LogFile, find_files, identify, open_log, pieces
from tasks.logs.tables import log_files
from tasks.observation import ObservationError

if TYPE_CHECKING:
    from tests.tasks.logs.conftest import Reading, Service

Apart = Callable[["Service"], "Reading"]
BANNER = b"kondate 1.4 starts\nlistening on port 8080\n"
MIB = 1 << 20
FORBIDDEN = "/proc/sys/vm/compact_memory"
"""A file that Linux lets nobody read, root neither."""


def lines(first: int, last: int, note: str = "") -> bytes:
    """Lines with the times of these minutes."""
    return b"".join(
        b'{"timestamp": "2026-11-25T0%d:%02d:00Z", "level": "info", "message": "line %d%s"}\n'
        % (place // 60, place % 60, place, note.encode())
        for place in range(first, last)
    )


def seen_once(service: "Service", first: int, last: int) -> bool:
    return service.sums()["lines"] == last - first and service.sums()["parsed"] == last - first


def put(path: Path, content: bytes, at: datetime) -> Path:
    path.write_bytes(content)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


@pytest.fixture
def log(service: "Service") -> Path:
    return service.logs / "app.log"


class TestGrowing:
    """A file that is written to."""

    def test_new_lines_are_read_once(self, service: "Service", log: Path) -> None:
        log.write_bytes(lines(0, 5))
        assert service.read_lines() == 5
        assert service.read_lines() == 0
        with log.open("ab") as opened:
            opened.write(lines(5, 7))
        assert service.read_lines() == 2
        assert seen_once(service, 0, 7)

    def test_a_line_without_its_end_waits_for_it(self, service: "Service", log: Path) -> None:
        content = lines(0, 3)
        put(log, content[:-20], service.now)
        assert service.read_lines() == 2
        put(log, content[:-5], service.now)
        assert service.read_lines() == 0
        put(log, content + lines(3, 4), service.now)
        assert service.read_lines() == 2
        assert seen_once(service, 0, 4)

    @pytest.mark.parametrize(("settled_s", "found"), [(3599, 2), (3600, 2), (3601, 3)])
    def test_a_last_line_without_its_end_is_taken_after_an_hour(
        self, service: "Service", log: Path, settled_s: int, found: int
    ) -> None:
        put(log, lines(0, 3)[:-1], service.now)
        assert service.read_lines() == 2
        service.now += timedelta(seconds=settled_s)
        assert service.read_lines() == found - 2
        with log.open("ab") as opened:
            opened.write(b"\n" + lines(3, 4))
        os.utime(log, (service.now.timestamp(), service.now.timestamp()))
        assert service.read_lines() == 4 - found
        assert seen_once(service, 0, 4)

    def test_what_is_appended_while_it_is_read_comes_next_time(self, log: Path) -> None:
        log.write_bytes(lines(0, 3))
        with open_log(log) as opened:
            with log.open("ab") as appended:
                appended.write(lines(3, 5))
            mark = identify(opened, (), set())
            assert mark is not None
            (piece, end) = pieces(opened, mark, settled=True)
            assert (len(piece.lines), end.lines, end.mark.position) == (3, [], len(lines(0, 3)))
        mark = identify(LogFile(log, log.stat()), [replace(end.mark, id=1)], set())
        assert mark is not None
        assert [line for piece in pieces(LogFile(log, log.stat()), mark, settled=True) for line in piece.lines] == (
            lines(3, 5).splitlines()
        )

    def test_a_name_that_moves_on_while_its_file_is_read_loses_nothing(self, service: "Service", log: Path) -> None:
        log.write_bytes(lines(0, 3))
        with open_log(log) as opened:
            log.rename(log.with_name("app.log.1"))
            log.write_bytes(lines(3, 9))
            mark = identify(opened, (), set())
            assert mark is not None
            assert [line for piece in pieces(opened, mark, settled=False) for line in piece.lines] == (
                lines(0, 3).splitlines()
            )
        assert service.read_lines() == 9


class TestRotation:
    """A file becomes another one between two readings; lines were added before it did."""

    def test_by_rename(self, service: "Service", log: Path) -> None:
        log.write_bytes(lines(0, 5))
        service.read_lines()
        with log.open("ab") as opened:
            opened.write(lines(5, 8))
        log.rename(service.logs / "app.log.1")
        log.write_bytes(lines(8, 10))
        assert service.read_lines() == 5
        (service.logs / "app.log.1").rename(service.logs / "app.log.2")
        log.rename(service.logs / "app.log.1")
        assert service.read_lines() == 0
        assert seen_once(service, 0, 10)

    @pytest.mark.parametrize("size", [5, 500])
    def test_packed_after_the_rename(self, service: "Service", log: Path, size: int) -> None:
        log.write_bytes(lines(0, size))
        service.read_lines()
        put(service.logs / "app.log.1.gz", gzip.compress(lines(0, size + 3)), service.now)
        log.unlink()
        log.write_bytes(lines(size + 3, size + 5))
        assert service.read_lines() == 5
        assert service.read_lines() == 0
        assert seen_once(service, 0, size + 5)

    @pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.999])
    def test_read_while_it_is_packed(self, service: "Service", log: Path, share: float) -> None:
        messages = random.Random(1)
        content = b"".join(lines(n, n + 1, f" {messages.randbytes(30).hex()}") for n in range(500))
        put(log, content, service.now - timedelta(minutes=2))
        service.read_lines()
        log.rename(service.logs / "app.log.1")
        packed = gzip.compress(content)
        (service.logs / "app.log.1.gz").write_bytes(packed[: int(len(packed) * share)])
        log.write_bytes(lines(500, 502))
        assert service.read_lines() == 2
        assert service.problems() == {}
        (service.logs / "app.log.1.gz").write_bytes(packed)
        (service.logs / "app.log.1").unlink()
        assert service.read_lines() == 0
        assert seen_once(service, 0, 502)

    def test_copied_and_truncated(self, service: "Service", log: Path) -> None:
        log.write_bytes(lines(0, 5))
        service.read_lines()
        with log.open("ab") as opened:
            opened.write(lines(5, 8))
        shutil.copy(log, service.logs / "app.log.1")
        log.write_bytes(lines(8, 9))
        assert service.read_lines() == 4
        assert seen_once(service, 0, 9)

    @pytest.mark.parametrize("copied", [0.0, 0.7, 0.99, 1.0])
    @pytest.mark.parametrize("later_s", [-60, 60])
    def test_caught_between_copy_and_truncation(
        self, service: "Service", log: Path, copied: float, later_s: int
    ) -> None:
        content = lines(0, 60)
        put(log, content, service.now - timedelta(minutes=9))
        service.read_lines()
        put(log, content + lines(60, 63), service.now)
        part = (content + lines(60, 63))[: int(len(content + lines(60, 63)) * copied)]
        put(service.logs / "app.log.1", part, service.now + timedelta(seconds=later_s))
        assert service.read_lines() == 3
        put(service.logs / "app.log.1", content + lines(60, 63), service.now + timedelta(seconds=later_s))
        assert service.read_lines() == 0
        log.write_bytes(lines(63, 65))
        assert service.read_lines() == 2
        assert service.read_lines() == 0
        assert seen_once(service, 0, 65)

    def test_lines_after_the_copy_were_read_from_the_original(self, service: "Service", log: Path) -> None:
        log.write_bytes(lines(0, 20))
        shutil.copy(log, service.logs / "app.log.1")
        with log.open("ab") as opened:
            opened.write(lines(20, 22))
        assert service.read_lines() == 22
        log.write_bytes(b"")
        assert service.read_lines() == 0
        (service.logs / "app.log.1.gz").write_bytes(gzip.compress((service.logs / "app.log.1").read_bytes()))
        (service.logs / "app.log.1").unlink()
        assert service.read_lines() == 0
        log.write_bytes(lines(22, 23))
        assert service.read_lines() == 1
        assert seen_once(service, 0, 23)

    @pytest.mark.parametrize("size", [1, 30, 200])
    def test_truncated_and_written_shorter(self, service: "Service", log: Path, size: int) -> None:
        log.write_bytes(lines(0, 100))
        service.read_lines()
        log.write_bytes(lines(100, 100 + size))
        assert service.read_lines() == size
        assert seen_once(service, 0, 100 + size)

    @pytest.mark.parametrize("hole", [50, 4096, MIB - 1, MIB + 1, 5 * MIB])
    def test_a_writer_that_does_not_append_leaves_a_hole(self, service: "Service", log: Path, hole: int) -> None:
        log.write_bytes(lines(0, 3))
        service.read_lines()
        with log.open("wb") as opened:
            opened.seek(hole)
            opened.write(lines(3, 5))
        assert service.read_lines() == 2
        with log.open("ab") as opened:
            opened.write(lines(5, 6))
        assert service.read_lines() == 1
        assert seen_once(service, 0, 6)
        assert log.stat().st_blocks * 512 < hole + 2 * MIB

    def test_a_hole_before_anything_is_written_behind_it(self, service: "Service", log: Path) -> None:
        log.write_bytes(lines(0, 3))
        service.read_lines()
        os.truncate(log, 0)
        os.truncate(log, 3 * MIB)
        assert service.read_lines() == 0
        with log.open("ab") as opened:
            opened.write(lines(3, 4))
        assert service.read_lines() == 1
        assert seen_once(service, 0, 4)


class TestLikeness:
    """Files that begin alike, and the same content under two names."""

    @pytest.mark.parametrize("same", [1, 5, 20, 100])
    def test_replaced_by_one_with_the_same_first_lines(self, service: "Service", log: Path, same: int) -> None:
        log.write_bytes(lines(0, 200))
        service.read_lines()
        log.unlink()
        log.write_bytes(lines(0, same) + lines(same, same + 10, " again"))
        assert service.read_lines() == same + 10

    @pytest.mark.parametrize("banner", [BANNER, BANNER * 80])
    def test_a_banner_at_the_head_of_two_files(self, service: "Service", log: Path, banner: bytes) -> None:
        other = service.logs / "app.log.b"
        length = banner.count(b"\n")
        put(log, banner + lines(0, 3), service.now)
        put(other, banner + lines(100, 103), service.now - timedelta(minutes=1))
        assert service.read_lines() == 6 + 2 * length
        with log.open("ab") as opened:
            opened.write(lines(3, 5))
        with other.open("ab") as opened:
            opened.write(lines(103, 104))
        assert service.read_lines() == 3
        assert service.sums()["lines"] == 9 + 2 * length

    def test_two_files_that_are_but_a_banner_yet(self, service: "Service", log: Path) -> None:
        other = service.logs / "app.log.b"
        for file in (log, other):
            put(file, BANNER, service.now)
        assert service.read_lines() == 4
        log.write_bytes(BANNER + lines(0, 1))
        other.write_bytes(BANNER + lines(100, 102))
        assert service.read_lines() == 3
        assert service.read_lines() == 0
        assert service.sums()["lines"] == 7

    def test_a_banner_again_after_a_rotation_out_of_sight(self, service: "Service", log: Path) -> None:
        log.write_bytes(BANNER)
        assert service.read_lines() == 2
        log.rename(service.folder / "elsewhere")
        log.write_bytes(BANNER + lines(0, 3))
        assert service.read_lines() == 5

    @pytest.mark.parametrize("link", [os.link, os.symlink, shutil.copy, shutil.copy2])
    def test_a_second_name_or_a_copy(self, service: "Service", log: Path, link: Callable[[Path, Path], object]) -> None:
        log.write_bytes(lines(0, 40))
        link(log, service.logs / "app.log.same")
        assert service.read_lines() == 40
        with log.open("ab") as opened:
            opened.write(lines(40, 43))
        assert service.read_lines() == 3
        assert service.read_lines() == 0
        assert seen_once(service, 0, 43)

    @pytest.mark.parametrize("later_s", [-60, 60])
    def test_a_shorter_copy_there_from_the_start(self, service: "Service", log: Path, later_s: int) -> None:
        put(log, lines(0, 40), service.now)
        put(service.logs / "app.log.copy", lines(0, 30), service.now + timedelta(seconds=later_s))
        assert service.read_lines() == 40
        assert service.read_lines() == 0

    def test_a_packed_copy_that_stays_is_unpacked_once(self, service: "Service", log: Path) -> None:
        log.write_bytes(lines(0, 40))
        (service.logs / "app.log.1.gz").write_bytes(gzip.compress(lines(0, 40)))
        assert service.read_lines() == 40
        assert all(
            any(mark.complete and mark.size == file.stat().st_size for mark in service.rows(log_files))
            for file in service.logs.iterdir()
        )


class TestPacked:
    """gzip as it should be, and as it is found."""

    @pytest.mark.parametrize("name", ["app.log.1.gz", "app.log.1"])
    def test_goes_by_its_content(self, service: "Service", name: str) -> None:
        (service.logs / name).write_bytes(gzip.compress(lines(0, 4)))
        (service.logs / "app.log.2.gz").write_bytes(lines(4, 6))
        assert service.read_lines() == 6

    def test_members_one_after_another(self, service: "Service") -> None:
        members = [gzip.compress(lines(n, n + 1)) for n in range(200)]
        (service.logs / "app.log.gz").write_bytes(b"".join(members[:100]) + b"\x00" * 512 + b"".join(members[100:]))
        assert service.read_lines() == 200
        assert service.problems() == {}

    def test_a_last_line_without_its_end_is_whole(self, service: "Service") -> None:
        (service.logs / "app.log.gz").write_bytes(gzip.compress(lines(0, 4)[:-1]))
        assert service.read_lines() == 4

    @pytest.mark.parametrize("cut", [4, 11, 200, 2000, -9, -8, -1])
    def test_a_truncated_one_keeps_what_is_there_and_goes_on_with_the_rest(self, service: "Service", cut: int) -> None:
        messages = random.Random(1)
        content = b"".join(lines(n, n + 1, f" {messages.randbytes(30).hex()}") for n in range(100))
        packed = gzip.compress(content)
        log = service.logs / "app.log.gz"
        log.write_bytes(packed[:cut])
        there = zlib.decompressobj(wbits=31).decompress(packed[:cut])
        assert service.read_lines() == there.count(b"\n")
        assert service.problems() == {"app.log.gz": "truncated"}
        log.write_bytes(packed)
        assert service.read_lines() == 100 - there.count(b"\n")
        assert service.problems() == {}
        assert seen_once(service, 0, 100)

    def test_a_wrong_check_sum_keeps_all_and_is_reported(self, service: "Service") -> None:
        packed = bytearray(gzip.compress(lines(0, 300)))
        packed[-6] ^= 1
        (service.logs / "app.log.gz").write_bytes(packed)
        assert service.read_lines() == 300
        assert service.problems() == {"app.log.gz": "damaged"}

    @pytest.mark.parametrize("members", [1, 3])
    def test_damage_keeps_what_stands_before_it(self, service: "Service", members: int) -> None:
        messages = random.Random(1)
        parts = [
            b"".join(lines(n, n + 1, f" {messages.randbytes(30).hex()}") for n in range(100 * part, 100 * part + 100))
            for part in range(members)
        ]
        packed = bytearray(b"".join(map(gzip.compress, parts)))
        last = len(gzip.compress(parts[-1]))
        packed[-last // 2 : -last // 2 + 4] = b"\xff\xff\xff\xff"
        (service.logs / "app.log.gz").write_bytes(packed)
        found = service.read_lines()
        assert 100 * members - 60 <= found < 100 * members
        assert service.sums()["parsed"] >= 100 * members - 60
        assert service.problems() == {"app.log.gz": "damaged"}
        assert service.read_lines() == 0

    def test_garbage_that_calls_itself_gzip(self, service: "Service") -> None:
        (service.logs / "app.log.gz").write_bytes(b"\x1f\x8bnothing of the kind")
        assert service.read_lines() == 0
        assert service.problems() == {"app.log.gz": "damaged"}

    @pytest.mark.parametrize(
        ("magic", "program"), [(b"\x28\xb5\x2f\xfd", "zstd"), (b"\xfd7zXZ\x00", "xz"), (b"BZh9", "bzip2")]
    )
    def test_another_compression_is_reported_and_not_read(self, service: "Service", magic: bytes, program: str) -> None:
        (service.logs / "app.log").write_bytes(lines(0, 2))
        (service.logs / "app.log.1").write_bytes(magic + b"packed\n" * 9)
        taken = service.read()
        assert (taken.lines, [problem.params["program"] for problem in taken.problems]) == (2, [program])

    def test_a_bomb_takes_no_memory_and_hides_no_line(self, service: "Service", apart: Apart) -> None:
        bomb = zlib.compressobj(1, wbits=31)
        with (service.logs / "app.log.gz").open("wb") as opened:
            for filling in (b"\x00", b"x"):
                for _ in range(40):
                    opened.write(bomb.compress(filling * MIB))
                opened.write(bomb.compress(b"\n" + lines(0, 1)))
            opened.write(bomb.flush())
        assert (service.logs / "app.log.gz").stat().st_size < 2 * MIB
        reading = apart(service)
        assert reading.order()["ends"] == [0]
        assert reading.noted()["lines"] == 4
        assert reading.noted()["grown_kib"] < 48 * 1024
        sums = service.sums()
        assert (sums["ignored"], sums["malformed"], sums["parsed"]) == (1, 1, 2)


class TestLongLines:
    """Lines longer than any that is read."""

    @pytest.mark.parametrize("length", [MIB - 1, MIB, MIB + 1, 2 * MIB - 3, 2 * MIB + 1])
    @pytest.mark.parametrize("before", [1, 9000])
    def test_the_bound_does_not_depend_on_where_a_line_stands(
        self, service: "Service", log: Path, length: int, before: int
    ) -> None:
        error = b'{"level": "error", "message": "long", "more": "'
        log.write_bytes(lines(0, before) + error + b"x" * (length - len(error) - 2) + b'"}\n' + lines(1, 2))
        assert service.read_lines() == before + 2
        assert service.sums()["malformed"] == (1 if length > MIB else 0)

    @pytest.mark.parametrize("packed", [False, True])
    def test_fifty_megabytes_take_no_memory_and_count_once(
        self, service: "Service", log: Path, apart: Apart, packed: bool
    ) -> None:
        content = lines(0, 1) + b'{"message": "' + b"x" * (50 * MIB) + b'"}\n' + lines(1, 3)
        log.write_bytes(gzip.compress(content, 1) if packed else content)
        reading = apart(service)
        assert reading.order()["ends"] == [0]
        assert reading.noted()["grown_kib"] < 32 * 1024
        assert service.sums() | {"undated": 0} == dict.fromkeys(service.sums(), 0) | {
            "lines": 4,
            "parsed": 3,
            "malformed": 1,
        }

    def test_one_without_its_end_counts_when_it_is_settled(self, service: "Service", log: Path) -> None:
        put(log, lines(0, 1) + b"x" * (3 * MIB), service.now)
        assert service.read_lines() == 1
        assert service.read_lines() == 0
        service.now += timedelta(hours=2)
        assert service.read_lines() == 1
        assert service.sums()["malformed"] == 1
        assert service.read_lines() == 0


class TestUnreadable:
    """What the patterns name and what is no log file."""

    def test_a_pattern_that_names_nothing(self, service: "Service") -> None:
        with pytest.raises(ObservationError, match=r"No file matches logs/app\.log\*"):
            service.read()

    def test_another_pattern_is_read_all_the_same(self, service: "Service", log: Path) -> None:
        service.sources = service.sources.replace('["logs/app.log*"]', '["logs/none*", "logs/app.log*"]')
        log.write_bytes(lines(0, 2))
        taken = service.read()
        assert taken.lines == 2
        assert [problem.params for problem in taken.problems] == [{"pattern": "logs/none*"}]

    @pytest.mark.parametrize("kind", ["directory", "fifo", "dangling", "loop", "forbidden"])
    def test_is_reported_beside_what_could_be_read(self, service: "Service", log: Path, kind: str) -> None:
        log.write_bytes(lines(0, 2))
        place = service.logs / "app.log.1"
        {
            "directory": place.mkdir,
            "fifo": lambda: os.mkfifo(place),
            "dangling": lambda: place.symlink_to("nowhere"),
            "loop": lambda: place.symlink_to(place),
            "forbidden": lambda: place.symlink_to(FORBIDDEN),
        }[kind]()
        taken = service.read()
        assert taken.lines == 2
        assert [problem.params["file"] for problem in taken.problems] == [str(place)]

    def test_one_that_may_not_be_read(self, service: "Service", log: Path) -> None:
        log.symlink_to(FORBIDDEN)
        with pytest.raises(ObservationError, match=r"may not read .*app\.log"):
            service.read()
        log.unlink()
        log.write_bytes(lines(0, 2))
        files = find_files(service.folder, ["logs/*"]).files
        log.unlink()
        log.symlink_to(FORBIDDEN)
        with pytest.raises(PermissionError):
            identify(files[0], (), set())

    def test_nothing_but_what_is_no_file(self, service: "Service", log: Path) -> None:
        os.mkfifo(log)
        with pytest.raises(ObservationError, match="is not a regular file"):
            service.read()

    def test_folders_below_a_pattern_for_all_of_them(self, service: "Service") -> None:
        (service.logs / "deep").mkdir()
        (service.logs / "deep" / "app.log").write_bytes(lines(0, 2))
        service.sources = service.sources.replace("logs/app.log*", "logs/**")
        assert service.read_lines() == 2

    @pytest.mark.parametrize("swap", ["gone", "fifo", "folder"])
    def test_a_file_that_is_another_thing_by_now(self, service: "Service", log: Path, swap: str) -> None:
        log.write_bytes(lines(0, 2))
        found = find_files(service.folder, ["logs/*"])
        files = found.files
        assert found.problems == []
        log.unlink()
        if swap == "fifo":
            os.mkfifo(log)
        if swap == "folder":
            log.mkdir()
        with pytest.raises(OSError, match=r"No such file|no regular file|Is a directory"):
            identify(files[0], (), set())

    def test_a_name_that_is_no_text(self, service: "Service") -> None:
        (service.logs / os.fsdecode(b"app.log.\xff")).write_bytes(lines(0, 2))
        assert service.read_lines() == 2

    @pytest.mark.parametrize("content", [b"", gzip.compress(b"")], ids=["plain", "packed"])
    def test_an_empty_file_has_no_lines(self, service: "Service", log: Path, content: bytes) -> None:
        log.write_bytes(content)
        assert service.read_lines() == 0
        assert service.sums()["lines"] == 0

    def test_what_may_not_be_seen_below_a_pattern_is_told(self, service: "Service", log: Path) -> None:
        log.write_bytes(lines(0, 2))
        (service.logs / "deep").mkdir()
        service.sources = service.sources.replace('"logs/app.log*"', f'"logs/app.log*", "logs/*/{"x" * 300}"')
        taken = service.read()
        assert taken.lines == 2
        assert [problem.params["why"] for problem in taken.problems] == ["File name too long"]

    def test_files_older_than_the_history_are_left_alone(self, service: "Service", log: Path) -> None:
        put(log, lines(0, 2), service.now - timedelta(days=45, seconds=1))
        put(service.logs / "app.log.1", lines(2, 3), service.now - timedelta(days=45))
        taken = service.read()
        assert (taken.lines, taken.problems) == (1, ())
        assert [(file.path, file.written_at.date()) for file in taken.aged] == [
            (str(log), (service.now - timedelta(days=45, seconds=1)).date())
        ]

    def test_a_log_of_old_files_alone_is_told(self, service: "Service", log: Path) -> None:
        put(log, lines(0, 2), service.now - timedelta(days=46))
        taken = service.read()
        assert (taken.lines, len(taken.aged), [problem.params["files"] for problem in taken.problems]) == (0, 1, [1])

    def test_a_file_that_is_gone_is_forgotten_once_it_would_not_be_read_again(self, service: "Service") -> None:
        gone, there = service.logs / "app.log.2", service.logs / "app.log.1"
        (service.logs / "app.log").touch()
        for place, file in enumerate((gone, there)):
            put(file, lines(place * 2, place * 2 + 2), service.now)
        assert service.read_lines() == 4
        gone.unlink()
        service.now += timedelta(days=45, seconds=-1)
        service.read()
        assert len(service.rows(log_files)) == 2
        service.now += timedelta(seconds=2)
        service.read()
        assert [Path(row.path).name for row in service.rows(log_files)] == ["app.log.1"]
        with there.open("ab") as opened:  # one that is there, and so old, may still be written to
            opened.write(lines(4, 5))
        os.utime(there, (service.now.timestamp(),) * 2)
        assert service.read_lines() == 1
