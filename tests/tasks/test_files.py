"""Whole or not at all, whatever ends the writer; and locks that nobody keeps after its death."""

import errno
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from math import inf
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tasks.files import locked, new_file, new_folder, remove_leftovers, sync_tree, write_whole

OLD, NEW = b"old" * 20_000, b"new" * 30_000

# Python reports each call that opens, makes, renames or removes: the n-th child dies just before its n-th.
KILLED_AT_EACH_STEP = """
import json, os, shutil, signal, sys
from itertools import count
from pathlib import Path
from tasks.files import new_file, new_folder, write_whole

root, old, new = Path(sys.argv[1]), b"old" * 20_000, b"new" * 30_000
STEPS = ("open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "shutil.rmtree")

def state(path):
    if path.is_dir():
        return {one.name: state(one) for one in sorted(path.iterdir())}
    return "old" if path.read_bytes() == old else "new" if path.read_bytes() == new else "part"

for n in count(1):
    folder = root / str(n)
    folder.mkdir()
    target = folder / "target"
    if sys.argv[2] == "replace":
        target.write_bytes(old)
    child = os.fork()
    if child == 0:
        left = n
        def die(event, _):
            global left
            left -= event in STEPS
            if left == 0:
                left = -1  # killing is reported too
                os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(die)
        if sys.argv[2] == "replace":
            write_whole(target, new)
        elif sys.argv[2] == "add":
            with new_file(target, over=False) as beside:
                beside.write_bytes(new)
        else:
            with new_folder(target) as beside:
                for name in ("a", "b"):
                    (beside / name).write_bytes(new)
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    there = state(folder)
    print(json.dumps([ended, there.pop("target", None), list(there)]), flush=True)
    if ended != -signal.SIGKILL:
        break
"""


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """As on a full disk, the kernel refuses the bytes after `size`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def usual_mask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def add(path: Path, content: bytes) -> None:
    with new_file(path, over=False) as beside:
        beside.write_bytes(content)


def make(folder: Path, content: bytes) -> None:
    with new_folder(folder) as beside:
        for name in ("a", "b"):
            (beside / name).write_bytes(content)


WRITERS = [write_whole, add, make]


def content_of(path: Path) -> set[bytes]:
    return {one.read_bytes() for one in path.iterdir()} if path.is_dir() else {path.read_bytes()}


def at_once(work: Callable[[int], None], times: int) -> list[Future[None]]:
    """Let threads do the same at the same moment."""
    start = threading.Barrier(times)

    def one(number: int) -> None:
        start.wait()
        work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(wait([pool.submit(one, number) for number in range(times)]).done)


class TestKilled:
    @pytest.mark.parametrize(
        ("how", "before", "after"),
        [("replace", "old", "new"), ("add", None, "new"), ("make", None, {"a": "new", "b": "new"})],
    )
    def test_at_any_step_what_is_there_is_whole_and_what_is_left_is_swept_up(
        self, how: str, before: str | None, after: object, tmp_path: Path
    ) -> None:
        ran = subprocess.run(
            [sys.executable, "-c", KILLED_AT_EACH_STEP, str(tmp_path), how], capture_output=True, check=True
        )
        steps = [json.loads(line) for line in ran.stdout.splitlines()]
        assert len(steps) >= 6 and [ended for ended, _, _ in steps] == [-signal.SIGKILL] * (len(steps) - 1) + [0]
        found = [there for _, there, _ in steps]
        replaced = found.index(after)
        assert found == [before] * replaced + [after] * (len(found) - replaced)
        assert 2 <= replaced < len(steps) - 1  # it was killed before and after the one step that counts
        assert any(left for _, _, left in steps) and steps[-1][2] == []
        old = time.time() - 3700
        for number, (_, _, left) in enumerate(steps, 1):
            assert len(left) <= 1
            for name in left:
                assert name.startswith(".target.")
                os.utime(tmp_path / str(number) / name, (old, old))
        remove_leftovers(tmp_path, levels=1)
        assert {path.name for path in tmp_path.glob("*/*")} == {"target"}

    def test_leftovers_of_the_last_hour_may_have_a_writer(self, tmp_path: Path) -> None:
        with new_file(tmp_path / "a") as file, new_folder(tmp_path / "b") as folder:
            remove_leftovers(tmp_path)
            assert file.exists() and folder.exists()

    def test_only_leftovers_are_swept_up_and_only_so_deep(self, tmp_path: Path) -> None:
        deep = tmp_path / "x" / "y"
        deep.mkdir(parents=True)
        kept = [tmp_path / ".a.txt", tmp_path / "a.tmp", deep / ".a.0.tmp"]
        swept = [tmp_path / ".a.0.tmp", tmp_path / "x" / ".b.0.tmp"]
        for file in (*kept, *swept):
            file.write_text("")
            os.utime(file, (0, 0))
        remove_leftovers(tmp_path, levels=1)
        assert [file.exists() for file in kept] == [True] * 3 and [file.exists() for file in swept] == [False] * 2


@pytest.mark.parametrize("write", WRITERS)
class TestRefused:
    def test_by_a_full_disk(self, write: Callable[[Path, bytes], None], tmp_path: Path) -> None:
        with files_end_at(4000), pytest.raises(OSError) as refused:
            write(tmp_path / "a", NEW)
        assert refused.value.errno == errno.EFBIG
        assert list(tmp_path.iterdir()) == []

    def test_by_a_folder_that_may_not_be_written(self, write: Callable[[Path, bytes], None]) -> None:
        folder = Path(mkdtemp())  # a folder of pytest's is not open to others
        folder.chmod(0o555)
        if os.geteuid() == 0:
            os.seteuid(65534)  # the superuser may write everywhere
        try:
            with pytest.raises(PermissionError):
                write(folder / "a", NEW)
        finally:
            if os.getuid() == 0:
                os.seteuid(0)
            left = list(folder.iterdir())
            shutil.rmtree(folder)
        assert left == []

    def test_by_a_folder_that_is_not_there(self, write: Callable[[Path, bytes], None], tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            write(tmp_path / "gone" / "a", NEW)

    def test_by_something_else_of_that_name(self, write: Callable[[Path, bytes], None], tmp_path: Path) -> None:
        (tmp_path / "a" / "b").mkdir(parents=True)
        with pytest.raises(OSError):
            write(tmp_path / "a", NEW)
        assert [path.name for path in tmp_path.rglob("*")] == ["a", "b"]


class TestFile:
    def test_an_error_leaves_the_old_one(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(OLD)
        with pytest.raises(KeyboardInterrupt), new_file(tmp_path / "a") as beside:
            beside.write_bytes(NEW)
            raise KeyboardInterrupt
        with files_end_at(4000), pytest.raises(OSError):
            write_whole(tmp_path / "a", NEW)
        assert (tmp_path / "a").read_bytes() == OLD and len(list(tmp_path.iterdir())) == 1

    def test_its_name_may_be_as_long_as_any(self, tmp_path: Path) -> None:
        for name in ("a" * 255, "注" * 85, "\U0001f4be" * 63):
            write_whole(tmp_path / name, NEW)
            assert (tmp_path / name).read_bytes() == NEW
        assert len(list(tmp_path.iterdir())) == 3

    def test_a_reader_never_sees_a_part(self, tmp_path: Path) -> None:
        file = tmp_path / "a"
        write_whole(file, OLD)

        def replace(number: int) -> None:
            for _ in range(40):
                write_whole(file, (OLD, NEW)[number % 2])

        def read(_number: int) -> None:
            for _ in range(400):
                assert file.read_bytes() in (OLD, NEW)

        for done in at_once(lambda number: (replace, read)[number // 2](number), 4):
            done.result()
        assert [path.name for path in tmp_path.iterdir()] == ["a"]

    @pytest.mark.usefixtures("usual_mask")
    def test_its_mode_is_that_of_a_new_file_from_its_first_byte(self, tmp_path: Path) -> None:
        write_whole(tmp_path / "a", NEW)
        write_whole(tmp_path / "b", NEW, mode=0o600)
        assert (mode_of(tmp_path / "a"), mode_of(tmp_path / "b")) == (0o644, 0o600)
        (tmp_path / "b").chmod(0o666)
        with new_file(tmp_path / "b", mode=0o600) as beside:
            assert mode_of(beside) == 0o600
        assert mode_of(tmp_path / "b") == 0o600

    def test_it_is_on_the_disk_before_it_has_its_name_and_so_is_the_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced = syncs(monkeypatch, tmp_path / "a")
        write_whole(tmp_path / "a", NEW)
        (file, named), (folder, renamed) = synced
        assert file.name.startswith(".a.") and (folder, named, renamed) == (tmp_path, False, True)
        del synced[:]
        with new_file(tmp_path / "b", durable=False):
            pass
        assert synced == [] and (tmp_path / "b").exists()

    @pytest.mark.parametrize("links", [True, False])
    def test_one_that_is_there_is_not_written_over(
        self, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not links:
            monkeypatch.setattr(os, "link", no_links)
        (tmp_path / "a").write_bytes(OLD)
        (tmp_path / "b").symlink_to(tmp_path / "gone")
        for name in ("a", "b"):
            with pytest.raises(FileExistsError):
                add(tmp_path / name, NEW)
        assert (tmp_path / "a").read_bytes() == OLD and (tmp_path / "b").is_symlink()
        add(tmp_path / "c", NEW)
        assert (tmp_path / "c").read_bytes() == NEW and (tmp_path / "c").stat().st_nlink == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]

    def test_of_many_that_add_it_at_once_one_does(self, tmp_path: Path) -> None:
        for name in "abcdefgh":
            done = at_once(lambda number, name=name: add(tmp_path / name, NEW * (number + 1)), 6)  # type: ignore[misc]
            errors = [type(one.exception()) for one in done]
            assert sorted(map(str, errors)) == sorted(map(str, [FileExistsError] * 5 + [type(None)]))
        assert sorted(path.name for path in tmp_path.iterdir()) == list("abcdefgh")

    def test_one_under_a_known_name_is_left_to_its_writer(self, tmp_path: Path) -> None:
        known = tmp_path / "a.partial"
        with new_file(tmp_path / "a", at=known) as beside:
            assert beside == known
            beside.write_bytes(NEW)
            with pytest.raises(FileExistsError), new_file(tmp_path / "a", at=known):
                pass
        assert (tmp_path / "a").read_bytes() == NEW and not known.exists()


class TestFolder:
    def test_one_with_something_in_it_stays_and_an_empty_one_is_filled(self, tmp_path: Path) -> None:
        make(tmp_path / "a", OLD)
        with pytest.raises(FileExistsError):
            make(tmp_path / "a", NEW)
        (tmp_path / "b").mkdir()
        make(tmp_path / "b", NEW)
        assert (content_of(tmp_path / "a"), content_of(tmp_path / "b")) == ({OLD}, {NEW})
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]

    def test_of_many_at_once_one_is_whole(self, tmp_path: Path) -> None:
        done = at_once(lambda number: make(tmp_path / "a", NEW * (number + 1)), 6)
        assert [type(one.exception()) for one in done].count(FileExistsError) == 5
        assert len(content_of(tmp_path / "a")) == 1 and [path.name for path in tmp_path.iterdir()] == ["a"]

    @pytest.mark.usefixtures("usual_mask")
    def test_its_mode(self, tmp_path: Path) -> None:
        make(tmp_path / "a", NEW)
        with new_folder(tmp_path / "b", mode=0o700) as beside:
            assert mode_of(beside) == 0o700
        assert (mode_of(tmp_path / "a"), mode_of(tmp_path / "b")) == (0o755, 0o700)

    def test_everything_in_it_is_on_the_disk_before_it_has_its_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced = syncs(monkeypatch, tmp_path / "a")
        with new_folder(tmp_path / "a") as beside:
            (beside / "in").mkdir()
            (beside / "in" / "file").write_bytes(NEW)
            (beside / "out").symlink_to(tmp_path)
            os.mkfifo(beside / "pipe")  # opening it would wait for a writer
        before = {path for path, named in synced if not named}
        assert before == {beside, beside / "in", beside / "in" / "file"}
        assert [path for path, named in synced if named] == [tmp_path]
        del synced[:]
        sync_tree(tmp_path / "a" / "in" / "file")
        assert [path for path, _ in synced] == [tmp_path / "a" / "in" / "file"]

    def test_one_under_a_known_name_is_left_to_its_writer(self, tmp_path: Path) -> None:
        known = tmp_path / "a.partial"
        with new_folder(tmp_path / "a", at=known) as beside:
            (beside / "x").write_bytes(NEW)
            with pytest.raises(FileExistsError), new_folder(tmp_path / "a", at=known):
                pass
        assert content_of(tmp_path / "a") == {NEW} and not known.exists()


class TestLock:
    def test_others_are_refused_at_once_and_let_in_afterwards(self, tmp_path: Path) -> None:
        lock = tmp_path / "lock"
        with locked(lock):
            for shared in (False, True):
                with pytest.raises(BlockingIOError), locked(lock, shared=shared):
                    pass
        with locked(lock, shared=True), locked(lock, shared=True), pytest.raises(BlockingIOError), locked(lock):
            pass
        with locked(lock):
            assert lock.is_file()

    def test_a_folder_can_be_locked_too(self, tmp_path: Path) -> None:
        with locked(tmp_path), pytest.raises(BlockingIOError), locked(tmp_path):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_one_waits_only_so_long(self, tmp_path: Path) -> None:
        with locked(tmp_path):
            began = time.monotonic()
            with pytest.raises(BlockingIOError), locked(tmp_path, wait_s=0.2):
                pass
            assert 0.2 <= time.monotonic() - began < 30

    @pytest.mark.parametrize("wait_s", [60.0, inf])
    def test_one_that_waits_is_let_in_when_the_other_leaves(self, wait_s: float, tmp_path: Path) -> None:
        entered, left = threading.Event(), threading.Event()

        def enter() -> None:
            with locked(tmp_path, wait_s=wait_s):
                assert left.is_set()
                entered.set()

        with ThreadPoolExecutor() as pool:
            with locked(tmp_path):
                second = pool.submit(enter)
                assert not entered.wait(0.2)
                left.set()
            second.result(timeout=60)

    def test_a_killed_process_keeps_nothing(self, tmp_path: Path) -> None:
        script = (
            "from pathlib import Path; from tasks.files import locked\n"
            f"with locked(Path({str(tmp_path / 'lock')!r})):\n    print('there', flush=True)\n    input()"
        )
        command = [sys.executable, "-c", script]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None and other.stdout.readline() == "there\n"
            with pytest.raises(BlockingIOError), locked(tmp_path / "lock"):
                pass
            other.send_signal(signal.SIGKILL)
            with locked(tmp_path / "lock", wait_s=60.0):
                pass

    def test_a_lock_that_cannot_be_made(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError), locked(tmp_path / "gone" / "lock"):
            pass


def syncs(monkeypatch: pytest.MonkeyPatch, target: Path) -> list[tuple[Path, bool]]:
    """What is brought to the disk from now on, and whether `target` was there by then."""
    synced: list[tuple[Path, bool]] = []
    bring, by_inode = os.fsync, lambda handle: os.fstat(handle).st_ino

    def seen(handle: int) -> None:
        (path,) = [p for p in (target.parent, *target.parent.rglob("*")) if p.lstat().st_ino == by_inode(handle)]
        synced.append((path, target.exists()))
        bring(handle)

    monkeypatch.setattr(os, "fsync", seen)
    return synced


def no_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))
