"""A backlog on a real Dask cluster of this machine: a scheduler and two workers, each a process."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tasks.deadline import Deadline
from tasks.logs.backlog import cluster as clusters
from tasks.logs.backlog.cluster import connected
from tasks.processes import Child, free_port
from tasks.progress import progress

if TYPE_CHECKING:
    from tests.tasks.logs.conftest import Service

Afresh = Callable[["Service"], dict[str, Any]]
DASK = [sys.executable, "-m", "distributed.cli"]


@dataclass
class Dask:
    """A scheduler on this machine and its workers."""

    folder: Path
    stack: ExitStack
    port: int = field(default_factory=free_port)
    workers: list[Child] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._start("dask_scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")
        for _ in range(2):
            self.add_worker()
        self.wait_for(2)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def add_worker(self) -> None:
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(self.folder))
        self.workers.append(self._start("dask_worker", self.address, "--host", "127.0.0.1", *options))

    def wait_for(self, count: int) -> None:
        deadline = Deadline.after(60)
        while True:
            with connected(self.address) as found:
                if found is not None and found.pieces_at_once == count + 2:
                    return
            assert not deadline.passed
            time.sleep(0.2)

    def _start(self, program: str, *arguments: str) -> Child:
        name = f"{program}-{len(self.workers)}.log"
        return self.stack.enter_context(
            Child([sys.executable, "-m", f"distributed.cli.{program}", *arguments], log=self.folder / name)
        )


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    with ExitStack() as stack:
        yield Dask(tmp_path_factory.mktemp("dask"), stack)


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each piece that the cluster has answered, whether it was counted there."""
    answers: list[bool] = []
    hand_over = clusters._hand_over

    def noted(done: Any, answer: Any) -> None:
        hand_over(done, answer)
        answers.append(answer.exception() is None and answer.result() is not None)

    monkeypatch.setattr(clusters, "_hand_over", noted)
    return answers


@pytest.fixture
def spread(backlog: "Service", dask: Dask) -> "Service":
    """The backlog of a service with a cluster."""
    backlog.more = f'[logs]\ncluster = "{dask.address}"\n'
    return backlog


def test_the_workers_of_a_cluster_count_what_one_process_counts(
    spread: "Service", scanned: list[bool], afresh: Afresh
) -> None:
    assert spread.read_lines() == 6000
    assert len(scanned) > 5 and all(scanned)
    assert spread.counts() == afresh(spread)
    assert spread.read_lines() == 0


@pytest.mark.deep
def test_a_worker_that_is_killed_in_mid_scan_loses_and_doubles_nothing(
    spread: "Service", dask: Dask, afresh: Afresh
) -> None:
    killed: list[int] = []

    def kill(*_: Any) -> None:
        if not killed:
            killed.append(dask.workers[0].pid)
            psutil.Process(dask.workers[0].pid).kill()

    token = progress.set(kill)
    try:
        assert spread.read_lines() == 6000
    finally:
        progress.reset(token)
        dask.workers.pop(0)
        dask.add_worker()
        dask.wait_for(2)
    assert killed
    assert spread.counts() == afresh(spread)
    assert spread.read_lines() == 0


@pytest.mark.deep
def test_without_its_cluster_this_machine_scans_alone_and_says_so(
    backlog: "Service", afresh: Afresh, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "_CONNECT_S", 1)
    backlog.more = f'[logs]\ncluster = "tcp://127.0.0.1:{free_port()}"\n'
    with caplog.at_level(logging.WARNING, logger=clusters.__name__):
        assert backlog.read_lines() == 6000
    assert "does not answer" in caplog.text and "this machine scans alone" in caplog.text
    assert backlog.counts() == afresh(backlog)


def test_another_machine_is_reached_through_tls_alone(service: "Service") -> None:
    service.more = '[logs]\ncluster = "tcp://dask.example.com:8786"\n'
    with pytest.raises(Exception, match=r"logs\.cluster: tcp:// is for this machine alone.*use tls://"):
        service.settings  # noqa: B018
    service.more = '[logs]\ncluster = "tls://dask.example.com:8786"\n'
    assert service.settings.logs.cluster == "tls://dask.example.com:8786"
