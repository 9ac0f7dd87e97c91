"""Several hosts through Prometheus: each figure from its own answer, and what is missing in one of them."""

from typing import Any

import pytest

from tasks.observation import Absent, Unobserved
from tasks.prometheus.facts import Point
from tasks.resources.facts import Cpu, Disk, Host, Interface, Memory, OomKills, PacketCounts, Pressure, Swap
from tasks.resources.node_exporter import hosts

Answers = dict[str, list[Point]]


def point(value: float, **labels: str) -> Point:
    return Point({name.strip("_") if name != "__name__" else name: text for name, text in labels.items()}, value, 0.0)


def well(name: str) -> Answers:
    """The answers of one healthy host."""
    at = {"instance": name, "job": "node"}
    gauges = {
        "load1": 1.0,
        "memory_MemTotal_bytes": 1000,
        "memory_MemAvailable_bytes": 600,
        "memory_SwapTotal_bytes": 100,
        "memory_SwapFree_bytes": 90,
    }
    files = {"size_bytes": 1000, "free_bytes": 500, "avail_bytes": 450, "files": 0, "files_free": 0, "device_error": 0}
    disk = {**at, "mountpoint": "/", "device": "/dev/vda", "fstype": "ext4"}
    bound = {**disk, "mountpoint": "/srv/bound"}
    rates = {"cores": 2.0, "pressure-cpu": 5.0, "pressure-memory": 0.0, "pressure-io": 1.0, "oom": 0.0}
    network = {"packets": 9000.0, "errors": 1.0, "drops": 2.0}
    return {
        "up": [point(1, **at)],
        "now": [point(value, __name__=f"node_{metric}", **at) for metric, value in gauges.items()],
        "disks": [
            point(value, __name__=f"node_filesystem_{metric}", **place)
            for place in (bound, disk)
            for metric, value in files.items()
        ],
        "rates": [
            *(
                point(v, figure="cpu", mode=mode, instance=name)
                for mode, v in (("idle", 1.5), ("user", 0.4), ("iowait", 0.1))
            ),
            *(point(value, figure=figure, instance=name) for figure, value in rates.items()),
            *(point(value, figure=figure, instance=name, device="eth0") for figure, value in network.items()),
        ],
    }


def of(*one_each: Answers) -> Answers:
    return {key: [p for answers in one_each for p in answers[key]] for key in ("up", "now", "disks", "rates")}


def seen(answers: Answers, *expected: str) -> dict[str, Any]:
    found = hosts(answers, expected)
    assert not isinstance(found, Unobserved)
    return dict(found)


class TestFigures:
    """A healthy host, and each thing that can be missing."""

    def test_a_host_with_everything(self) -> None:
        assert seen(well("a:9100"))["a:9100"] == Host(
            name="a:9100",
            cpu=Cpu(pytest.approx(20.0), pytest.approx(5.0), None, 2, 1.0, 300.0),  # type: ignore[arg-type]
            pressure=Pressure(5.0, 0.0, 1.0),
            memory=Memory(1000, 600),
            swap=Swap(100, 90),
            disks={"/": Disk(1000, 500, 450, 0, 0)},
            network=(Interface("eth0", None, PacketCounts(9000, 1, 2), 3600.0),),
            oom=OomKills(None, 0.0),
        )

    @pytest.mark.parametrize(
        ("answer", "label", "text", "part"),
        [
            ("rates", "figure", "cpu", "cpu"),
            ("rates", "figure", "cores", "cpu"),
            ("now", "__name__", "node_load1", "cpu"),
            ("rates", "figure", "pressure-io", "pressure"),
            ("rates", "figure", "oom", "oom"),
            ("rates", "figure", "drops", "network"),
            ("now", "__name__", "node_memory_MemAvailable_bytes", "memory"),
            ("now", "__name__", "node_memory_SwapTotal_bytes", "swap"),
        ],
    )
    def test_what_one_host_lacks_is_unobserved_for_that_host_alone(
        self, answer: str, label: str, text: str, part: str
    ) -> None:
        lacking = well("b")
        lacking[answer] = [p for p in lacking[answer] if p.labels[label] != text]
        found = seen(of(well("a"), lacking))
        assert isinstance(getattr(found["b"], part), Unobserved)
        assert not isinstance(getattr(found["a"], part), Unobserved)

    def test_what_no_host_exports_is_absent_where_kernels_differ(self) -> None:
        answers = well("a")
        answers["rates"] = [p for p in answers["rates"] if not p.labels["figure"].startswith(("pressure", "oom"))]
        host = seen(answers)["a"]
        assert isinstance(host.pressure, Absent) and isinstance(host.oom, Absent)

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_value_that_is_no_number(self, value: float) -> None:
        answers = well("a")
        answers["now"] = [
            point(value, **p.labels) if p.labels["__name__"] == "node_memory_MemAvailable_bytes" else p
            for p in answers["now"]
        ]
        assert isinstance(seen(answers)["a"].memory, Unobserved)

    def test_two_series_of_one_figure_are_neither(self) -> None:
        answers = well("a")
        answers["now"] += [point(999, **{**p.labels, "job": "second"}) for p in answers["now"]]
        memory = seen(answers)["a"].memory
        assert isinstance(memory, Unobserved) and "Several series" in memory.reason.text

    def test_a_mount_that_node_exporter_cannot_read(self) -> None:
        answers = well("a")
        nfs = {"instance": "a", "mountpoint": "/nfs", "device": "server:/x"}
        answers["disks"].append(point(1, __name__="node_filesystem_device_error", **nfs))
        disks = seen(answers)["a"].disks
        assert isinstance(disks["/nfs"], Unobserved) and isinstance(disks["/"], Disk)

    def test_no_swap_is_absent(self) -> None:
        answers = well("a")
        answers["now"] = [point(0, **p.labels) if "Swap" in p.labels["__name__"] else p for p in answers["now"]]
        assert isinstance(seen(answers)["a"].swap, Absent)


class TestHosts:
    """A host that is down, unknown, or not there at all."""

    def test_down_and_missing_hosts_are_named(self) -> None:
        down = {**{key: [] for key in ("now", "disks", "rates")}, "up": [point(0, instance="b")]}
        found = seen(of(well("a"), down), "a", "c")
        assert list(found) == ["a", "b", "c"]
        assert isinstance(found["a"], Host)
        assert found["b"].reason.text == "Prometheus cannot scrape this host (up = 0)"
        assert found["c"].reason.text == "Prometheus has no target for this host"

    def test_one_of_two_jobs_down_is_down(self) -> None:
        answers = well("a")
        answers["up"].append(point(0, instance="a", job="second"))
        assert isinstance(seen(answers)["a"], Unobserved)

    def test_a_selector_that_matches_nothing(self) -> None:
        assert isinstance(hosts({"up": [], "now": [], "disks": [], "rates": []}), Unobserved)
