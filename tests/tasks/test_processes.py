"""Real processes: whatever happens to the owner or the child, nothing is left running."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.processes import Child, User, feed, free_port, run

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(below.pid, flush=True)
time.sleep(600)
"""

PATIENT_S = 60.0
"""How long a program may take that ends by itself, on a busy machine."""


def python(code: str, *args: str) -> list[str]:
    return [sys.executable, "-c", code, *args]


def eventually(true: Callable[[], object], timeout_s: float = PATIENT_S) -> bool:
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # the latter if it goes between opening and reading
        return True


def test_stop_ends_a_child_that_ignores_term_and_its_grandchild(tmp_path: Path) -> None:
    with Child(python(STUBBORN), log=tmp_path / "log", grace_s=PATIENT_S) as child:
        assert eventually(child.tail)
        grandchild = int(child.tail())
        assert child.running and not gone(grandchild)
        started = time.monotonic()
        assert child.stop(grace_s=0.3) == -signal.SIGKILL
        assert 0.3 <= time.monotonic() - started < 15
        assert not child.running and child.stop() == -signal.SIGKILL
        assert eventually(lambda: gone(grandchild))


def test_a_child_that_listens_gets_its_grace_and_keeps_its_own_exit_status(tmp_path: Path) -> None:
    code = "import signal,sys,time; signal.signal(15, lambda *_: sys.exit(7))\nprint('up', flush=True); time.sleep(600)"
    with Child(python(code), log=tmp_path / "log") as child:
        assert eventually(child.tail)
        assert child.stop(grace_s=PATIENT_S) == 7
    assert child.returncode == 7


def test_the_tail_holds_the_last_lines_of_this_child_only(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("of an earlier start\n")
    with Child(python("for n in range(9): print(n)"), log=log) as child:
        assert child.wait(PATIENT_S) == 0
    assert child.tail(2) == "7\n8"
    assert "earlier" not in child.tail(100) and log.read_text().startswith("of an earlier start")


def test_a_long_log_is_moved_aside_while_the_child_goes_on_writing(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    talk = "while true; do echo more; sleep 0.05; done"
    with Child(["sh", "-c", f"printf '%5000s' first; {talk}"], log=log) as child:
        assert eventually(lambda: log.stat().st_size > 5000)
        child.trim_log(1_000_000)
        assert log.stat().st_size > 5000
        child.trim_log(1000)
        assert "first" in (tmp_path / "child.log.1").read_text()
        assert eventually(lambda: "more" in child.tail())
    assert log.stat().st_size < 5000 and "first" not in log.read_text()


def test_a_child_started_by_a_thread_outlives_the_thread(tmp_path: Path) -> None:
    started: list[Child] = []
    argv = python("import time; print('up', flush=True); time.sleep(600)")

    def start() -> None:
        started.append(Child(argv, log=tmp_path / "log"))
        eventually(started[0].tail)  # before it is up, the end of the thread would be harmless

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    with started[0] as child:
        assert child.tail() == "up"
        assert child.wait(0.3) is None


def test_a_killed_owner_takes_its_child_with_it(tmp_path: Path) -> None:
    code = (
        "import sys,time; from pathlib import Path; from tasks.processes import Child\n"
        "child = Child(['sleep', '600'], log=Path(sys.argv[1])); print(child.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(python(code, str(tmp_path / "log")), stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert eventually(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()[:6])
        owner.kill()
        owner.wait()
    assert eventually(lambda: gone(pid))


def test_the_deadline_ends_the_whole_group() -> None:
    started = time.monotonic()
    finished = run(python(STUBBORN), deadline_s=5.0)
    assert 5 <= time.monotonic() - started < 20
    assert finished.timed_out and finished.returncode == -signal.SIGKILL
    assert eventually(lambda: gone(int(finished.stdout)))


def test_a_grandchild_with_the_output_open_does_not_block() -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"
    finished = run(python(code), deadline_s=PATIENT_S)
    assert not finished.timed_out and finished.returncode == 0
    assert eventually(lambda: gone(int(finished.stdout)))


def test_input_output_and_exit_status_come_back_apart() -> None:
    code = "import sys; print(sys.stdin.read().upper()); print('careful', file=sys.stderr); sys.exit(3)"
    finished = run(python(code), deadline_s=PATIENT_S, input=b"milk")
    assert (finished.stdout, finished.stderr) == (b"MILK\n", b"careful\n")
    assert (finished.returncode, finished.timed_out, finished.truncated) == (3, False, False)


def test_output_beyond_its_bound_ends_the_program() -> None:
    finished = run(python("while True: print('x' * 1000)"), deadline_s=PATIENT_S, max_output_bytes=5000)
    assert finished.truncated and not finished.timed_out
    assert len(finished.stdout) == 5000


def test_output_at_its_bound_is_whole() -> None:
    finished = run(python("print('x' * 99)"), deadline_s=PATIENT_S, max_output_bytes=100)
    assert not finished.truncated and len(finished.stdout) == 100


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound address space")
def test_memory_beyond_its_bound_is_refused_to_the_program_and_to_what_it_starts() -> None:
    code = "print(len(bytearray(int(input()))), flush=True)"
    below = f"import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', {code!r}]).returncode)"
    for program in (code, below):
        bound = {"deadline_s": PATIENT_S, "max_memory_bytes": 256 * 1024 * 1024}
        assert run(python(program), input=b"30000000", **bound).stdout == b"30000000\n"
        refused = run(python(program), input=b"300000000", **bound)
        assert refused.returncode == 1 and refused.stderr.endswith(b"MemoryError\n")
    assert run(python(code), input=b"300000000", deadline_s=PATIENT_S).returncode == 0


def test_an_unknown_program_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-scanner: no such program on PATH"):
        run(["no-such-scanner"], deadline_s=PATIENT_S)


def test_the_environment_is_replaced_and_pipes_break_as_usual() -> None:
    seen = run(["env"], deadline_s=PATIENT_S, env={"PATH": os.defpath, "ONLY": "this"})
    assert b"ONLY=this" in seen.stdout and b"HOME=" not in seen.stdout
    ignored = run(["grep", "SigIgn", "/proc/self/status"], deadline_s=PATIENT_S).stdout.split()[1]
    assert int(ignored, 16) & (1 << (signal.SIGPIPE - 1)) == 0


MEBIBYTE = b"x" * 1024 * 1024
LAZY = "import time; print('up', flush=True); time.sleep(600)"


class Pieces:
    """A mebibyte at a time, and how many were taken."""

    def __init__(self, most: int, then: BaseException | None = None) -> None:
        self.most, self.then, self.taken = most, then, 0
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.most):
            self.taken += 1
            yield MEBIBYTE
        if self.then is not None:
            raise self.then
        self.ended = True


def test_a_program_is_fed_all_pieces() -> None:
    count = "import sys; print(len(sys.stdin.buffer.read())); print('careful', file=sys.stderr); sys.exit(3)"
    finished = feed(python(count), Pieces(20), deadline_s=PATIENT_S)
    assert finished.stdout == b"%d\n" % (20 * len(MEBIBYTE)) and finished.stderr == b"careful\n"
    assert (finished.returncode, finished.timed_out, finished.truncated) == (3, False, False)


def test_feeding_nothing_ends_the_input() -> None:
    finished = feed(["cat"], iter([b"", b"mi", b"", b"lk", b""]), deadline_s=PATIENT_S)
    assert (finished.returncode, finished.stdout) == (0, b"milk")
    assert feed(["cat"], (), deadline_s=PATIENT_S).stdout == b""


@pytest.mark.parametrize(
    "code", ["pass", "import sys; sys.stdin.buffer.read(10)", "import os; os.close(0); print('up')"]
)
def test_what_a_program_does_not_read_is_taken_all_the_same(code: str) -> None:
    """Whoever hashes what is fed must see all of it."""
    pieces = Pieces(20)
    finished = feed(python(code), pieces, deadline_s=PATIENT_S)
    assert (finished.returncode, finished.timed_out) == (0, False)
    assert pieces.taken == 20 and pieces.ended


def test_a_program_that_does_not_read_is_ended_at_the_deadline() -> None:
    started, pieces = time.monotonic(), Pieces(20)
    finished = feed(python(LAZY), pieces, deadline_s=2.0)
    assert 2 <= time.monotonic() - started < 15
    assert finished.timed_out and finished.returncode == -signal.SIGKILL
    assert not pieces.ended


def test_so_is_one_that_has_read_everything_and_goes_on() -> None:
    finished = feed(python(f"import sys; sys.stdin.buffer.read(); {LAZY}"), Pieces(2), deadline_s=3.0)
    assert finished.timed_out and finished.stdout == b"up\n"


def test_and_what_it_started_with_it() -> None:
    finished = feed(python(STUBBORN), Pieces(20), deadline_s=3.0)
    assert finished.timed_out and eventually(lambda: gone(int(finished.stdout)))


def test_pieces_that_take_too_long_are_left() -> None:
    def slow() -> Iterator[bytes]:
        while True:
            time.sleep(0.1)
            yield b"more"

    started = time.monotonic()
    assert feed(["cat"], slow(), deadline_s=1.0).timed_out
    assert time.monotonic() - started < 15


def test_a_grandchild_with_the_input_open_does_not_block() -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True)"
    started, pieces = time.monotonic(), Pieces(5)
    finished = feed(python(code), pieces, deadline_s=PATIENT_S)
    assert time.monotonic() - started < PATIENT_S / 2
    assert (finished.returncode, finished.timed_out) == (0, False) and pieces.ended
    assert eventually(lambda: gone(int(finished.stdout)))


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ValueError("bad"), KeyboardInterrupt()])
def test_an_error_in_the_pieces_ends_the_program(tmp_path: Path, error: BaseException) -> None:
    code = f"import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); sys.stdin.buffer.read(); {LAZY}"
    pid_file = tmp_path / "pid"

    def pieces() -> Iterator[bytes]:
        yield b"first"
        assert eventually(lambda: pid_file.exists() and pid_file.read_text())
        raise error

    with pytest.raises(type(error)) as raised:
        feed(python(code, str(pid_file)), pieces(), deadline_s=PATIENT_S)
    assert raised.value is error
    assert eventually(lambda: gone(int(pid_file.read_text())))


def test_what_a_fed_program_writes_goes_to_a_file_without_a_bound(tmp_path: Path) -> None:
    with (tmp_path / "copy").open("wb") as into:
        finished = feed(["cat"], Pieces(20), deadline_s=PATIENT_S, into=into, max_output_bytes=1000)
    assert (finished.returncode, finished.truncated, finished.stdout) == (0, False, b"")
    assert (tmp_path / "copy").stat().st_size == 20 * len(MEBIBYTE)


def test_or_up_to_one(tmp_path: Path) -> None:
    pieces = Pieces(2)
    with (tmp_path / "copy").open("wb") as into:
        endless = python("import sys; sys.stdin.buffer.read()\nwhile True: print('x' * 1000)")
        finished = feed(endless, pieces, deadline_s=PATIENT_S, into=into, most_into_bytes=5000)
    assert finished.truncated and not finished.timed_out and finished.returncode == -signal.SIGKILL
    assert pieces.ended and (tmp_path / "copy").stat().st_size > 5000


def test_a_fed_program_that_writes_too_much_is_ended_while_it_is_fed() -> None:
    pieces = Pieces(20)
    finished = feed(python("while True: print('x' * 1000)"), pieces, deadline_s=PATIENT_S, max_output_bytes=5000)
    assert finished.truncated and not finished.timed_out and finished.returncode == -signal.SIGKILL
    assert len(finished.stdout) == 5000 and pieces.ended


def test_an_unknown_program_takes_no_piece() -> None:
    pieces = Pieces(1)
    with pytest.raises(FileNotFoundError, match="no-such-scanner: no such program on PATH"):
        feed(["no-such-scanner"], pieces, deadline_s=PATIENT_S)
    assert pieces.taken == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop to another account")
def test_root_drops_to_another_account_and_the_child_still_ends_with_its_owner(tmp_path: Path) -> None:
    assert run(["id", "-u"], deadline_s=PATIENT_S, user=User(65534, 65534)).stdout == b"65534\n"
    assert run(["id", "-G"], deadline_s=PATIENT_S, user=User(65534, 65534)).stdout == b"65534\n"
    code = (
        "import sys,time; from pathlib import Path; from tasks.processes import Child, User\n"
        "child = Child(['sleep', '600'], log=Path(sys.argv[1]), user=User(65534, 65534))\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(python(code, str(tmp_path / "log")), stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert eventually(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()[:6])
        owner.kill()
        owner.wait()
    assert eventually(lambda: gone(pid))


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", free_port())):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="the range of outgoing connections is Linux's")
def test_a_free_port_is_none_that_an_outgoing_connection_may_get() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert not any(first <= free_port() <= last for _ in range(20))
