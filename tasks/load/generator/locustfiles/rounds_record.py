"""What a process of Locust records: every request, and how the process itself fared. Nothing but Python is needed."""

import struct
import time
from pathlib import Path
from typing import Any

_ROW = struct.Struct("<ddHH")
_MOST_NAMES = 200
_MOST_MODULES = 50
_MOST_CAUSES = 50
_MOST_CHARS = 4000  # much more than is shown: what is cut off must not be half of a secret, which nobody would know
_SAMPLES = 200
_TIMER_S = 0.05
OTHER = "other"
UNANSWERED = "unanswered when the test ended"
REFUSED = "host not in [load] hosts"


class Recorder:
    """Requests since the last block, each 20 bytes: start (s since 1970), response time (ms), its name, its failure."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._known_causes: set[str] = set()
        self._modules: set[str] = set()
        self._empty()

    def _empty(self) -> None:
        self._rows = bytearray()
        self._names: dict[str, int] = {}
        self._causes: dict[str, int] = {"": 0}
        self._seconds: dict[int, list[Any]] = {}

    def add(self, name: str, started: float, ms: float, cause: str) -> None:
        """One request; `cause` is empty when it succeeded."""
        number = self._names.get(name)
        if number is None:
            number = self._names.setdefault(self._name(name), len(self._names))
        failure = self._causes.get(cause)
        if failure is None:
            failure = self._causes.setdefault(self._cause(cause), len(self._causes))
        self._rows += _ROW.pack(started, ms, number, failure)
        second = int(started + ms / 1000)
        counted = self._seconds.get(second)
        if counted is None:
            counted = self._seconds[second] = [0, 0, []]
        counted[0] += 1
        if failure:
            counted[1] += 1
        elif len(counted[2]) < _SAMPLES:
            counted[2].append(ms)

    def take(self) -> dict[str, Any]:
        """What was recorded since the last call, with names and causes by their numbers in it."""
        block = {
            "names": list(self._names),
            "causes": list(self._causes),
            "rows": bytes(self._rows),
            "seconds": [[second, *counted] for second, counted in self._seconds.items()],
        }
        self._empty()
        return block

    def _name(self, name: str) -> str:
        """A name, or what stands for all those that are too many: addresses with numbers in them have no end."""
        name = name[:_MOST_CHARS]
        if name in self._known or len(self._known) < _MOST_NAMES:
            self._known.add(name)
            return name
        module, colon, _ = name.partition(":")
        folded = f"{module}:{OTHER}" if colon and len(self._modules | {module}) <= _MOST_MODULES else OTHER
        self._modules.add(folded.partition(":")[0])
        return folded

    def _cause(self, cause: str) -> str:
        cause = cause[:_MOST_CHARS]
        if cause in self._known_causes or len(self._known_causes) < _MOST_CAUSES:
            self._known_causes.add(cause)
            return cause
        return OTHER


class Health:
    """CPU time that this process used or waited for, and how late its timers were."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._before = (time.monotonic(), _demand_s())

    def follow_timers(self, sleep: Any) -> None:
        """For ever: a timer of 50 ms; those that a longer delay left out are counted with the rest of that delay."""
        while True:
            due = time.monotonic() + _TIMER_S
            sleep(_TIMER_S)
            late = time.monotonic() - due
            while late >= 0 and len(self._late) < 10_000:
                self._late.append(round(late * 1000, 2))
                late -= _TIMER_S

    def take(self) -> dict[str, Any]:
        """Since the last call: the demand for CPU time in % of one processor, and delays in ms."""
        now, demand = time.monotonic(), _demand_s()
        wall = now - self._before[0]
        percent = 100 * (demand - self._before[1]) / wall if wall > 0 else 0.0
        self._before = (now, demand)
        late, self._late = self._late, []
        return {"at": time.time(), "wall": wall, "cpu": percent, "late": late}


def _demand_s() -> float:
    """CPU time used, and time spent waiting for a processor, which plain CPU usage does not show."""
    try:
        waited_ns = int(Path("/proc/self/schedstat").read_text().split()[1])
    except (OSError, ValueError, IndexError):  # not Linux
        waited_ns = 0
    return time.process_time() + waited_ns / 1e9


def cause_of(error: Any, status: int | None) -> str:
    """What made a request fail, in few words and without addresses."""
    for inner in _chain(error):
        if type(inner).__name__ in ("RefusedName", "RefusedAddress"):
            return REFUSED
    if type(error).__name__ in ("CatchResponseError", "str"):  # the team's own words
        return str(error)
    if status is not None and status >= 400:
        return f"HTTP {status}"
    kinds = [inner for inner in _chain(error) if isinstance(inner, OSError) and inner.errno is not None]
    return type(kinds[-1] if kinds else error).__name__


def _chain(error: Any) -> list[BaseException]:
    found: list[BaseException] = []
    left = [error]
    while left and len(found) < 20:
        inner = left.pop(0)
        if isinstance(inner, BaseException) and inner not in found:
            found.append(inner)
            left += [inner.__cause__, inner.__context__, getattr(inner, "reason", None), *inner.args]
    return found
