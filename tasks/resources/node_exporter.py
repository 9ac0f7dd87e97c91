"""All hosts at once from what node_exporter exports to Prometheus: few queries, and their answers read host by host."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from tasks.check_result import msg
from tasks.observation import Absent, ObservationError, Unobserved, printable
from tasks.prometheus.facts import Point
from tasks.resources.facts import Cpu, Disk, Host, Interface, Memory, OomKills, PacketCounts, Pressure, Swap

SPAN_S: Final = 300.0
NETWORK_SPAN_S: Final = 3600.0
"""Long enough for a share of lost packets to mean something on a quiet host."""

_FSTYPES = "autofs|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|erofs|fuse.lxcfs|iso9660|mqueue|nsfs|overlay"
_FSTYPES += "|proc|pstore|ramfs|rpc_pipefs|securityfs|squashfs|sysfs|tmpfs|tracefs|udf"
_UNSEEN = msg("Prometheus has no value of this figure for this host")

Key = tuple[str, ...]
Fact = TypeVar("Fact")


def queries(selector: str) -> Mapping[str, str]:
    """The queries by name: `up`, `now` (gauges), `disks`, and `rates` (of a span, distinguished by `figure`)."""
    gauges = "load1|memory_MemTotal_bytes|memory_MemAvailable_bytes|memory_SwapTotal_bytes|memory_SwapFree_bytes"
    files = "size_bytes|free_bytes|avail_bytes|files|files_free|device_error"
    return {
        "up": f"up{{{selector}}}",
        "now": f'{{__name__=~"node_({gauges})",{selector}}}',
        "disks": f'{{__name__=~"node_filesystem_({files})",fstype!~"{_FSTYPES}",{selector}}}',
        "rates": " or ".join(_rates(selector)),
    }


def hosts(
    answers: Mapping[str, Sequence[Point]], expected: Iterable[str] = ()
) -> Mapping[str, Host | Unobserved] | Unobserved:
    """Every host that Prometheus scrapes or the service file names; one that is down or missing is Unobserved."""
    up: dict[str, float] = {}
    for point in answers["up"]:
        name = point.labels.get("instance", "")
        up[name] = min(point.value, up.get(name, math.inf))
    if not up:
        return Unobserved(msg("No host matches the selector: check [resources.prometheus] selector"))
    tables = Tables(
        _by_name(answers["now"]), _by_name(answers["disks"], "mountpoint", "device"), _by_figure(answers["rates"])
    )
    found: dict[str, Host | Unobserved] = {}
    for name in sorted({*up, *expected}):
        if name not in up:
            found[printable(name, 100)] = Unobserved(msg("Prometheus has no target for this host"))
        elif up[name] != 1:
            found[printable(name, 100)] = Unobserved(msg("Prometheus cannot scrape this host (up = 0)"))
        else:
            found[printable(name, 100)] = _host(name, tables)
    return found


@dataclass(frozen=True, slots=True)
class Tables:
    """The answers by metric or figure, then by instance and further labels; None where two series claim one place."""

    now: Mapping[str, Mapping[Key, float | None]]
    disks: Mapping[str, Mapping[Key, float | None]]
    rates: Mapping[str, Mapping[Key, float | None]]


def _rates(selector: str) -> Iterable[str]:
    modes = f"sum by (instance, mode) (rate(node_cpu_seconds_total{{{selector}}}[5m]))"
    yield _figure("cpu", modes)
    yield _figure("cores", f'count by (instance) (node_cpu_seconds_total{{mode="idle",{selector}}})')
    stalls = {"cpu": "cpu_waiting", "memory": "memory_stalled", "io": "io_stalled"}
    for name, metric in stalls.items():
        rate = f"rate(node_pressure_{metric}_seconds_total{{{selector}}}[5m])"
        yield _figure(f"pressure-{name}", f"100 * sum by (instance) ({rate})")
    yield _figure("oom", f"sum by (instance) (increase(node_vmstat_oom_kill{{{selector}}}[24h]))")
    for name, metric in {"packets": "packets", "errors": "errs", "drops": "drop"}.items():
        both = " + ".join(
            f'sum by (instance, device) (increase(node_network_{way}_{metric}_total{{device!="lo",{selector}}}[1h]))'
            for way in ("receive", "transmit")
        )
        yield _figure(name, both)


def _figure(name: str, expression: str) -> str:
    """Tells the figures of one query apart: functions take the metric's name away."""
    return f'label_replace({expression}, "figure", "{name}", "", "")'


def _host(name: str, tables: Tables) -> Host:
    return Host(
        name=printable(name, 100),
        cpu=_seen(lambda: _cpu(name, tables)),
        pressure=_if_exported(tables.rates, "pressure-cpu", lambda: _pressure(name, tables)),
        memory=_seen(lambda: _memory(name, tables)),
        swap=_swap(name, tables),
        disks=_disks(name, tables.disks),
        network=_network(name, tables),
        oom=_if_exported(tables.rates, "oom", lambda: OomKills(None, _one(tables.rates, "oom", name))),
    )


def _cpu(name: str, tables: Tables) -> Cpu:
    modes = {key[1]: value for key, value in tables.rates.get("cpu", {}).items() if key[0] == name}
    if not modes or None in modes.values() or (every := sum(v for v in modes.values() if v is not None)) <= 0:
        raise ObservationError(_UNSEEN)
    share = {mode: 100 * seconds / every for mode, seconds in modes.items() if seconds is not None}
    if "idle" not in share:
        raise ObservationError(_UNSEEN)
    busy = 100 - share["idle"] - share.get("iowait", 0.0)
    cores, load1 = _one(tables.rates, "cores", name), _one(tables.now, "node_load1", name)
    return Cpu(max(busy, 0.0), share.get("iowait"), share.get("steal"), max(round(cores), 1), load1, SPAN_S)


def _pressure(name: str, tables: Tables) -> Pressure:
    cpu, memory, io = (_one(tables.rates, f"pressure-{kind}", name) for kind in ("cpu", "memory", "io"))
    return Pressure(cpu, memory, io)


def _memory(name: str, tables: Tables) -> Memory:
    total = round(_one(tables.now, "node_memory_MemTotal_bytes", name))
    if total <= 0:
        raise ObservationError(_UNSEEN)
    return Memory(total, round(_one(tables.now, "node_memory_MemAvailable_bytes", name)))


def _swap(name: str, tables: Tables) -> Swap | Absent | Unobserved:
    try:
        total = round(_one(tables.now, "node_memory_SwapTotal_bytes", name))
        if total == 0:
            return Absent(msg("The host has no swap space"))
        return Swap(total, round(_one(tables.now, "node_memory_SwapFree_bytes", name)))
    except ObservationError as error:
        return Unobserved(error.reason)


def _disks(name: str, table: Mapping[str, Mapping[Key, float | None]]) -> Mapping[str, Disk | Unobserved] | Unobserved:
    places = {(key[1], key[2]) for values in table.values() for key in values if key[0] == name}
    if not places:
        return Unobserved(_UNSEEN)
    found: dict[str, Disk | Unobserved] = {}
    devices: set[str] = set()
    # The shortest path of a device is its own, the others are bound to it.
    for mount, device in sorted(places, key=lambda place: (len(place[0]), place)):
        if device not in devices:
            devices.add(device)
            found[printable(mount, 200)] = _seen(lambda at=(name, mount, device): _disk(at, table))  # type: ignore[misc]
    return found


def _disk(at: Key, table: Mapping[str, Mapping[Key, float | None]]) -> Disk:
    if table.get("node_filesystem_device_error", {}).get(at):
        raise ObservationError(msg("node_exporter cannot read this mount point"))
    size, free, available, inodes, inodes_free = (
        round(_one(table, f"node_filesystem_{figure}", *at))
        for figure in ("size_bytes", "free_bytes", "avail_bytes", "files", "files_free")
    )
    return Disk(size, free, available, inodes, inodes_free)


def _network(name: str, tables: Tables) -> tuple[Interface, ...] | Unobserved:
    devices = sorted(key[1] for key in tables.rates.get("packets", {}) if key[0] == name)
    if not devices:
        return Unobserved(_UNSEEN)
    try:
        return tuple(
            Interface(
                printable(device, 40),
                None,
                PacketCounts(*(_one(tables.rates, figure, name, device) for figure in ("packets", "errors", "drops"))),
                NETWORK_SPAN_S,
            )
            for device in devices
        )
    except ObservationError as error:
        return Unobserved(error.reason)


def _seen(read: Callable[[], Fact]) -> Fact | Unobserved:
    try:
        return read()
    except ObservationError as error:
        return Unobserved(error.reason)


def _if_exported(
    table: Mapping[str, Mapping[Key, float | None]], figure: str, read: Callable[[], Fact]
) -> Fact | Absent | Unobserved:
    """Not every kernel has the figure: where no host exports it, it is absent; where some do, it is missing."""
    if not table.get(figure):
        return Absent(msg("No host exports this figure to Prometheus"))
    return _seen(read)


def _one(table: Mapping[str, Mapping[Key, float | None]], figure: str, *at: str) -> float:
    values = table.get(figure, {})
    if at not in values:
        raise ObservationError(_UNSEEN)
    if (value := values[at]) is None:
        raise ObservationError(msg("Several series match this figure: narrow the selector"))
    if not math.isfinite(value):
        raise ObservationError(_UNSEEN)
    return value


def _by_name(points: Iterable[Point], *further: str) -> Mapping[str, Mapping[Key, float | None]]:
    return _table(points, "__name__", further)


def _by_figure(points: Iterable[Point]) -> Mapping[str, Mapping[Key, float | None]]:
    return _table(points, "figure", ("mode", "device"))


def _table(points: Iterable[Point], first: str, further: tuple[str, ...]) -> Mapping[str, Mapping[Key, float | None]]:
    table: dict[str, dict[Key, float | None]] = {}
    for point in points:
        labels = point.labels
        at = (labels.get("instance", ""), *(labels[label] for label in further if label in labels))
        values = table.setdefault(labels.get(first, ""), {})
        # Of two series in one place, neither may be taken for the host's.
        values[at] = None if at in values else point.value
    return table
