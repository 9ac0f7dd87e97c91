"""Judges of machines and containers: inside, at and outside each limit, and never a PASS for what was not seen."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.bounds import Bound
from tasks.check_result import Chart, CheckResult, Quantity, Status, Table, msg
from tasks.observation import Unobserved
from tasks.resources.facts import (
    Absent,
    Cpu,
    CpuQuota,
    Disk,
    HistoryGrowth,
    Host,
    Interface,
    Memory,
    MemoryLimit,
    OomKills,
    PacketCounts,
    Pressure,
    Swap,
)
from tasks.resources.judge import (
    busiest_mean,
    busiest_percent,
    counted,
    judge_container_cpu,
    judge_container_memory,
    judge_cpu,
    judge_disks,
    judge_history,
    judge_memory,
    judge_network,
    judge_oom,
    judge_pressure,
    judge_swap,
)
from tasks.resources.limits import ResourceLimits
from tests.deep import examples

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LIMITS = ResourceLimits()
BLIND = Unobserved(msg("The mount point no longer exists"))
NONE = Absent(msg("The host has no swap space"))
CPU = Cpu(10.0, 1.0, 0.0, 4, 1.0, 2.0)
DISK = Disk(1000, 900, 900, 100, 90)
PASS, WARN, FAIL, UNKNOWN, SKIPPED = Status


def reason_of(result: CheckResult) -> str:
    return result.reason.text.format(**result.reason.params)


def cpu(seen: Cpu | Unobserved, samples: Sequence[float | None] = ()) -> CheckResult:
    return judge_cpu(seen, "host", LIMITS, NOW, {"host": samples})


def disk(used: int, *, inodes: tuple[int, int] = (100, 90)) -> list[CheckResult]:
    """A disk of 1000 bytes, each of which an ordinary account may write."""
    return list(judge_disks({"/var": Disk(1000, 1000 - used, 1000 - used, *inodes)}, "host", LIMITS, NOW))


class TestLimits:
    """Each figure just inside, at, and just outside its limit."""

    @pytest.mark.parametrize(
        ("busy", "status"), [(79.9, PASS), (80.0, PASS), (80.1, WARN), (95.0, WARN), (95.1, FAIL), (100.0, FAIL)]
    )
    def test_cpu(self, busy: float, status: Status) -> None:
        result = cpu(CPU, [busy] * 15)
        assert (result.status, result.observed) == (status, Quantity(busy, "%"))
        assert result.limit is not None
        assert result.limit.value == (95.0 if status is FAIL else 80.0)

    @pytest.mark.parametrize(("load1", "status"), [(5.96, PASS), (6.0, PASS), (6.04, WARN)])
    def test_load_of_four_processors(self, load1: float, status: Status) -> None:
        assert cpu(replace(CPU, load1=load1)).status is status

    @pytest.mark.parametrize(("steal", "status"), [(None, PASS), (9.9, PASS), (10.0, PASS), (10.1, WARN)])
    def test_steal(self, steal: float | None, status: Status) -> None:
        result = cpu(replace(CPU, steal_percent=steal))
        assert result.status is status
        assert ("Steal: " in reason_of(result)) is (status is WARN)

    @pytest.mark.parametrize(
        ("seen", "status"),
        [
            (Pressure(50.0, 10.0, 40.0), PASS),
            (Pressure(50.1, 0, 0), WARN),
            (Pressure(0, 10.1, 0), WARN),
            (Pressure(0, 60.0, 0), WARN),
            (Pressure(0, 60.1, 0), FAIL),
            (Pressure(0, 0, 40.1), WARN),
        ],
    )
    def test_pressure(self, seen: Pressure, status: Status) -> None:
        assert judge_pressure(seen, "host", LIMITS, NOW).status is status

    @pytest.mark.parametrize(
        ("available", "status"), [(151, PASS), (150, PASS), (149, WARN), (50, WARN), (49, FAIL), (0, FAIL)]
    )
    def test_memory_is_judged_by_what_is_available(self, available: int, status: Status) -> None:
        assert judge_memory(Memory(1000, available), "host", LIMITS, NOW).status is status

    @pytest.mark.parametrize(("free", "status"), [(501, PASS), (500, PASS), (499, WARN), (0, WARN)])
    def test_swap(self, free: int, status: Status) -> None:
        assert judge_swap(Swap(1000, free), "host", LIMITS, NOW).status is status

    @pytest.mark.parametrize(
        ("used", "status"), [(799, PASS), (800, PASS), (801, WARN), (900, WARN), (901, FAIL), (1000, FAIL)]
    )
    def test_disk(self, used: int, status: Status) -> None:
        space, _ = disk(used)
        assert (space.status, space.subject, space.observed) == (status, "host/disk:/var", Quantity(used / 10, "%"))

    @pytest.mark.parametrize(("free", "status"), [(201, PASS), (200, PASS), (199, WARN), (100, WARN), (99, FAIL)])
    def test_inodes(self, free: int, status: Status) -> None:
        _, inodes = disk(10, inodes=(1000, free))
        assert (inodes.check, inodes.status) == ("resources.inodes", status)

    @pytest.mark.parametrize(("errors", "status"), [(0, PASS), (10, PASS), (11, WARN)])
    @pytest.mark.parametrize("recent", [True, False])
    def test_network(self, errors: int, status: Status, recent: bool) -> None:
        bad, idle = PacketCounts(1000 - errors, errors, 0), PacketCounts(0, 0, 0)
        interface = Interface("eth0", idle if recent else bad, bad if recent else idle, 2.0)
        assert judge_network((interface,), "host", LIMITS, NOW).status is status

    @pytest.mark.parametrize(("throttled", "status"), [(24, PASS), (25, PASS), (26, WARN)])
    @pytest.mark.parametrize("recent", [True, False])
    def test_container_cpu(self, throttled: int, status: Status, recent: bool) -> None:
        then, now = ((1000, 0), (100, throttled)) if recent else ((100, throttled), (0, 0))
        seen = CpuQuota(0.5, *then, *now, span_s=2.0)
        assert judge_container_cpu(seen, "container", LIMITS, NOW).status is status

    @pytest.mark.parametrize(("used", "status"), [(850, PASS), (851, WARN), (950, WARN), (951, FAIL)])
    def test_container_memory(self, used: int, status: Status) -> None:
        assert judge_container_memory(MemoryLimit(1000, used), "container", LIMITS, NOW).status is status


class TestNotSeen:
    """What was not seen is UNKNOWN, what is not there is SKIPPED."""

    @pytest.mark.parametrize(
        "judge",
        [
            lambda seen: [judge_cpu(seen, "host", LIMITS, NOW, {"host": [1.0] * 60})],
            lambda seen: [judge_pressure(seen, "host", LIMITS, NOW)],
            lambda seen: [judge_memory(seen, "host", LIMITS, NOW)],
            lambda seen: [judge_swap(seen, "host", LIMITS, NOW)],
            lambda seen: judge_disks(seen, "host", LIMITS, NOW),
            lambda seen: [judge_network(seen, "host", LIMITS, NOW)],
            lambda seen: [judge_container_cpu(seen, "container", LIMITS, NOW)],
            lambda seen: [judge_container_memory(seen, "container", LIMITS, NOW)],
            lambda seen: [judge_oom(seen, "host", LIMITS, NOW, {"host": [0.0] * 1440})],
        ],
    )
    def test_every_judge(self, judge: Callable[[Any], list[CheckResult]]) -> None:
        for seen, status in ((BLIND, UNKNOWN), (NONE, SKIPPED)):
            results = judge(seen)
            assert results
            assert all((r.status, r.reason) == (status, seen.reason) for r in results)

    def test_a_mount_that_is_gone_is_unknown_beside_one_that_is_well(self) -> None:
        results = judge_disks({"/": DISK, "/data": BLIND}, "host", LIMITS, NOW)
        assert [(r.check, r.subject, r.status) for r in results] == [
            ("resources.disk", "host/disk:/", PASS),
            ("resources.disk", "host/disk:/data", UNKNOWN),
            ("resources.inodes", "host/disk:/", PASS),
            ("resources.inodes", "host/disk:/data", UNKNOWN),
        ]

    def test_no_mount_at_all_is_unknown(self) -> None:
        assert {r.status for r in judge_disks({}, "host", LIMITS, NOW)} == {UNKNOWN}

    def test_a_file_system_without_a_number_of_inodes_is_skipped(self) -> None:
        space, inodes = disk(10, inodes=(0, 0))
        assert (space.status, inodes.status) == (PASS, SKIPPED)
        assert reason_of(inodes) == "The file system has no fixed number of inodes"

    def test_a_file_system_without_a_size_is_unknown(self) -> None:
        space, _ = judge_disks({"/x": Disk(0, 0, 0, 0, 0)}, "host", LIMITS, NOW)
        assert space.status is UNKNOWN

    def test_interfaces_that_carried_next_to_nothing_are_not_judged(self) -> None:
        quiet = PacketCounts(999, 0, 0)
        assert judge_network((Interface("eth0", quiet, quiet, 2.0),), "host", LIMITS, NOW).status is SKIPPED

    def test_an_interface_that_only_fails_is_judged_without_a_packet(self) -> None:
        dead = PacketCounts(0, 5000, 0)
        result = judge_network((Interface("eth0", dead, PacketCounts(0, 0, 0), 2.0),), "host", LIMITS, NOW)
        assert (result.status, result.observed) == (WARN, Quantity(100.0, "%"))

    def test_too_few_scheduling_periods_are_unknown(self) -> None:
        assert judge_container_cpu(CpuQuota(1, 9, 0, 9, 0, 2.0), "container", LIMITS, NOW).status is UNKNOWN
        assert judge_container_cpu(CpuQuota(1, 10, 0, 0, 0, 2.0), "container", LIMITS, NOW).status is PASS


class TestBusiest:
    """The reading alone only warns: with minute samples the busiest quarter of an hour is judged beside it."""

    def test_fourteen_samples_are_too_few_and_the_reason_shows_it(self) -> None:
        result = cpu(CPU, [99.0] * 14)
        assert (result.status, result.observed) == (PASS, Quantity(10.0, "%"))
        assert reason_of(result) == ("10.0 % over 2.0 s (single reading; 14 minute samples, 15 in a row needed)")

    def test_one_reading_alone_warns_at_most(self) -> None:
        assert cpu(replace(CPU, busy_percent=100.0)).status is WARN

    def test_a_quiet_day_does_not_hide_what_is_seen_now(self) -> None:
        result = cpu(replace(CPU, busy_percent=100.0), [5.0] * 15 + [None] * 1425)
        assert (result.status, result.observed) == (WARN, Quantity(100.0, "%"))
        assert reason_of(result) == "5.0 % in the busiest 15 of 15 minutes, 100.0 % now"

    def test_a_busy_quarter_of_an_hour_of_a_quiet_day_warns(self) -> None:
        day = [5.0] * 700 + [90.0] * 15 + [5.0] * 700
        assert cpu(CPU, day).status is WARN

    def test_samples_that_are_not_in_a_row_make_no_quarter_of_an_hour(self) -> None:
        scattered = [97.0, *[None] * 95] * 15
        assert cpu(CPU, scattered).status is PASS
        assert "single reading" in reason_of(cpu(CPU, scattered))

    @pytest.mark.parametrize(("missed", "status"), [(0, FAIL), (3, FAIL), (4, PASS)])
    def test_a_few_minutes_may_be_missed(self, missed: int, status: Status) -> None:
        assert cpu(CPU, [97.0] * 6 + [None] * missed + [97.0] * (9 - missed)).status is status

    def test_the_sampled_part_of_the_day_is_shown(self) -> None:
        [table] = cpu(CPU, [5.0] * 15 + [None] * 1425).evidence
        assert isinstance(table, Table)
        assert table.rows[-1] == (msg("Minutes sampled in the last 24 hours"), 15)

    def test_samples_of_another_host_are_ignored(self) -> None:
        result = judge_cpu(CPU, "host", LIMITS, NOW, {"other": [99.0] * 60})
        assert result.status is PASS

    @settings(max_examples=examples(40))
    @given(st.lists(st.floats(0, 100), min_size=3, max_size=40))
    def test_the_busiest_mean_is_between_the_mean_and_the_highest(self, samples: list[float]) -> None:
        busiest = busiest_mean(samples, 3, least=3)
        assert busiest is not None
        assert min(samples) - 1e-9 <= busiest <= max(samples) + 1e-9
        assert busiest >= sum(samples[:3]) / 3 - 1e-9
        assert busiest_mean(samples, len(samples), least=1) == pytest.approx(sum(samples) / len(samples))


class TestKills:
    """Kills of the last day fail; kills of an unknown time warn."""

    @pytest.mark.parametrize(
        ("seen", "samples", "status"),
        [
            (OomKills(0), [], PASS),
            (OomKills(1), [], WARN),
            (OomKills(3), [3.0] * 1200, PASS),
            (OomKills(3), [3.0] * 1199, WARN),
            (OomKills(3), [3.0, *[None] * 1199], PASS),  # a counter tells of the minutes between its samples too
            (OomKills(3), [*[None] * 1199, 3.0], WARN),
            (OomKills(3), [2.0] * 20, FAIL),
            (OomKills(1), [7.0] * 1200, FAIL),  # the counter began anew, and has counted one since
            (OomKills(0), [7.0] * 1200, PASS),
            (OomKills(None, 0.0), [], PASS),
            (OomKills(None, 0.6), [], FAIL),
        ],
    )
    def test_kills(self, seen: OomKills, samples: list[float | None], status: Status) -> None:
        assert judge_oom(seen, "host", LIMITS, NOW, {"host": samples}).status is status

    def test_rounds_that_take_turns_on_two_machines_count_no_kill_twice(self) -> None:
        turns = {"host/counter:a": [3.0, None] * 600, "host/counter:b": [None, 0.0] * 600}
        for seen in (OomKills(3, counter="a"), OomKills(0, counter="b")):
            assert judge_oom(seen, "host", LIMITS, NOW, turns).status is PASS

    def test_a_kill_on_the_other_machine_fails(self) -> None:
        turns = {"host/counter:a": [3.0, None] * 600, "host/counter:b": [None, 0.0] * 599 + [None, 1.0]}
        result = judge_oom(OomKills(3, counter="a"), "host", LIMITS, NOW, turns)
        assert (result.status, result.observed, result.subject) == (FAIL, Quantity(1, ""), "host")
        assert reason_of(result) == "OOM kills in the last 1200 minutes: 1"
        away = judge_oom(OomKills(0, 0.0, counter="c"), "host", LIMITS, NOW, turns)
        assert (away.status, away.observed) == (FAIL, Quantity(1, ""))

    def test_the_kills_of_a_container_are_not_those_of_its_host(self) -> None:
        samples = {"container/counter:a-7": [0.0] * 10 + [5.0]}
        assert judge_oom(OomKills(0, counter="a"), "host", LIMITS, NOW, samples).status is PASS

    @settings(max_examples=examples(40))
    @given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(0, 19))
    def test_a_restart_in_between_loses_no_kill_that_was_counted(self, growth: list[int], restart: int) -> None:
        counter, value = [0.0], 0.0
        for place, grown in enumerate(growth):
            value = (0 if place == restart else value) + grown
            counter.append(value)
        # A restart can only be seen when the counter falls: what it counts until then is lost to any reader.
        assert counted(counter) <= sum(growth)
        if restart >= len(growth):
            assert counted(counter) == sum(growth)


class TestEvidence:
    """The fullest disk carries a table and a chart of all."""

    def test_the_machine_of_the_round_is_named_beside_its_figures(self) -> None:
        [table] = judge_cpu(CPU, "host", LIMITS, NOW, {}, "worker-3").evidence
        assert isinstance(table, Table)
        assert [row[1] for row in table.rows] == ["worker-3", 10.0, 1.0, 0.0, 1.0, 4, 0]

    def test_the_fullest_disk_alone(self) -> None:
        full = Disk(1000, 50, 50, 0, 0)
        results = judge_disks({"/": DISK, "/data": full, "/nfs": BLIND}, "host", LIMITS, NOW)
        [bearer] = [r for r in results if r.evidence]
        assert (bearer.check, bearer.subject) == ("resources.disk", "host/disk:/data")
        table, chart = bearer.evidence
        assert isinstance(table, Table) and isinstance(chart, Chart)
        assert [row[0] for row in table.rows] == ["/", "/data", "/nfs"]
        assert (chart.labels, chart.values, chart.limit) == (("host/disk:/data", "host/disk:/"), (95.0, 10.0), 80.0)

    def test_reserved_blocks_are_not_room(self) -> None:
        # As on ext4: 1000 blocks, 100 free, of which root keeps 50. df says 95 %.
        space, _ = judge_disks({"/": Disk(1000, 100, 50, 10, 5)}, "host", LIMITS, NOW)
        assert (space.status, space.observed) == (FAIL, Quantity(94.7, "%"))


@settings(max_examples=examples(60))
@given(st.floats(0, 200), st.floats(0, 200), st.floats(1, 100), st.floats(1, 100))
def test_more_is_never_better(a: float, b: float, one: float, other: float) -> None:
    bound = Bound("%", msg("opsrounds' default"), min(one, other), max(one, other))
    order = [PASS, WARN, FAIL]
    low, high = sorted((a, b))
    assert order.index(bound.status(low)) <= order.index(bound.status(high))


def test_a_bound_without_a_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one limit"):
        Bound("%", msg("opsrounds' default"))


def test_the_busiest_machine_is_that_of_those_which_were_seen() -> None:
    quiet, busy, blind = (
        Host(name, seen, NONE, BLIND, NONE, BLIND, NONE, NONE)
        for name, seen in (("a", CPU), ("b", replace(CPU, busy_percent=79.96)), ("c", BLIND))
    )
    assert busiest_percent([quiet, busy, blind, BLIND]) == 80.0
    assert busiest_percent([blind, BLIND]) is busiest_percent([]) is None


class TestHistory:
    """A month of growth against the free space, and minutes that should be gone."""

    @staticmethod
    def grown(
        growth: float | None, free: int | None = 60_000_000, minutes: float = 47.0, total: int = 9_000_000
    ) -> CheckResult:
        return judge_history(HistoryGrowth(total, 1_000_000, free, growth, 7.0, minutes, 45), LIMITS, NOW)

    @pytest.mark.parametrize(
        ("growth", "free", "minutes", "status"),
        [
            (2_000_000, 60_000_000, 47.0, Status.PASS),
            (2_010_000, 60_000_000, 47.0, Status.WARN),
            (-9_000_000, 0, 47.0, Status.PASS),
            (2_000_000, 60_000_000, 47.1, Status.WARN),
            (9e12, None, 47.0, Status.PASS),
            (9e12, None, 47.1, Status.WARN),
            (None, 60_000_000, 99.0, Status.SKIPPED),
        ],
    )
    def test_at_and_beyond_its_limits(
        self, growth: float | None, free: int | None, minutes: float, status: Status
    ) -> None:
        assert self.grown(growth, free, minutes).status is status

    def test_it_says_what_it_has_measured(self) -> None:
        result = self.grown(1_500_000)
        assert result.reason.params == {"size": 9.0, "growth": 1.5, "days": 7.0}
        assert (result.observed, result.limit.value) == (Quantity(45.0, "MB"), 60.0)  # type: ignore[union-attr]
        assert self.grown(1_500_000, minutes=60.0).reason.params == {"stored": 60, "kept": 45}

    def test_what_was_not_seen_is_unknown(self) -> None:
        assert judge_history(BLIND, LIMITS, NOW).status is Status.UNKNOWN
