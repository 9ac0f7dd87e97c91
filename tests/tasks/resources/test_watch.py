"""Counters compared with those of the last look of the same process."""

import time
from types import SimpleNamespace

import pytest

from tasks.resources import watch as watching
from tasks.resources.observe import note_counters, read_container, read_host
from tasks.resources.watch import Watch


class Clock:
    """Counts how often it is asked; its seconds are a test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.counted, self.slept = 1000.0, 0, 0.0
        monkeypatch.setattr(watching.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(watching.time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds

    def count(self) -> int:
        self.counted += 1
        return self.counted


def test_the_first_look_waits_and_the_next_compares_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, watch = Clock(monkeypatch), Watch()
    assert watch.between("cpu", clock.count, 2.0) == (1, 2, 2.0)
    clock.now += 60
    assert watch.between("cpu", clock.count, 2.0) == (2, 3, 60.0)
    assert clock.slept == 2.0


@pytest.mark.parametrize("after", [1.0, 121.0])
def test_a_look_of_just_now_or_of_long_ago_is_not_compared_with(monkeypatch: pytest.MonkeyPatch, after: float) -> None:
    clock, watch = Clock(monkeypatch), Watch()
    watch.between("cpu", clock.count, 2.0)
    clock.now += after
    assert watch.between("cpu", clock.count, 2.0) == (3, 4, 2.0)
    assert watch.between("network", clock.count, 2.0) == (5, 6, 2.0)


def test_what_was_noted_spares_the_first_look_its_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, watch = Clock(monkeypatch), Watch()
    watch.note("cpu", clock.count)
    clock.now += 25
    assert watch.between("cpu", clock.count, 2.0) == (1, 2, 25.0)
    assert clock.slept == 0


def test_the_machine_and_its_container_are_compared_with_what_was_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    note_counters(watch)
    time.sleep(0.2)
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: pytest.fail("it waits"))
    monkeypatch.setattr(watching, "time", clock)
    assert read_host.fn(0.1, watch=watch).cpu is not None
    assert read_container.fn(0.1, watch=watch).memory is not None


def test_it_waits_for_real() -> None:
    began = time.monotonic()
    before, after, span_s = Watch().between("time", time.monotonic, 0.05)
    assert 0.05 <= after - before <= span_s + 0.01 <= time.monotonic() - began + 0.01
